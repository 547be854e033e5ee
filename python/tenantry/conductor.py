"""Carries out the load of one run: setup, virtual users, early ends, teardown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tenantry.channel import Worked
from tenantry.control import Desk, listening
from tenantry.datasets.population import Population
from tenantry.driver import Crew
from tenantry.engine import Engine
from tenantry.errors import Interrupted, TenantryError, UsageError
from tenantry.folder import RunFolder
from tenantry.generators import Generators
from tenantry.interrupts import Interrupts
from tenantry.load import Load
from tenantry.observe.observer import Observer
from tenantry.plan.breaker import Breaker
from tenantry.plan.plan import Plan
from tenantry.prepare import Prepared
from tenantry.results import open_run
from tenantry.scenario.decorators import hook_timeout_s
from tenantry.thresholds.evaluate import ThresholdResult, evaluate
from tenantry.thresholds.model import Threshold
from tenantry.types import Progress
from tenantry.units import NS
from tenantry.verdict import BREAKER

_WATCH_S = 0.25
_ABORT_CHECK_S = 2.0
_BROKEN_AFTER = 100

OnProgress = Callable[[Plan, Progress], None]
OnNote = Callable[[str], None]
OnBreach = Callable[[ThresholdResult, Path], None]


class Conductor:
    """Carries out the load of one run on the running event loop, its own share and, through the other processes, theirs.

    Afterwards `end` tells how it ended, `notes` what the user should know, `fault` why the run folder could not be written, and `lost` why
    a load process is gone.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        population: Population | None,
        on_progress: OnProgress | None = None,
        on_note: OnNote | None = None,
        on_breach: OnBreach | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.workload, self.plan = prepared.workload, prepared.plan
        self.thresholds: tuple[Threshold, ...] = tuple(threshold for threshold in prepared.thresholds if threshold.abort)
        self.breaker = Breaker(self.plan.breaker_share, self.plan.breaker_window_ns)
        self.folder = folder
        self.population = population
        self.on_progress = on_progress
        self.on_note = on_note
        self.on_breach = on_breach
        self.end = "finished"
        self.notes: list[str] = []
        self.fault: str | None = None
        self.lost: str | None = None
        self._phase: Literal["setup", "load", "teardown"] = "setup"
        self._main: asyncio.Task[None] | None = None
        self._load: Load | None = None
        self._observer = observer or Observer(None, folder.path)
        self._others = Generators(prepared, folder.path, self._on_lost)
        self._was_cut_off = False

    @property
    def loaded(self) -> bool:
        """Whether any load was sent."""
        return self._phase != "setup"

    async def conduct(self, interrupts: Interrupts) -> None:
        """Setup, load, teardown; leaves everything that was measured in the run folder. Raises Interrupted when nothing was sent."""
        load = self._load = Load(self.workload, self.plan, self.folder.path, self.population)
        self._main = asyncio.current_task()
        with interrupts.listen(asyncio.get_running_loop(), partial(self._on_interrupt, load.engine)):
            try:
                await asyncio.gather(self._others.open(), self._observer.open())
                shared = await self._setup(load.crew)
                lead_s = await self._begin(load, shared)
                await self._carry_out(load, lead_s)
                self._phase = "teardown"
                await self._end_users(load)
                await self._teardown(load.crew, shared)
            except asyncio.CancelledError:
                if not self.loaded:
                    raise Interrupted("interrupted before the load began; no run was stored") from None
                self.end = "interrupted"
                self._load_ended(load.engine)
                raise
            finally:
                load.close()
                self.fault = self.fault or load.fault
                await self._others.close()
                await self._observer.close(wait=self.loaded and not self._was_cut_off)
                self.notes += self._observer.notes

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

    def _on_lost(self, why: str) -> None:
        """A load process is gone: what it would have measured is missing. Before the load, whoever waits for it raises."""
        if self._phase == "load" and self._load is not None:
            self.lost = self.lost or why
            self._load.engine.event("lost", why)
            self._give_up(self._load.engine)
        elif self._phase == "teardown":
            self._note(why)

    def _say(self, text: str) -> None:
        if self.on_note is not None:
            with suppress(OSError):
                self.on_note(text)

    def _note(self, text: str | None) -> None:
        if text is not None:
            self.notes.append(text)

    def _cut_off(self) -> None:
        """End all running iterations now."""
        if self._load is not None:
            self._load.cut_off()
        self._others.cut_off()

    def _stop(self, engine: Engine) -> None:
        self._load_ended(engine)
        engine.stop()
        self._others.stop()

    def _stop_by_hand(self, engine: Engine) -> None:
        """As Ctrl-C does, but what ran until then is judged as a whole run."""
        if self.end != "finished":
            raise UsageError("the run is ending already")
        self.end = "stopped"
        self._stop(engine)

    def _control(self, engine: Engine, order: bytes) -> list[str]:
        """Have all load processes carry out an order; raises UsageError when no load profile takes it."""
        streams = engine.control(order)
        self._others.control(order)
        return streams

    def _load_ended(self, engine: Engine) -> None:
        self.folder.load_ended(min(engine.now_ns(), self.plan.duration_ns))

    async def _setup(self, crew: Crew) -> Any:
        hook = self.workload.setup
        return await crew.call_hook(hook, "setup", None, timeout_s=hook_timeout_s(hook)) if hook is not None else None

    async def _begin(self, load: Load, shared: object) -> float:
        """Make the virtual users of all processes; returns how many seconds they need before the start."""
        for threshold in self.thresholds[:1]:
            # The first look at a folder imports the database: a pause of the loop that must not be part of what is measured.
            _evaluate_now(threshold, self.folder.path)
        note, begun = await asyncio.gather(load.begin(shared), self._others.begin(shared))
        for each in (note, *(other.note for other in begun)):
            if each is not None:
                self._note(each)
                self._say(each)
        return max([load.lead_s, *(other.lead_s for other in begun)])

    async def _end_users(self, load: Load) -> None:
        """Run `on_stop`, within its time-out for all together if the run was interrupted, and not at all once it was cut off."""
        hooks, hurried = not self._was_cut_off, self.end == "interrupted"
        self._others.finish(hooks=hooks, hurried=hurried)
        self._note(await load.end_users(hooks=hooks, hurried=hurried))
        try:
            ended = await self._others.ended()
        except asyncio.CancelledError:
            self._note("the other load processes were interrupted before their end")
            return
        for other in ended:
            self._note(other.note)
            self.fault = self.fault or other.fault

    async def _carry_out(self, load: Load, lead_s: float) -> None:
        engine = load.engine
        self.folder.load_started()
        desk = Desk(engine, partial(self._control, engine), partial(self._stop_by_hand, engine), self._say)
        async with listening(self.folder.path, desk):
            others = await self._work(load, lead_s)
        out_of_data = load.crew.out_of_data + sum(other.out_of_data for other in others)
        if out_of_data and self.end == "finished" and engine.now_ns() < self.plan.duration_ns:
            self._note("the load ended early: a feeder has no more rows")
            self._stop(engine)
        ends = [at_ns for at_ns in (engine.load_end_ns(), *(other.load_end_ns for other in others)) if at_ns is not None]
        self.folder.load_ended(max(ends, default=self.plan.duration_ns))
        made_late = load.made_late + sum(other.made_late for other in others)
        if made_late:
            self._note(f"{made_late:,} virtual users were made while the load ran; a higher pre_allocated_vus avoids that")

    async def _work(self, load: Load, lead_s: float) -> list[Worked]:
        """From the start to the last iteration of all processes; returns what the others say of theirs."""
        zero_ns = load.engine.start(lead_s)
        self._others.start(zero_ns)
        self._observer.begin(zero_ns)
        self._phase = "load"
        watcher = asyncio.create_task(self._watch(load))
        watcher.add_done_callback(self._watched)
        try:
            await load.work()
            others = await self._others.worked()
        finally:
            watcher.cancel()
            self._observer.load_ended()
        if watcher.done() and not watcher.cancelled() and (error := watcher.exception()) is not None:
            raise error
        return others

    def _watched(self, watcher: asyncio.Task[None]) -> None:
        """Nobody ends a load that nobody watches."""
        if not watcher.cancelled():
            self._cut_off()

    async def _watch(self, load: Load) -> None:
        """Progress, the run folder's health, abort thresholds."""
        engine = load.engine
        next_show = next_check = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            if engine.is_broken():
                raise RuntimeError("a thread of the engine broke off")
            progress = self._others.progress(engine)
            now = time.monotonic()
            if now >= next_show:
                next_show = now + 1.0
                self._show(load, progress)
            if engine.fault() is not None or self._others.fault is not None or self._is_broken(progress):
                self._give_up(engine)
            if self.end == "finished" and (why := self.breaker.trips(_counts(progress))) is not None:
                await self._break_off(engine, why)
            if self.thresholds and now >= next_check and self.end == "finished":
                next_check = now + _ABORT_CHECK_S
                await self._check_abort(engine)

    def _show(self, load: Load, progress: Progress) -> None:
        # The engine notes a full disk by itself; a terminal that went away is no reason to end a run.
        with suppress(OSError):
            load.errors.write()
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
                engine.event("aborted", f"{threshold} failed: {result.observed:g}")
                self.notes.append(f"stopped early: {threshold} failed")
                self._give_up(engine)
                if self.on_breach is not None:
                    self.on_breach(result, self.folder.path)
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


def _counts(progress: Progress) -> dict[str, int]:
    return {"elapsed_ns": progress["elapsed_ns"], "requests": progress["requests"], "failures": progress["failures"]}


def _most_frequent_failure(folder: Path) -> str:
    """Half a sentence on what failed most, as far as it is on disk by now."""
    with open_run(folder) as run:
        found = run.failures[:1]
    return "".join(f", most often {one.name} by {one.kind}{f': {one.detail}' if one.detail else ''}" for one in found)


def _evaluate_now(threshold: Threshold, folder: Path) -> ThresholdResult | None:
    """What was observed, when the threshold fails on what is on disk by now."""
    with open_run(folder) as run:
        result = evaluate(threshold, run)
    return result if result.result == "fail" and result.observed is not None else None
