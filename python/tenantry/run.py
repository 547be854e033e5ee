"""One run from its first check to its verdict."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import Engine, Session, close_engine, open_engine
from tenantry.errors import EnvironmentFault, Exit, Interrupted, TargetError, TenantryError, UsageError
from tenantry.folder import RunFolder
from tenantry.plan.plan import Plan
from tenantry.prepare import Prepared
from tenantry.report.write import write_report
from tenantry.results import open_run
from tenantry.scenario.decorators import Scenario
from tenantry.thresholds.evaluate import evaluate
from tenantry.thresholds.model import Threshold
from tenantry.types import Progress
from tenantry.units import NS
from tenantry.verdict import Verdict, judge

_HOOK_TIMEOUT_S = 60.0
_WATCH_S = 0.25
_ABORT_CHECK_S = 2.0
_BROKEN_AFTER = 100
# A request allocates a dozen objects and frees them: collecting every 700 would only cost time.
_GC_THRESHOLDS = (50_000, 20, 20)

OnProgress = Callable[[Plan, Progress], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that was carried out; `notes` are for the user."""

    folder: Path
    verdict: Verdict
    report: Path | None
    notes: tuple[str, ...] = ()


def run_workload(
    prepared: Prepared,
    *,
    runs: Path,
    command: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Finished:
    """Carry out a prepared workload, store it under `runs`, judge it, write its report.

    Raises TargetError when no load was sent (unreachable, setup failed), EnvironmentFault when the run folder cannot be made, Interrupted
    when Ctrl-C came before the load began. A run that was interrupted later is kept and judged.
    """
    population = population_of(prepared)
    check_reachable(prepared.plan.target)
    folder = RunFolder.create(runs, prepared.plan, population=population, command=command)
    conductor = Conductor(prepared, folder, population, on_progress)
    try:
        asyncio.run(conductor.conduct())
    except BaseException:
        folder.discard_unless_loaded(conductor.loaded)
        raise
    return _conclude(folder, conductor)


def population_of(prepared: Prepared) -> Population | None:
    """The rows that virtual users are drawn from; None for a workload without dataset. Raises UsageError when the dataset is wrong."""
    dataset = prepared.workload.dataset
    if dataset is None:
        return None
    if not isinstance(dataset, Dataset):
        raise UsageError(
            f"the dataset {dataset.name!r} is a {type(dataset).__name__}, not a Dataset", where=str(prepared.workload.location)
        )
    return Population(dataset, prepared.plan.tenants)


def check_reachable(target: str) -> None:
    """Raise TargetError unless somebody accepts connections at the target."""
    parts = urlsplit(target)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=5.0).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetError(
            f"the target cannot be reached: {reason}", where=target, hint="start the app, or correct --target; no load was sent"
        ) from error


class Conductor:
    """Carries out the load of one run on the running event loop."""

    def __init__(self, prepared: Prepared, folder: RunFolder, population: Population | None, on_progress: OnProgress | None) -> None:
        self.workload, self.plan = prepared.workload, prepared.plan
        self.thresholds: tuple[Threshold, ...] = tuple(threshold for threshold in prepared.thresholds if threshold.abort)
        self.folder = folder
        self.population = population
        self.on_progress = on_progress
        self.errors = ScriptErrors(folder.path)
        self.end = "finished"
        self.notes: list[str] = []
        self.loaded = False
        self.fault: str | None = None
        self.aborted = False
        self._signals = 0
        self._tasks: dict[asyncio.Task[None], tuple[str, Session]] = {}

    async def conduct(self) -> None:
        """Setup, load, teardown; leaves everything that was measured in the run folder."""
        engine = open_engine(self.plan, self.folder.path)
        crew = Crew(engine, self.plan, self._scenarios(), self.population, self.errors)
        loop = asyncio.get_running_loop()
        main = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, engine, main)
        try:
            shared = None
            if self.workload.setup is not None:
                shared = await crew.call_hook(self.workload.setup, "setup", None, timeout_s=_HOOK_TIMEOUT_S)
            await self._load(engine, crew, shared)
            await self._teardown(crew, shared)
        except asyncio.CancelledError:
            raise Interrupted("interrupted before the load began; no run was stored") from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            self.fault = engine.fault()
            close_engine(engine)
            self.fault = self.fault or engine.fault()
            with suppress(OSError):
                self.errors.write()

    def _scenarios(self) -> list[Scenario]:
        return [self.workload.scenarios[name] for name in self.plan.scenarios]

    def _on_signal(self, engine: Engine, main: asyncio.Task[None] | None) -> None:
        """Once: no new iterations, running ones may end. Twice: everything stops now. Before the load: give up."""
        self._signals += 1
        self.end = "interrupted"
        if not self.loaded:
            if main is not None:
                main.cancel()
        elif self._signals == 1:
            engine.event("interrupted", "no new iterations; running ones may end")
            self._stop(engine)
        else:
            self._interrupt({stream.name for stream in self.plan.streams})

    def _interrupt(self, streams: set[str]) -> None:
        """End the running iterations of these streams now."""
        for task, (stream, session) in self._tasks.items():
            if stream in streams and not task.done():
                session.interrupt()
                task.cancel()

    def _stop(self, engine: Engine) -> None:
        self.folder.load_ended(engine.now_ns())
        engine.stop()

    async def _load(self, engine: Engine, crew: Crew, shared: object) -> None:
        users = crew.hire(shared)
        # What exists now lives as long as the run: the collector need not visit it again while time is measured.
        thresholds = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        engine.start(0.1 + len(users) * 50e-6)
        self.folder.load_started()
        self.loaded = True
        for stream, vu, session in users:
            task = asyncio.create_task(crew.work(vu, session), name=f"vu {vu.number}")
            self._tasks[task] = stream, session
        watcher = asyncio.create_task(self._watch(engine))
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            watcher.cancel()
            gc.set_threshold(*thresholds)
            gc.unfreeze()
        self._raise_first_fault()

    def _raise_first_fault(self) -> None:
        """A virtual user's task must not end by an exception: that is a fault of ours."""
        for task in self._tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _watch(self, engine: Engine) -> None:
        """Progress, the run folder's health, abort thresholds, the end of graceful stops."""
        next_show = next_check = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            progress = engine.progress()
            now = time.monotonic()
            if now >= next_show:
                next_show = now + 1.0
                self.errors.write()
                if self.on_progress is not None:
                    self.on_progress(self.plan, progress)
            self._end_overdue(engine)
            if engine.fault() is not None or self._is_broken(progress):
                self._give_up(engine)
            if self.thresholds and now >= next_check and not self.aborted:
                next_check = now + _ABORT_CHECK_S
                await self._check_abort(engine)

    def _is_broken(self, progress: Progress) -> bool:
        """Whether every iteration raises: going on would only repeat it."""
        return progress["errors"] >= _BROKEN_AFTER and progress["completed"] + progress["failed"] == 0

    def _give_up(self, engine: Engine) -> None:
        if self.end == "finished":
            self.end = "aborted"
            self._stop(engine)

    def _end_overdue(self, engine: Engine) -> None:
        """Interrupt iterations that outlast their stream's graceful stop."""
        now = engine.now_ns()
        stopped = self.folder.load_end_ns
        overdue = set()
        for stream in self.plan.streams:
            ends = stream.profile.duration_ns if stopped is None else min(stopped, stream.profile.duration_ns)
            if now > ends + stream.profile.graceful_stop_ns:
                overdue.add(stream.name)
        if overdue:
            self._interrupt(overdue)

    async def _check_abort(self, engine: Engine) -> None:
        for threshold in self.thresholds:
            result = await asyncio.to_thread(_evaluate_now, threshold, self.folder.path)
            if result is not None:
                self.aborted = True
                engine.event("aborted", f"{threshold} failed: {result}")
                self.notes.append(f"stopped early: {threshold} failed")
                self._give_up(engine)
                return

    async def _teardown(self, crew: Crew, shared: object) -> None:
        if self.workload.teardown is None:
            return
        try:
            await crew.call_hook(self.workload.teardown, "teardown", shared, timeout_s=_HOOK_TIMEOUT_S)
        except TenantryError as error:
            self.notes.append(str(error))


def _evaluate_now(threshold: Threshold, folder: Path) -> str | None:
    """What was observed, when the threshold fails on what is on disk by now."""
    with open_run(folder) as run:
        result = evaluate(threshold, run)
    return f"{result.observed:g}" if result.result == "fail" and result.observed is not None else None


def _conclude(folder: RunFolder, conductor: Conductor) -> Finished:
    """Judge and report what is in the folder."""
    notes = list(conductor.notes)
    try:
        folder.finish(conductor.end, elapsed_ns=folder.load_end_ns or conductor.plan.duration_ns)
        with open_run(folder.path) as run:
            verdict = judge(run)
        if conductor.fault is not None:
            verdict = _unwritten(verdict, folder.path, conductor.fault)
        elif conductor.aborted:
            verdict = verdict.changed(exit=Exit.ABORTED)
        folder.finish(conductor.end, elapsed_ns=folder.load_end_ns or conductor.plan.duration_ns, verdict=verdict)
        report: Path | None = write_report(folder.path)
    except OSError as error:
        if conductor.fault is None:
            raise EnvironmentFault(f"the run folder cannot be written: {error.strerror}", where=str(folder.path)) from error
        raise EnvironmentFault(
            f"the run folder cannot be written: {conductor.fault}", where=str(folder.path), hint="make room and run again"
        ) from error
    return Finished(folder.path, verdict, report, tuple(notes))


def _unwritten(verdict: Verdict, folder: Path, fault: str) -> Verdict:
    reason = f"the run folder could not be written ({fault}), so part of what was measured is missing; make room in {folder} and run again"
    return verdict.changed(verdict="invalid", reason=reason, exit=Exit.INVALID)


def planned_seconds(plan: Plan) -> float:
    """Length of the load, in seconds."""
    return plan.duration_ns / NS
