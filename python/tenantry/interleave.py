"""Two targets in turns: the same workload in short runs, now on one and now on the other, and what differs within their pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from tenantry.compare.blocks import cut
from tenantry.compare.paired import LEAST_PAIRS, Side, Slices, compare_pairs
from tenantry.compare.runs import Comparison, conclude
from tenantry.errors import EnvironmentFault, Exit, Interrupted, TargetError, UsageError
from tenantry.files import write_whole
from tenantry.folder import new_folder
from tenantry.plan.faults import raise_all
from tenantry.plan.overrides import override
from tenantry.prepare import Prepared
from tenantry.results import Run, open_run
from tenantry.run import Finished, check_reachable
from tenantry.thresholds.check import check_thresholds
from tenantry.units import NS, write_duration
from tenantry.verdict import nothing_measured

INTERLEAVED = "interleaved.json"
ATTEMPTS = 3

End = Literal["finished", "invalid", "no_data", "aborted", "unreachable", "interrupted"]
Which = Literal["old", "new"]
ENDS: dict[End, Exit] = {
    "finished": Exit.PASS,
    "invalid": Exit.INVALID,
    "no_data": Exit.NO_DATA,
    "aborted": Exit.ABORTED,
    "unreachable": Exit.TARGET,
    "interrupted": Exit.INTERRUPTED,
}

CarryOut = Callable[[Prepared, Path], Finished]


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an interleaved comparison. `run` is its folder within that of the comparison; `counts`: its pair is compared."""

    pair: int
    target: Which
    run: str
    verdict: str
    reason: str
    counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many pairs, the pause before each slice, how much of the beginning of each is left out, the smallest difference that matters."""

    pairs: int
    pause_s: float
    after_s: int
    floor: float


@dataclass
class Turns:
    """Measures pairs, old and new first by turns, so that what drifts hits both alike. `carry_out` runs and stores a prepared workload."""

    old: Prepared
    new: Prepared
    options: Options
    folder: Path
    carry_out: CarryOut
    on_slice: Callable[[Slice, Finished], None]
    sleep: Callable[[float], None] = time.sleep
    slices: list[Slice] = field(default_factory=list)
    pairs: list[Slices] = field(default_factory=list)

    def measure(self) -> tuple[End, str]:
        """All pairs; how it ended, and why. What comes before the first slice is raised."""
        try:
            for pair in range(1, self.options.pairs + 1):
                end, why = self._pair(pair)
                if end != "finished":
                    return end, why
        except (KeyboardInterrupt, Interrupted) as error:
            if not self.slices:
                raise
            return "interrupted", str(error)
        except TargetError as error:
            if not self.slices:
                raise
            return "unreachable", f"{error.where}: {error.what}" if error.where else error.what
        return "finished", ""

    def _pair(self, pair: int) -> tuple[End, str]:
        """Both slices of a pair, again where one of them is invalid: a hiccup of the machine is not a generator at its limit."""
        order: tuple[Which, Which] = ("old", "new") if pair % 2 else ("new", "old")
        end: End = "finished"
        why = ""
        for _ in range(ATTEMPTS):
            measured: dict[Which, Side] = {}
            for target in order:
                end, why, measured[target] = self._slice(pair, target)
                if end != "finished":
                    break
            else:
                self.pairs.append((measured["old"], measured["new"]))
                self.slices[-2:] = [msgspec.structs.replace(each, counts=True) for each in self.slices[-2:]]
            if end != "invalid":
                break
        return end, why

    def _slice(self, pair: int, target: Which) -> tuple[End, str, Side]:
        """One slice, each with other random numbers: two that book the same appointments would not be alike."""
        if self.slices:
            self.sleep(self.options.pause_s)
        base = self.old if target == "old" else self.new
        finished = self.carry_out(replace(base, plan=replace(base.plan, rng_seed=base.plan.rng_seed + len(self.slices))), self.folder)
        told = finished.told
        folder = Path(told["run"])
        self.slices.append(Slice(pair=pair, target=target, run=folder.name, verdict=told["verdict"], reason=told["reason"]))
        self.on_slice(self.slices[-1], finished)
        with open_run(folder) as run:
            end = _end(run, told["verdict"])
            if end != "finished":
                return end, f"{base.plan.target}: {told['reason']}", {}
            return end, "", cut(run, after_s=self.options.after_s)


def _end(run: Run, verdict: str) -> End:
    """Whether a slice ended so that it can be compared, or how else; whether it met its thresholds does not matter here."""
    if run.manifest.end in ("interrupted", "stopped"):
        return "interrupted"
    if nothing_measured(run):
        return "no_data"
    if run.manifest.end == "aborted":
        return "aborted"
    return "invalid" if verdict == "invalid" else "finished"


def sliced(base: Prepared, length: str) -> Prepared:
    """The workload for so long (as `--set duration=` has it), without thresholds that look beyond. Raises UsageErrors."""
    plan, faults = override(base.plan, {"duration": length})
    raise_all(faults)
    kept = [threshold for threshold in base.thresholds if not check_thresholds({**plan.as_dict(), "thresholds": [threshold.text]})[1]]
    return replace(base, plan=replace(plan, thresholds=tuple(threshold.text for threshold in kept)), thresholds=tuple(kept))


def interleave(
    old: Prepared,
    new: Prepared,
    options: Options,
    *,
    runs: Path,
    carry_out: CarryOut,
    command: Sequence[str] = (),
    on_slice: Callable[[Slice, Finished], None] = lambda found, finished: None,
) -> dict[str, Any]:
    """Measure both targets in turns; the document, which is also in `interleaved.json` of the new folder.

    Each slice is a run folder within that folder. Raises UsageError when nothing of a slice would be left to compare, TargetError and
    Interrupted when nothing was measured, EnvironmentFault when the folder cannot be made.
    """
    if options.after_s * NS >= old.plan.duration_ns:
        what = f"a slice takes {write_duration(old.plan.duration_ns)}, and its first {options.after_s} s are left out"
        raise UsageError(what, where="--after", hint="give longer slices, such as --slice 20s")
    for each in (old, new):
        check_reachable(each.plan.target)
    folder = new_folder(runs, f"{old.plan.name}-interleaved")
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    turns = Turns(old, new, options, folder, carry_out, on_slice)
    try:
        end, why = turns.measure()
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # only when no slice left anything in it
        raise
    found = _compared(turns.pairs, old.plan.target, new.plan.target, floor=options.floor)
    about = {"folder": str(folder), "workload": old.plan.name, "started_at": started, "command": list(command)}
    told = document(found, turns.slices, end=end, why=why, wanted=options.pairs, after_s=options.after_s) | about
    try:
        write_whole(folder / INTERLEAVED, msgspec.json.format(msgspec.json.encode(told)))
    except OSError as error:
        raise EnvironmentFault(f"the result cannot be written: {error.strerror}", where=str(folder), hint="make room") from error
    return told


def again(folder: Path, *, floor: float, after_s: int | None = None) -> dict[str, Any]:
    """The document of a folder that `interleave` wrote, with the slices compared anew; without `after_s` as long after their beginning as
    then. Raises UsageError for a damaged one."""
    path = folder / INTERLEAVED
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"is damaged: {error}", where=str(path), hint="compare the runs in that folder by themselves") from None
    after_s = stored.after_s if after_s is None else after_s
    sides = [_side(folder / each.run, after_s) for each in stored.slices if each.counts]
    places = [each.target for each in stored.slices if each.counts]
    pairs = [
        (one, other) if first == "old" else (other, one) for one, other, first in zip(sides[::2], sides[1::2], places[::2], strict=True)
    ]
    found = _compared(pairs, stored.bases[0], stored.run, floor=floor)
    told = document(found, stored.slices, end=stored.end, why=stored.why, wanted=stored.pairs_wanted, after_s=after_s)
    return told | {"folder": str(folder), "workload": stored.workload, "started_at": stored.started_at, "command": stored.command}


class _Stored(msgspec.Struct, frozen=True):
    run: str
    bases: tuple[str]
    slices: list[Slice]
    end: End
    why: str
    pairs_wanted: int
    after_s: int
    workload: str
    started_at: str
    command: list[str]


def _side(folder: Path, after_s: int) -> Side:
    with open_run(folder) as run:
        return cut(run, after_s=after_s)


def _compared(pairs: Sequence[Slices], old: str, new: str, *, floor: float) -> Comparison:
    rows = compare_pairs(pairs, floor=floor)
    judgement, reason = conclude(rows)
    if len(pairs) < LEAST_PAIRS:
        judgement, reason = "cannot tell", f"it takes {LEAST_PAIRS} pairs of slices to compare, and there are {len(pairs)}"
    elif not rows:
        judgement, reason = "cannot tell", "there is no series that all slices share"
    alone = {name: _alone(sides, {(row.scenario, row.group, row.name) for row in rows}) for name, sides in _by_target(pairs, old, new)}
    only_in = {name: keys for name, keys in alone.items() if keys}
    return Comparison(run=new, bases=(old,), floor=floor, judgement=judgement, reason=reason, series=rows, only_in=only_in)


def _by_target(pairs: Sequence[Slices], old: str, new: str) -> Iterable[tuple[str, list[Side]]]:
    return ((old, [pair[0] for pair in pairs]), (new, [pair[1] for pair in pairs]))


def _alone(sides: Iterable[Side], shared: set[tuple[str, str, str]]) -> list[str]:
    """Series of a target that some slice lacks."""
    return sorted({" ".join(filter(None, key)) for side in sides for key in side if tuple(key) not in shared})


def document(found: Comparison, slices: Sequence[Slice], *, end: End, why: str, wanted: int, after_s: int) -> dict[str, Any]:
    """The result as one JSON object: a comparison as `tenantry compare --json` prints it, with the slices that it comes from."""
    exit_code = Exit.REGRESSION if end == "finished" and found.judgement == "worse" else ENDS[end]
    return {
        "schema": 1,
        **msgspec.to_builtins(found),
        "exit": int(exit_code),
        "end": end,
        "why": why,
        "pairs": sum(each.counts for each in slices) // 2,
        "pairs_wanted": wanted,
        "after_s": after_s,
        "slices": [msgspec.to_builtins(each) for each in slices],
    }
