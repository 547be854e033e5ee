"""Faults beside the app: begun before its workers start, ended after they have stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager

from tenantry_clinic.faults import fault
from tenantry_clinic.faults._model import Ground


@contextmanager
def beside(faults: Mapping[str, float], ground: Ground) -> Iterator[dict[str, str]]:
    """Lay the faults in a thread with an event loop of its own; gives the variables that they set for the workers."""
    life = _Life(faults, ground)
    life.start()
    try:
        life.laid.wait()
        if life.failed is not None:
            raise life.failed
        yield life.environment
    finally:
        life.end()
        if life.failed is not None:
            raise life.failed


class _Life(threading.Thread):
    def __init__(self, faults: Mapping[str, float], ground: Ground) -> None:
        super().__init__(name="faults")
        self._faults, self._ground = faults, ground
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self.laid = threading.Event()
        self.environment: dict[str, str] = {}
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            self._loop.run_until_complete(self._hold())
        except Exception as error:
            self.failed = error
        finally:
            self._loop.close()
            self.laid.set()

    async def _hold(self) -> None:
        async with AsyncExitStack() as stack:
            for name, value in self._faults.items():
                self.environment |= await stack.enter_async_context(fault(name).beside(self._ground, value))
            self.laid.set()
            await self._over.wait()

    def end(self) -> None:
        """Undo all of them."""
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self.join()
