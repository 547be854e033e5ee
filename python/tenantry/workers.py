"""All virtual users of a run at work: made before the load or on demand, interrupted when their time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from tenantry.driver import Crew, Worker


class Workers:
    """The tasks of all virtual users of this process, and what the engine wants done with them."""

    def __init__(self, crew: Crew, shared: Any) -> None:
        self._crew, self._shared = crew, shared
        self._workers = {(worker.stream, worker.index): worker for worker in crew.hire(shared)}
        self.made_late = 0

    def __len__(self) -> int:
        return len(self._workers)

    async def work(self) -> None:
        """Let all of them work, carry out the engine's orders, and return when every one has ended. Raises what no task of ours should."""
        for worker in self._workers.values():
            self._start(worker)
        obeying = asyncio.create_task(self._obey())
        # Nobody ends a load whose orders nobody hears.
        obeying.add_done_callback(lambda task: None if task.cancelled() else self.cut_off())
        try:
            while going := [task for task in self._tasks() if not task.done()]:
                await asyncio.gather(*going, return_exceptions=True)
        finally:
            obeying.cancel()
        for task in (*self._tasks(), obeying):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def cut_off(self, streams: Collection[int] | None = None) -> None:
        """End the running iterations of these streams, or all, now."""
        for worker in self._workers.values():
            if streams is None or worker.stream in streams:
                worker.cut_off()

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [worker.task for worker in self._workers.values() if worker.task is not None]

    def _start(self, worker: Worker) -> None:
        worker.task = asyncio.create_task(self._crew.work(worker), name=f"vu {worker.vu.number}")

    async def _obey(self) -> None:
        """Carry out what the engine wants done, until cancelled."""
        while True:
            word, stream, index = await self._crew.engine.order()
            match word:
                case "hire":
                    self._hire_late(stream, index)
                case "interrupt":
                    self._workers[stream, index].interrupt()
                case "cut_off":
                    self.cut_off({stream})

    def _hire_late(self, stream: int, index: int) -> None:
        if not self.made_late:
            self._crew.engine.event("vus_made", "the virtual users made before the load were all busy; more are made on demand")
        self.made_late += 1
        worker = self._workers[stream, index] = self._crew.hire_one(stream, index, self._shared)
        self._start(worker)
