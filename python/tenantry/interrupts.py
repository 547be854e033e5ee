"""Ctrl-C and SIGTERM while something goes on that wants to end in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from tenantry.errors import Interrupted

PATIENCE = 3


class Interrupts:
    """Within its `with` block SIGINT and SIGTERM wait until somebody listens to them; the handlers from before are put back at its end.

    The third one raises KeyboardInterrupt wherever the program is: a script may never let the event loop come to itself.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._listener: tuple[asyncio.AbstractEventLoop, Callable[[], None]] | None = None
        self._before: dict[signal.Signals, Any] = {}

    @property
    def came(self) -> bool:
        """Whether there was a signal."""
        return self._seen > 0

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def listen(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Iterator[None]:
        """Call `act` on the event loop for every signal that comes in the block, and once for those that came before it."""
        self._listener = loop, act
        if self._seen:
            loop.call_soon(act)
        try:
            yield
        finally:
            self._listener = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._seen += 1
        if self._seen >= PATIENCE:
            raise KeyboardInterrupt
        if self._listener is not None:
            loop, act = self._listener
            loop.call_soon_threadsafe(act)


@contextmanager
def stop_on_terminate() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that everything that was started or changed in the block is stopped or undone."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; everything that was started is stopped") from None
    finally:
        signal.signal(signal.SIGTERM, before)
