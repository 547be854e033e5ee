"""Whether a run measured the app, or the load generator: what was the bottleneck, with figures, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tenantry.results import Run
from tenantry.thresholds.model import Threshold
from tenantry.units import shown

LEAST_DELAY_LIMIT_S = 0.001
DELAY_LIMIT_ALONE_S = 0.010
DELAY_SHARE = 0.05
MOST_BUSY = 0.85
LEAST_ACHIEVED = 0.99
LEAST_MISSING = 5
ENOUGH_STARTS = 100
_BUSY = {
    "scripts": "the thread that runs the scripts",
    "engine": "the thread that sends requests",
    "process": "all load processes together, on the cores that they have,",
}


class Bottleneck(NamedTuple):
    """What kept the generator from measuring the app, and what to do."""

    what: str
    remedy: str


def why_invalid(run: Run, thresholds: Sequence[Threshold]) -> str | None:
    """Why the generator and not the app was measured, in one sentence; None when the app was."""
    found = list(bottlenecks(run, thresholds))
    if not found:
        return None
    whats = "; ".join(one.what for one in found)
    remedies = "; ".join(dict.fromkeys(one.remedy for one in found))
    return f"{whats}: the generator was the bottleneck, so nothing can be said about the app; {remedies}"


def bottlenecks(run: Run, thresholds: Sequence[Threshold]) -> Iterator[Bottleneck]:
    """Everything that spoiled the measurement, what explains the rest first."""
    yield from _exhausted(run)
    yield from _busy(run)
    if run.manifest.open_streams:
        yield from _late(run, thresholds)
        # An iteration is on disk once it has ended: of a run that was killed, those that went on are missing.
        if run.manifest.end is not None:
            yield from _not_started(run)


def _exhausted(run: Run) -> Iterator[Bottleneck]:
    remedies = {
        "file descriptors": "raise their limit (`ulimit -n 65536`), or use fewer virtual users",
        "local ports": "keep connections open, widen `net.ipv4.ip_local_port_range`, or use several source addresses",
    }
    for what, count in run.exhausted.items():
        yield Bottleneck(f"the generator's system ran out of {what} ({count:,} kept failure{'s' * (count != 1)} say so)", remedies[what])


def _busy(run: Run) -> Iterator[Bottleneck]:
    busy, part = run.generator.busy_share, run.generator.busiest
    if busy is not None and busy > MOST_BUSY:
        who = _BUSY.get(part or "", "the generator")
        what = f"{who} was {shown(busy, 'share')} busy over its worst 10 s, above {shown(MOST_BUSY, 'share')}"
        whole = "ask for less, or send part of the load from another machine" if part == "engine" and not _is_drill(run) else _lighter(run)
        yield Bottleneck(what, whole if part == "process" else _spread(run) + whole)


def _late(run: Run, thresholds: Sequence[Threshold]) -> Iterator[Bottleneck]:
    delay = run.generator.start_delay_s
    if delay is None:
        return
    limit, basis = delay_limit_s(thresholds)
    # The p99 of fewer starts is their maximum: one hiccup of the machine would spoil a short run.
    stat, late = ("p99", delay.p99) if delay.n >= ENOUGH_STARTS else ("p90", delay.p90)
    if late > limit:
        yield Bottleneck(f"start delay {stat} was {shown(late, 's')}, above {shown(limit, 's')}{basis}", _spread(run) + _lighter(run))


def _not_started(run: Run) -> Iterator[Bottleneck]:
    kept = run.schedule
    missing = kept.due - kept.back_pressure - kept.started
    if kept.achieved is None or kept.achieved >= LEAST_ACHIEVED or missing < LEAST_MISSING:
        return
    room = kept.due - kept.back_pressure
    what = f"only {shown(kept.achieved, 'share')} of {room:,} iterations that the target left room for were started in time"
    yield Bottleneck(what, _spread(run) + _lighter(run))


def delay_limit_s(thresholds: Sequence[Threshold]) -> tuple[float, str]:
    """The start delay p99 in seconds above which a run is invalid, and half a sentence on where it comes from.

    Without a limit on latency the delay spoils no judgement as long as it stays small against what people notice.
    """
    limits = [
        condition.limit
        for threshold in thresholds
        for condition in threshold.conditions
        if condition.metric in ("response_time", "service_time") and condition.unit == "s" and condition.op in ("<", "<=")
    ]
    if not limits:
        return DELAY_LIMIT_ALONE_S, ""
    if DELAY_SHARE * min(limits) <= LEAST_DELAY_LIMIT_S:
        return LEAST_DELAY_LIMIT_S, ""
    return DELAY_SHARE * min(limits), f" ({shown(DELAY_SHARE, 'share')} of the limit of {shown(min(limits), 's')})"


def _spread(run: Run) -> str:
    """The first thing to do while there are cores without a load process."""
    cores, plan = (run.manifest.machine or {}).get("cores"), run.manifest.plan
    most = min(cores, plan.get("max_vus") or cores) if isinstance(cores, int) else 1
    return f"use more cores (`--processes {most}`), " if most > (plan.get("processes") or 1) else ""


def _lighter(run: Run) -> str:
    """What to do about scripts that take too long, the costliest by name."""
    if _is_drill(run):
        if run.manifest.open_streams:
            return "lower `--rate`, or send part of the load from another machine"
        return "ask for less with `--rate`: a closed loop sends as fast as it can"
    costs = run.script_costs
    whole = sum(cost.cpu_s for cost in costs)
    advice = "lower the rate, make the scripts cheaper (no blocking calls, less work), or send part of the load from another machine"
    if not whole:
        return advice
    most = costs[0]
    each = f", {shown(most.cpu_s / most.iterations, 's')} an iteration" if most.iterations else ""
    return f"{advice}; scenario {most.scenario} took {shown(most.cpu_s / whole, 'share')} of the scripts' time{each}"


def _is_drill(run: Run) -> bool:
    """Whether no script took part."""
    return run.manifest.plan.get("drill") is not None
