"""One run from its first check to its verdict."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tenantry.conductor import Conductor, OnBreach, OnNote, OnProgress
from tenantry.errors import EnvironmentFault, Exit, TargetError
from tenantry.folder import RunFolder
from tenantry.grading import grades
from tenantry.interrupts import Interrupts
from tenantry.load import population_of
from tenantry.observe.observer import Observer
from tenantry.observe.settings import Observing
from tenantry.prepare import Prepared
from tenantry.report.document import document, for_page
from tenantry.report.lines import clean
from tenantry.report.write import write_page, write_text
from tenantry.results import Run, open_run
from tenantry.verdict import Verdict, judge

FINDINGS = "findings.json"


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that was carried out: what it tells (`tenantry.report.document`), its page, and notes for the user."""

    told: dict[str, Any]
    report: Path | None
    notes: tuple[str, ...] = ()


def run_workload(
    prepared: Prepared,
    *,
    runs: Path,
    command: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    on_note: OnNote | None = None,
    on_breach: OnBreach | None = None,
    observing: Observing | None = None,
) -> Finished:
    """Carry out a prepared workload, store it under `runs`, judge it, write its report.

    With `observing`, the places that it names are watched meanwhile. `on_breach` is called, and must not wait, when an abort threshold
    fails, with its result and the run folder.
    Raises TargetError when no load was sent (unreachable, setup failed), EnvironmentFault when the run folder cannot be made, Interrupted
    when Ctrl-C came before the load began. A run that was interrupted later is kept and judged.
    """
    population = population_of(prepared.workload, prepared.plan)
    check_reachable(prepared.plan.target)
    made = partial(RunFolder.create, runs, prepared.plan, population=population, command=command, source=prepared.source)
    with Interrupts() as interrupts, closing(made()) as folder:
        conductor = Conductor(prepared, folder, population, on_progress, on_note, on_breach, Observer(observing, folder.path))
        try:
            asyncio.run(conductor.conduct(interrupts))
        except BaseException as error:
            folder.discard_unless_loaded(conductor.loaded)
            if not (isinstance(error, KeyboardInterrupt) and conductor.loaded):
                raise
        return _conclude(folder, conductor)


def check_reachable(target: str) -> None:
    """Raise TargetError unless somebody accepts connections at the target."""
    parts = urlsplit(target)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=5.0).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetError(
            f"the target cannot be reached: {reason}", where=target, hint="start the app, or correct the URL; no load was sent"
        ) from error


def _conclude(folder: RunFolder, conductor: Conductor) -> Finished:
    """Judge and report what is in the folder. When it cannot be written any more, that is the verdict."""
    elapsed_ns = folder.load_end_ns or conductor.plan.duration_ns
    unwritten = _attempt(lambda: folder.finish(conductor.end, elapsed_ns=elapsed_ns))
    with open_run(folder.path) as run:
        verdict = judge(run)
        if conductor.lost is not None:
            verdict = _spoiled(verdict, f"{conductor.lost}, so part of the load was not sent or not measured; repair that, and run again")
        fault = conductor.fault or unwritten
        if fault is not None:
            verdict = _unwritten(verdict, folder.path, fault)
        graded = grades(run, verdict.verdict).as_dict()
        unwritten = _attempt(lambda: folder.finish(conductor.end, elapsed_ns=elapsed_ns, verdict=verdict, grades=graded))
        if fault is None and unwritten is not None:
            verdict = _unwritten(verdict, folder.path, unwritten)
        told = document(run, verdict)
        shown = _with_slices(told, run)
        notes = [*conductor.notes, *(clean(event.text) for event in run.events if event.kind == "folded")]
    report = None
    try:
        if told["diagnosis"] is not None:
            write_text(msgspec.json.format(msgspec.json.encode(told["diagnosis"])).decode(), folder.path / FINDINGS)
        report = write_page(shown, folder.path)
    except EnvironmentFault as error:
        notes.append(str(error))
    return Finished(told, report, tuple(notes))


def _with_slices(told: dict[str, Any], run: Run) -> dict[str, Any]:
    try:
        return told | for_page(run)
    except EnvironmentFault as error:
        return told | {"warnings": [*told["warnings"], str(error)]}


def _attempt(write: Callable[[], None]) -> str | None:
    """Why it failed, if so."""
    try:
        write()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _unwritten(verdict: Verdict, folder: Path, fault: str) -> Verdict:
    remedy = "raise their limit (`ulimit -n 65536`), or use fewer virtual users" if "open files" in fault else f"make room in {folder}"
    reason = f"the run folder could not be written ({fault}), so part of what was measured is missing; {remedy}, and run again"
    return _spoiled(verdict, reason)


def _spoiled(verdict: Verdict, reason: str) -> Verdict:
    return verdict.changed(verdict="invalid", reason=reason, exit=Exit.INVALID)
