"""Carries out the steps of a search as ordinary runs, and keeps what came out of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from tenantry.capacity.find import Found, Measured, find
from tenantry.capacity.search import Range
from tenantry.capacity.steps import Lengths, lengths, read_step, step_of
from tenantry.capacity.usl import Fit, fit
from tenantry.errors import EnvironmentFault, Exit
from tenantry.files import write_whole
from tenantry.folder import new_folder
from tenantry.plan.faults import Faults, raise_all
from tenantry.prepare import Prepared
from tenantry.results import open_run
from tenantry.run import Finished
from tenantry.scenario.workload import Workload
from tenantry.thresholds.evaluate import evaluate

CAPACITY = "capacity.json"
_ATTEMPTS = 3

CarryOut = Callable[[Prepared, Path], Finished]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to search: rates, the length of a step and of its warm-up in whole seconds, and the pause before the next one."""

    within: Range
    measured_s: int
    warmup_s: int
    pause_s: float


@dataclass
class Steps:
    """Measures rates. `carry_out` runs a prepared workload and stores it under a folder."""

    base: Prepared
    pause_s: float
    length: Lengths
    folder: Path
    carry_out: CarryOut
    sleep: Callable[[float], None] = time.sleep
    _attempts: dict[Fraction, int] = field(default_factory=dict)

    def __call__(self, rate: Fraction) -> Measured:
        """One step. It is to be repeated, longer, when its percentiles had too few samples; and when it was invalid, since a hiccup of the
        machine is not a generator at its limit."""
        if self._attempts:
            self.sleep(self.pause_s)
        attempt = self._attempts[rate] = self._attempts.get(rate, 0) + 1
        step_run = step_of(self.base, rate, self.length)
        finished = self.carry_out(step_run, self.folder)
        with open_run(Path(finished.told["run"])) as run:
            results = [evaluate(threshold, run) for threshold in step_run.thresholds]
            step = read_step(run, rate, finished.told, results, from_s=self.length.warmup_s)
            longer = self.length.longer(run, results, step_run.thresholds) if step.verdict == "no_data" else None
        self.length = longer or self.length
        again = longer is not None or step.verdict == "invalid"
        return Measured(step, again=again and attempt < _ATTEMPTS)


def find_capacity(
    base: Prepared,
    options: Options,
    *,
    runs: Path,
    carry_out: CarryOut,
    command: Sequence[str] = (),
    on_step: Callable[[Found], None] = lambda found: None,
) -> dict[str, Any]:
    """Search the capacity of a prepared workload of one stream; the document, which is also in `capacity.json` of the new folder.

    Each step is a run folder within that folder. Raises UsageErrors for thresholds that do not fit into a step, TargetError and Interrupted
    when nothing was measured, EnvironmentFault when the folder cannot be made.
    """
    measured = lengths(base.thresholds, warmup_s=options.warmup_s, measured_s=options.measured_s)
    step_of(base, options.within.start, measured)  # raises what is wrong with it before anything is made
    folder = new_folder(runs, f"{base.plan.name}-capacity")
    started = datetime.now(UTC)

    def store(found: Found) -> dict[str, Any]:
        told = document(found, base, options, folder=folder, command=command, started=started)
        try:
            write_whole(folder / CAPACITY, msgspec.json.format(msgspec.json.encode(told)))
        except OSError as error:
            raise EnvironmentFault(f"the result cannot be written: {error.strerror}", where=str(folder), hint="make room") from error
        return told

    def after_step(found: Found) -> None:
        store(found)
        on_step(found)

    try:
        found = find(Steps(base, options.pause_s, measured, folder, carry_out), options.within, on_step=after_step)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # only when no step left anything in it
        raise
    return store(found)


def check_workload(workload: Workload) -> None:
    """Raise UsageErrors for a workload without one rate to search, or without anything to meet."""
    note = Faults(str(workload.location))
    if len(workload.parts) > 1:
        what = f"the workload has {len(workload.parts)} load profiles side by side, each with its own rate; one rate is searched"
        note.add(what, "make a workload that mixes the scenarios: workload(mix({...}), PROFILE)")
    if not workload.thresholds:
        note.add("the workload has no thresholds, so no rate could fail", 'give it some, such as "response_time p95 < 500ms"')
    raise_all(note.found)


def document(found: Found, base: Prepared, options: Options, *, folder: Path, command: Sequence[str], started: datetime) -> dict[str, Any]:
    """The result as one JSON object; rates are per second, times in seconds."""
    usable = [step.point for step in found.steps if step.verdict != "invalid" and step.exit != Exit.INTERRUPTED]
    law = fit(usable) if found.end is not None else "the search goes on"
    bounds, failed = found.bounds, found.failed_step
    return {
        "schema": 1,
        "folder": str(folder),
        "workload": base.plan.name,
        "target": base.plan.target,
        "started_at": started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "command": list(command),
        "end": found.end,
        "reason": found.reason,
        "exit": int(found.exit),
        "rate": float(bounds.passed) if bounds.passed is not None else None,
        "failed_rate": float(bounds.failed) if bounds.failed is not None else None,
        "failed_by": failed.failed[0] if failed is not None and failed.failed else None,
        "precision": options.within.precision,
        "steps": [step.as_dict() for step in found.steps],
        "law": law.as_dict() if isinstance(law, Fit) else None,
        "law_note": law.note if isinstance(law, Fit) else law,
    }
