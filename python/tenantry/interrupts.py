"""Ctrl-C and SIGTERM while something goes on that wants to end in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 3


@contextmanager
def interrupts(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Iterator[None]:
    """Within the block every SIGINT and SIGTERM calls `act` on the event loop, and the handlers from before are put back at its end.

    The third one raises KeyboardInterrupt wherever the program is: a script may never let the loop come to `act`.
    """
    seen = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen >= PATIENCE:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(act)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
