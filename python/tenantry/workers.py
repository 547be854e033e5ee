"""All virtual users of a run at work: made before the load or on demand, interrupted when their time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from tenantry.driver import Crew, Worker
from tenantry.hooks import for_each, missing, run_hook
from tenantry.scenario.decorators import HookFunction

NO_HOOKS: Mapping[str, HookFunction] = MappingProxyType({})


class Workers:
    """The tasks of all virtual users of this process, and what the engine wants done with them."""

    def __init__(self, crew: Crew, shared: Any, hooks: Mapping[str, HookFunction] = NO_HOOKS) -> None:
        self._crew, self._shared = crew, shared
        self._on_start = hooks.get("on_start")
        self._workers = {(worker.stream, worker.index): worker for worker in crew.hire(shared)}
        self.made_late = 0

    def __len__(self) -> int:
        return len(self._workers)

    async def begin(self) -> str | None:
        """Run `on_start` for each; those for which it fails are let go. Returns a note on them; raises TargetError when nobody is left."""
        if self._on_start is None:
            return None
        wanted = self._workers
        started = await for_each(self._on_start, list(wanted.values()), self._crew)
        self._workers = {(worker.stream, worker.index): worker for worker in started}
        for place in wanted.keys() - self._workers.keys():
            wanted[place].session.close()
        return missing(len(wanted), len(started), self._crew)

    async def end(self, on_stop: HookFunction) -> str | None:
        """Run `on_stop` for each; returns a note on those for which it failed."""
        stopped = await for_each(on_stop, list(self._workers.values()), self._crew)
        failed = len(self._workers) - len(stopped)
        return f"on_stop failed for {failed} of {len(self._workers)} virtual users" if failed else None

    def close(self) -> None:
        """Close the connections of all."""
        for worker in self._workers.values():
            worker.session.close()

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

    async def _start_late(self, worker: Worker, on_start: HookFunction) -> None:
        if await run_hook(on_start, worker, self._crew):
            await self._crew.work(worker)
        else:
            del self._workers[worker.stream, worker.index]
            worker.session.close()

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
        if self._on_start is None:
            self._start(worker)
        else:
            worker.task = asyncio.create_task(self._start_late(worker, self._on_start), name=f"vu {worker.vu.number}")
