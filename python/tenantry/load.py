"""One process's share of the load: its engine, its virtual users, their hooks."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path
from typing import Any

from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.drill import Drillers
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import close_engine, open_engine
from tenantry.errors import UsageError
from tenantry.plan.plan import Plan
from tenantry.scenario.decorators import hook_timeout_s
from tenantry.scenario.workload import Workload
from tenantry.workers import Workers

# A request allocates a dozen objects and frees them: collecting every 700 would only cost time.
_GC_THRESHOLDS = (50_000, 20, 20)


class Load:
    """What a process does of a load, on the running event loop: `begin`, then `engine.start`, `work`, `end_users`; `close` in any case."""

    def __init__(self, workload: Workload, plan: Plan, folder: Path, population: Population | None) -> None:
        self.workload, self.plan = workload, plan
        self.errors = ScriptErrors(folder)
        self.fault: str | None = None
        self._workers: Workers | Drillers | None = None
        self._gc_before: tuple[int, int, int] | None = None
        self.engine = open_engine(plan, folder)
        scenarios = [workload.scenarios[name] for name in plan.scenarios]
        self.crew = Crew(self.engine, plan, scenarios, population, self.errors, keep_sessions="on_stop" in workload.hooks)

    async def begin(self, shared: Any) -> str | None:
        """Make the virtual users. Those whose `on_start` fails take no part: returns a note on them."""
        for feeder in self.workload.feeders:
            feeder.cut(*self.plan.share)
        drilled = self.plan.drill is not None
        self._workers = Drillers(self.engine, self.plan) if drilled else Workers(self.crew, shared, self.workload.hooks)
        note = await self._workers.begin()
        self._collect_rarely()
        return note

    @property
    def lead_s(self) -> float:
        """How long this process needs between the word to start and the start."""
        return 0.1 + (len(self._workers) if self._workers is not None else 0) * 50e-6

    @property
    def made_late(self) -> int:
        """How many virtual users were made while the load ran."""
        return self._workers.made_late if self._workers is not None else 0

    async def work(self) -> None:
        """Return when the last virtual user has ended."""
        assert self._workers is not None, "begin comes first"
        await self._workers.work()

    def cut_off(self) -> None:
        """End all running iterations now."""
        if self._workers is not None:
            self._workers.cut_off()

    async def end_users(self, *, hooks: bool, hurried: bool) -> str | None:
        """Close the virtual users, after `on_stop` with `hooks`, within its time-out for all together if `hurried`. Returns a note."""
        if self._workers is None:
            return None
        hook = self.workload.hooks.get("on_stop") if hooks else None
        try:
            if hook is None:
                return None
            async with asyncio.timeout(hook_timeout_s(hook) if hurried else None):
                return await self._workers.end(hook)
        except (TimeoutError, asyncio.CancelledError):
            return "on_stop was interrupted before its end"
        finally:
            self._workers.close()

    def close(self) -> None:
        """End the engine's threads; `fault` then says why the folder could not be written, if so."""
        if self._gc_before is not None:
            gc.set_threshold(*self._gc_before)
            gc.unfreeze()
        self.fault = self.engine.fault()
        close_engine(self.engine)
        self.fault = self.fault or self.engine.fault()
        with suppress(OSError):
            self.errors.write()

    def _collect_rarely(self) -> None:
        """What exists now lives as long as the run: the garbage collector need not visit it again while time is measured."""
        self._gc_before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)


def population_of(workload: Workload, plan: Plan) -> Population | None:
    """The rows that virtual users are drawn from; None for a workload without dataset. Raises UsageError when the dataset is wrong."""
    dataset = workload.dataset
    if dataset is None:
        return None
    if not isinstance(dataset, Dataset):
        raise UsageError(f"the dataset {dataset.name!r} is a {type(dataset).__name__}, not a Dataset", where=str(workload.location))
    return Population(dataset, plan.tenants)
