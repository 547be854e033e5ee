"""Carries out the load of one run: setup, virtual users, early ends, teardown."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tenantry.control import Desk, listening
from tenantry.datasets.population import Population
from tenantry.drill import Drillers
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import Engine, close_engine, open_engine
from tenantry.errors import Interrupted, TenantryError, UsageError
from tenantry.folder import RunFolder
from tenantry.interrupts import Interrupts
from tenantry.plan.breaker import Breaker
from tenantry.plan.plan import Plan
from tenantry.prepare import Prepared
from tenantry.results import open_run
from tenantry.scenario.decorators import Scenario, hook_timeout_s
from tenantry.thresholds.evaluate import evaluate
from tenantry.thresholds.model import Threshold
from tenantry.types import Progress
from tenantry.units import NS
from tenantry.verdict import BREAKER
from tenantry.workers import Workers

_WATCH_S = 0.25
_ABORT_CHECK_S = 2.0
_BROKEN_AFTER = 100
# A request allocates a dozen objects and frees them: collecting every 700 would only cost time.
_GC_THRESHOLDS = (50_000, 20, 20)

OnProgress = Callable[[Plan, Progress], None]
OnNote = Callable[[str], None]


class Conductor:
    """Carries out the load of one run on the running event loop."""

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        population: Population | None,
        on_progress: OnProgress | None = None,
        on_note: OnNote | None = None,
    ) -> None:
        self.workload, self.plan = prepared.workload, prepared.plan
        self.thresholds: tuple[Threshold, ...] = tuple(threshold for threshold in prepared.thresholds if threshold.abort)
        self.breaker = Breaker(self.plan.breaker_share, self.plan.breaker_window_ns)
        self.folder = folder
        self.population = population
        self.on_progress = on_progress
        self.on_note = on_note
        self.errors = ScriptErrors(folder.path)
        self.end = "finished"
        self.notes: list[str] = []
        self.fault: str | None = None
        self._phase: Literal["setup", "load", "teardown"] = "setup"
        self._main: asyncio.Task[None] | None = None
        self._workers: Workers | Drillers | None = None
        self._was_cut_off = False

    @property
    def loaded(self) -> bool:
        """Whether any load was sent."""
        return self._phase != "setup"

    async def conduct(self, interrupts: Interrupts) -> None:
        """Setup, load, teardown; leaves everything that was measured in the run folder. Raises Interrupted when nothing was sent."""
        engine = open_engine(self.plan, self.folder.path)
        keep = "on_stop" in self.workload.hooks
        crew = Crew(engine, self.plan, self._scenarios(), self.population, self.errors, keep_sessions=keep)
        self._main = asyncio.current_task()
        with interrupts.listen(asyncio.get_running_loop(), partial(self._on_interrupt, engine)):
            try:
                shared = await self._setup(crew)
                workers = await self._start_users(crew, shared)
                await self._load(engine, crew, workers)
                self._phase = "teardown"
                await self._stop_users(workers)
                await self._teardown(crew, shared)
            except asyncio.CancelledError:
                if not self.loaded:
                    raise Interrupted("interrupted before the load began; no run was stored") from None
                self.end = "interrupted"
                self._load_ended(engine)
                raise
            finally:
                self._close(engine)

    def _scenarios(self) -> list[Scenario]:
        return [self.workload.scenarios[name] for name in self.plan.scenarios]

    def _close(self, engine: Engine) -> None:
        self.fault = engine.fault()
        close_engine(engine)
        self.fault = self.fault or engine.fault()
        with suppress(OSError):
            self.errors.write()

    def _on_interrupt(self, engine: Engine) -> None:
        """Ctrl-C: before and after the load give up; in it no new iterations, and if it is ending already, running ones are cut off."""
        if self._phase != "load":
            if self._main is not None:
                self._main.cancel()
        elif self.end == "finished":
            self.end = "interrupted"
            engine.event("interrupted", "no new iterations; running ones may end")
            self._say("interrupted: running iterations may end; Ctrl-C again cuts them off")
            self._stop(engine)
        else:
            self._was_cut_off = True
            self._cut_off()

    def _say(self, text: str) -> None:
        if self.on_note is not None:
            with suppress(OSError):
                self.on_note(text)

    def _cut_off(self) -> None:
        """End all running iterations now."""
        if self._workers is not None:
            self._workers.cut_off()

    def _stop(self, engine: Engine) -> None:
        self._load_ended(engine)
        engine.stop()

    def _stop_by_hand(self, engine: Engine) -> None:
        """As Ctrl-C does, but what ran until then is judged as a whole run."""
        if self.end != "finished":
            raise UsageError("the run is ending already")
        self.end = "stopped"
        self._stop(engine)

    def _load_ended(self, engine: Engine) -> None:
        self.folder.load_ended(min(engine.now_ns(), self.plan.duration_ns))

    async def _setup(self, crew: Crew) -> Any:
        hook = self.workload.setup
        return await crew.call_hook(hook, "setup", None, timeout_s=hook_timeout_s(hook)) if hook is not None else None

    async def _start_users(self, crew: Crew, shared: object) -> Workers | Drillers:
        """Make the virtual users; those whose `on_start` fails take no part."""
        for feeder in self.workload.feeders:
            feeder.cut(*self.plan.share)
        drilled = self.plan.drill is not None
        workers = self._workers = Drillers(crew.engine, self.plan) if drilled else Workers(crew, shared, self.workload.hooks)
        note = await workers.begin()
        if note is not None:
            self.notes.append(note)
            self._say(note)
        return workers

    async def _stop_users(self, workers: Workers | Drillers) -> None:
        """Run `on_stop`, within its time-out for all together if the run was interrupted, and not at all once it was cut off."""
        try:
            hook = None if self._was_cut_off else self.workload.hooks.get("on_stop")
            if hook is not None:
                async with asyncio.timeout(hook_timeout_s(hook) if self.end == "interrupted" else None):
                    note = await workers.end(hook)
                self.notes += [note] if note is not None else []
        except (TimeoutError, asyncio.CancelledError):
            self.notes.append("on_stop was interrupted before its end")
        finally:
            workers.close()

    async def _load(self, engine: Engine, crew: Crew, workers: Workers | Drillers) -> None:
        self.folder.load_started()
        for threshold in self.thresholds[:1]:
            # The first look at a folder imports the database: a pause of the loop that must not be part of what is measured.
            _evaluate_now(threshold, self.folder.path)
        desk = Desk(engine, engine.control, partial(self._stop_by_hand, engine), self._say)
        async with listening(self.folder.path, desk):
            await self._work(engine, workers)
        if crew.out_of_data and self.end == "finished" and engine.now_ns() < self.plan.duration_ns:
            self.notes.append("the load ended early: a feeder has no more rows")
            self._stop(engine)
        self.folder.load_ended(engine.load_end_ns() or self.plan.duration_ns)
        if workers.made_late:
            self.notes.append(f"{workers.made_late:,} virtual users were made while the load ran; a higher pre_allocated_vus avoids that")

    async def _work(self, engine: Engine, workers: Workers | Drillers) -> None:
        with _rare_collection():
            engine.start(0.1 + len(workers) * 50e-6)
            self._phase = "load"
            watcher = asyncio.create_task(self._watch(engine))
            watcher.add_done_callback(self._watched)
            try:
                await workers.work()
            finally:
                watcher.cancel()
        if watcher.done() and not watcher.cancelled() and (error := watcher.exception()) is not None:
            raise error

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """Nobody ends a load that nobody watches."""
        if not watcher.cancelled():
            self._cut_off()

    async def _watch(self, engine: Engine) -> None:
        """Progress, the run folder's health, abort thresholds."""
        next_show = next_check = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            if engine.is_broken():
                raise RuntimeError("a thread of the engine broke off")
            progress = engine.progress()
            now = time.monotonic()
            if now >= next_show:
                next_show = now + 1.0
                self._show(progress)
            if engine.fault() is not None or self._is_broken(progress):
                self._give_up(engine)
            if self.end == "finished" and (why := self.breaker.trips(_counts(progress))) is not None:
                await self._break_off(engine, why)
            if self.thresholds and now >= next_check and self.end == "finished":
                next_check = now + _ABORT_CHECK_S
                await self._check_abort(engine)

    def _show(self, progress: Progress) -> None:
        # The engine notes a full disk by itself; a terminal that went away is no reason to end a run.
        with suppress(OSError):
            self.errors.write()
        with suppress(OSError):
            if self.on_progress is not None:
                self.on_progress(self.plan, progress)

    def _is_broken(self, progress: Progress) -> bool:
        """Whether every iteration raises: going on would only repeat it."""
        return progress["errors"] >= _BROKEN_AFTER and progress["completed"] + progress["failed"] == 0

    def _give_up(self, engine: Engine) -> None:
        if self.end == "finished":
            self.end = "aborted"
            self._stop(engine)

    async def _check_abort(self, engine: Engine) -> None:
        for threshold in self.thresholds:
            if engine.now_ns() < threshold.abort_after_s * NS:
                continue
            result = await asyncio.to_thread(_evaluate_now, threshold, self.folder.path)
            if result is not None:
                engine.event("aborted", f"{threshold} failed: {result}")
                self.notes.append(f"stopped early: {threshold} failed")
                self._give_up(engine)
                return

    async def _break_off(self, engine: Engine, why: str) -> None:
        """End a load that fails as a whole, and tell what failed."""
        most = await asyncio.to_thread(_most_frequent_failure, self.folder.path)
        text = f"the error breaker stopped the run: {why}{most}"
        engine.event(BREAKER, text)
        self.notes.append(f"{text}; `breaker_share` and `breaker_window` of the workload say when")
        self._give_up(engine)

    async def _teardown(self, crew: Crew, shared: object) -> None:
        hook = self.workload.teardown
        if hook is None:
            return
        try:
            await crew.call_hook(hook, "teardown", shared, timeout_s=hook_timeout_s(hook))
        except TenantryError as error:
            self.notes.append(str(error))
        except asyncio.CancelledError:
            self.notes.append("teardown was interrupted before its end")


@contextmanager
def _rare_collection() -> Iterator[None]:
    """What exists now lives as long as the run: the garbage collector need not visit it again while time is measured."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _counts(progress: Progress) -> dict[str, int]:
    return {"elapsed_ns": progress["elapsed_ns"], "requests": progress["requests"], "failures": progress["failures"]}


def _most_frequent_failure(folder: Path) -> str:
    """Half a sentence on what failed most, as far as it is on disk by now."""
    with open_run(folder) as run:
        found = run.failures[:1]
    return "".join(f", most often {one.name} by {one.kind}{f': {one.detail}' if one.detail else ''}" for one in found)


def _evaluate_now(threshold: Threshold, folder: Path) -> str | None:
    """What was observed, when the threshold fails on what is on disk by now."""
    with open_run(folder) as run:
        result = evaluate(threshold, run)
    return f"{result.observed:g}" if result.result == "fail" and result.observed is not None else None
