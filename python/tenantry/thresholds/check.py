"""All thresholds of a plan before its first request, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.errors import UsageError
from tenantry.metrics.custom import custom_metrics
from tenantry.metrics.selector import Selector
from tenantry.plan.stages import Course, courses, stage_span
from tenantry.thresholds.model import Condition, Threshold
from tenantry.thresholds.parser import parse_threshold
from tenantry.types import did_you_mean
from tenantry.units import NS


def check_thresholds(plan: Mapping[str, Any], *, where: str = "") -> tuple[list[Threshold], list[UsageError]]:
    """The thresholds of a plan (as plain JSON), and what is wrong with them: grammar, unknown scenarios and stages, windows longer than
    the load. `where` is the place that the faults name.
    """
    found: list[Threshold] = []
    faults: list[UsageError] = []
    custom, check = custom_metrics(plan), _Check(plan)
    for text in plan["thresholds"]:
        try:
            threshold = parse_threshold(text, custom)
            check.threshold(threshold)
            found.append(threshold)
        except UsageError as wrong:
            faults.append(UsageError(wrong.what, where=where, hint=wrong.hint))
    return found, faults


class _Check:
    """What thresholds may refer to."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.scenarios = [str(name) for name in plan["scenarios"]]
        self.duration_s: float = max(plan["duration_ns"] / NS, 1)
        self.courses: list[Course] = courses(plan["streams"])

    def threshold(self, threshold: Threshold) -> None:
        for condition in threshold.conditions:
            for selector in condition.tags:
                self.selector(threshold, selector)
            self.length(threshold, condition, self.room(threshold, condition))
            if threshold.abort and condition.part is not None and condition.part.what == "steady":
                raise _fault(threshold, "`abort` cannot wait for `steady`, which is known only after the run", "write after 30s instead")
        if threshold.abort_after_s >= self.duration_s:
            what = f"`abort` is to wait {threshold.abort_after_s} s, but there are {self.duration_s:g} s of load"
            raise _fault(threshold, what, "shorten the delay, or let the load take longer")

    def selector(self, threshold: Threshold, selector: Selector) -> None:
        if selector.tag != "scenario":
            return
        name = selector.value
        if selector.op == "=~":
            if not any(map(selector.fits, self.scenarios)):
                raise _fault(threshold, f"no scenario fits {name!r}", f"known: {', '.join(self.scenarios)}")
        elif name not in self.scenarios:
            raise _fault(threshold, f"no scenario is named {name!r}", did_you_mean(name, self.scenarios))

    def room(self, threshold: Threshold, condition: Condition) -> float:
        """How many seconds there are to look at."""
        if condition.part is None or condition.part.what == "steady":
            return self.duration_s
        try:
            start, end = stage_span(self.courses, condition.part.number, condition.runs)
        except UsageError as wrong:
            raise _fault(threshold, wrong.what, wrong.hint) from None
        return end - start

    def length(self, threshold: Threshold, condition: Condition, room: float) -> None:
        needed = condition.after_s + (condition.over_s or 1)
        if needed > room:
            what = f"it needs {needed} s of load, but there are {room:g} s"
            raise _fault(threshold, what, "shorten `over` and `after`, or let the load take longer")


def _fault(threshold: Threshold, what: str, hint: str) -> UsageError:
    return UsageError(f"threshold: {what}\n    {threshold.text}", hint=hint)
