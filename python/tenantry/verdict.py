"""The verdict on a stored run: whether anything was measured, whether the measurement is valid, whether the app met its thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tenantry.errors import Exit, UsageError
from tenantry.metrics.builtin import Metric
from tenantry.metrics.custom import custom_metrics
from tenantry.results import Run
from tenantry.results.model import Generator
from tenantry.thresholds.evaluate import ThresholdResult, evaluate
from tenantry.thresholds.model import Threshold
from tenantry.thresholds.parser import parse_threshold
from tenantry.types import Verdict as Word
from tenantry.units import NS, shown
from tenantry.validity import bottlenecks, why_invalid

BREAKER = "breaker"
Teller = Callable[[list[ThresholdResult], int], str]
_NAMED = 3
_EXITS: dict[Word, Exit] = {"pass": Exit.PASS, "fail": Exit.THRESHOLD, "no_data": Exit.NO_DATA, "invalid": Exit.INVALID}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run says: one word, one reason in whole sentences, the exit code, and what they rest on."""

    verdict: Word
    reason: str
    exit: Exit
    thresholds: tuple[ThresholdResult, ...]
    generator: Generator

    def changed(self, **changes: Any) -> Verdict:
        """The same with other fields."""
        return replace(self, **changes)


def ended_early(word: str, end: str | None) -> bool:
    """Whether a verdict is one on part of a load, which the user or a kill ended. What is invalid stays so; what was aborted is judged."""
    return end not in ("finished", "aborted") and word != "invalid"


def judge(run: Run) -> Verdict:
    """The verdict on a run, from its folder alone."""
    custom = custom_metrics(run.manifest.plan)
    thresholds = [_parsed(text, custom) for text in run.manifest.plan.get("thresholds") or []]
    results = tuple(evaluate(threshold, run) if threshold else _unreadable(text) for text, threshold in thresholds)
    word, reason = _decide(run, [threshold for _, threshold in thresholds if threshold], results)
    found = Verdict(word, _with_end(run, reason), _EXITS[word], results, run.generator)
    stored = run.manifest.verdict
    if stored is not None and stored.verdict == "invalid" and word != "invalid":
        return found.changed(verdict="invalid", reason=stored.reason, exit=Exit.INVALID)
    return found.changed(exit=_exit(run, word))


def _decide(run: Run, thresholds: list[Threshold], results: tuple[ThresholdResult, ...]) -> tuple[Word, str]:
    nothing = nothing_measured(run)
    if nothing:
        return "no_data", nothing
    bottleneck = why_invalid(run, thresholds)
    if bottleneck:
        return "invalid", _joined([bottleneck, _dropped(run)])
    tripped = next((event.text for event in run.events if event.kind == BREAKER), None)
    if tripped is not None:
        return "fail", tripped
    never = [result for result in results if result.result == "no_data" and not result.note]
    failed = [result for result in results if result.result == "fail"]
    unclear = [result for result in results if result.result == "no_data" and result.note]
    order: list[tuple[Word, list[ThresholdResult], Teller]] = [("no_data", never, _never), ("fail", failed, _failed)]
    if run.manifest.end == "aborted":
        order.reverse()  # what stopped the run, before what therefore never got a sample
    for word, concerned, tell in [*order, ("no_data", unclear, _unclear)]:
        if concerned:
            return word, _joined([tell(concerned, len(results)), _dropped(run)])
    return "pass", _joined([_passed(run, len(results)), _raised(run), _dropped(run)])


def nothing_measured(run: Run) -> str | None:
    """Why the run says nothing about the app, if so."""
    ran = run.all_iterations
    if ran.errors and not ran.ended + ran.failed:
        first = f", most often {run.errors[0].message} at {run.errors[0].location or 'an unknown place'}" if run.errors else ""
        which = "the only iteration" if ran.errors == 1 else f"every one of {ran.errors:,} iterations"
        return f"{which} ended with an exception of the scenario{first}: nothing can be said about the app"
    if not run.totals.requests:
        return f"no request was made in {_seconds(run.duration_s)}: nothing can be said about the app"
    return None


def _never(results: list[ThresholdResult], total: int) -> str:
    names = _listed([f"`{result.text}`" for result in results])
    return f"{_number_of(results, total)} never got a sample: {names}"


def _unclear(results: list[ThresholdResult], total: int) -> str:
    told = _listed([f"`{result.text}` ({result.note})" for result in results])
    return f"{_number_of(results, total)} cannot be judged: {told}"


def _failed(results: list[ThresholdResult], total: int) -> str:
    if total == len(results) == 1:
        return _breach(results[0])
    return f"{_number_of(results, total)} failed: {_listed([_breach(result) for result in results])}"


def _breach(result: ThresholdResult) -> str:
    observed, limit = shown(result.observed, result.unit), shown(result.limit, result.unit)
    stat = "" if result.stat in ("value", "rate", "count") else f" {result.stat}"
    note = f" ({result.note})" if result.note else ""
    return f"{_selected(result)}{stat} was {observed}, the limit is {result.op} {limit}{note}"


def _selected(result: ThresholdResult) -> str:
    """The metric with the tags that the threshold selects by, where they are plain to see in its text."""
    start = result.text.find(f"{result.metric}{{")
    end = result.text.find("}", start)
    return result.text[start : end + 1] if 0 <= start < end else result.metric


def _passed(run: Run, thresholds: int) -> str:
    totals = run.totals
    requests = f"{totals.requests:,} request{'s' * (totals.requests != 1)}, {totals.failures:,} failed"
    match thresholds:
        case 0:
            return f"no threshold was set, so nothing could fail; {requests}"
        case 1:
            return f"the threshold was met; {requests}"
        case _:
            return f"all {thresholds} thresholds were met; {requests}"


def _raised(run: Run) -> str | None:
    errors = run.all_iterations.errors
    return f"but {errors:,} iteration{'s' * (errors != 1)} ended with an exception of the scenario" if errors else None


def _dropped(run: Run) -> str | None:
    ran = run.all_iterations
    if not ran.dropped:
        return None
    # An open profile says how many were due; one of a fixed number of iterations has them begun or dropped.
    due = max(ran.due, ran.started + ran.dropped)
    return f"{ran.dropped:,} of {due:,} due iterations were dropped because no virtual user was free"


def _with_end(run: Run, reason: str) -> str:
    """The reason, with how the run ended when it did not reach its end."""
    planned = run.manifest.plan.get("duration_ns")
    after = f"after {_seconds(run.duration_s)}" + (f" of {_seconds(planned / NS)}" if planned else "")
    match run.manifest.end:
        case "finished":
            return reason
        case "interrupted":
            return f"interrupted {after}; until then {reason}"
        case "stopped":
            return f"stopped by hand {after}; until then {reason}"
        case "aborted":
            return f"stopped early {after}: {reason}"
        case _:
            return f"the run has no end in its folder (killed, or still going), its data ends {after}; until then {reason}"


def _exit(run: Run, word: Word) -> Exit:
    if run.manifest.end == "aborted" and word != "no_data":
        return Exit.ABORTED
    return _EXITS[word] if run.manifest.end in ("finished", "aborted", "stopped") else Exit.INTERRUPTED


def doubts(run: Run) -> str:
    """What of the generator spoiled the measurement, in one sentence; empty where nothing did."""
    custom = custom_metrics(run.manifest.plan)
    thresholds = [_parsed(text, custom)[1] for text in run.manifest.plan.get("thresholds") or []]
    return "; ".join(found.what for found in bottlenecks(run, [threshold for threshold in thresholds if threshold]))


def _parsed(text: str, custom: Mapping[str, Metric]) -> tuple[str, Threshold | None]:
    try:
        return text, parse_threshold(text, custom)
    except UsageError:
        return text, None


def _unreadable(text: str) -> ThresholdResult:
    """A threshold of another version that this one cannot read is never a pass."""
    return ThresholdResult(text, text, "", "", 0.0, None, "count", 0, "no_data")


def _number_of(results: list[ThresholdResult], total: int) -> str:
    return "the threshold" if total == 1 else f"{len(results)} of {total} thresholds"


def _listed(parts: list[str]) -> str:
    more = f"; and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return "; ".join(parts[:_NAMED]) + more


def _joined(parts: list[str | None]) -> str:
    return "; ".join(part for part in parts if part)


def _seconds(seconds: float) -> str:
    return shown(seconds, "s")
