"""Limits on amounts (throughput, counts) of a workload whose load was scaled: what was written for the whole load holds for its part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import floor

from tenantry.errors import UsageError
from tenantry.metrics.custom import custom_metrics
from tenantry.plan.plan import Plan, Stream
from tenantry.plan.profile import scaled_count
from tenantry.thresholds.model import Condition
from tenantry.thresholds.parser import parse_threshold


def scale_limits(plan: Plan, written: Sequence[Stream], *, where: str) -> tuple[Plan, list[UsageError]]:
    """The plan with limits that follow the `scale` of its streams, and what cannot follow it; `written` are its streams before.

    A threshold that is not understood stays as it is: `check_thresholds` tells why. `where` is the place that the faults name.
    """
    custom = custom_metrics(plan.as_dict())
    streams = [replace(stream, scale=scaled.scale) for stream, scaled in zip(written, plan.streams, strict=True)]
    texts: list[str] = []
    before: dict[str, str] = {}
    faults: list[UsageError] = []
    for text in plan.thresholds:
        try:
            threshold = parse_threshold(text, custom)
        except UsageError:
            texts.append(text)
            continue
        try:
            scaled = threshold.changed(lambda condition: _scaled(condition, streams))
        except UsageError as wrong:
            faults.append(UsageError(f"threshold: {wrong.what}\n    {text}", where=where, hint=wrong.hint))
            continue
        same = scaled.expression == threshold.expression
        texts.append(text if same else scaled.text)
        before |= {} if same else {scaled.text: text}
    return replace(plan, thresholds=tuple(texts), scaled_thresholds=before), faults


def _scaled(condition: Condition, streams: Sequence[Stream]) -> Condition:
    if not condition.limit or not (condition.kind == "counter" or condition.stat == "count"):
        return condition
    meant = [stream for stream in streams if any(condition.runs(name) for name, _ in stream.scenarios)] or list(streams)
    if len({stream.scale for stream in meant}) > 1:
        by = ", ".join(f"{stream.name} {float(stream.scale):g}" for stream in meant)
        what = f"its limit is about load profiles that are scaled differently ({by}), so it cannot follow them"
        raise UsageError(what, hint=f"name one of them, for example {{scenario={meant[0].scenarios[0][0]}}}, or scale all alike")
    limit = Fraction(repr(condition.limit))
    return replace(condition, limit=_readable(_follow(condition, limit, meant), limit))


def _follow(condition: Condition, limit: Fraction, streams: Sequence[Stream]) -> Fraction:
    """The limit for what is left of the load. Whole virtual users rarely come to the same share: the limit gives way to all of them."""
    scales = [ratio for stream in streams for ratio in _ratios(stream)]
    whole = condition.unit == "count" and limit.denominator == 1
    match condition.op:
        case ">" | ">=":
            follows = limit * min(scales)
            return Fraction(floor(follows)) if whole and condition.op == ">=" and follows >= 1 else follows
        case "==":
            return Fraction(scaled_count(int(limit), streams[0].scale)) if whole else limit * streams[0].scale
        case _:
            return limit * max(scales)


def _ratios(stream: Stream) -> list[Fraction]:
    """What the profile was scaled by, and how many times as much each of its numbers became."""
    before, after = (map(Fraction, profile.amounts) for profile in (stream.profile, stream.profile.scaled(stream.scale)))
    return [stream.scale, *(new / old for old, new in zip(before, after, strict=True) if old)]


def _readable(limit: Fraction, written: Fraction) -> float:
    """Twelve digits are enough for people, and for what is measured."""
    return float(written) if limit == written else float(f"{float(limit):.12g}")
