"""The search itself: measures rates until it knows the highest that meets the thresholds, or why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal, NamedTuple

from tenantry.capacity.search import Bounds, Range, next_rate
from tenantry.capacity.steps import Step
from tenantry.errors import Exit, Interrupted, TargetError
from tenantry.units import show_rate

End = Literal["found", "most_passed", "lowest_failed", "invalid", "no_data", "unreachable", "interrupted"]
EXITS: dict[End, Exit] = {
    "found": Exit.PASS,
    "most_passed": Exit.PASS,
    "lowest_failed": Exit.THRESHOLD,
    "invalid": Exit.INVALID,
    "no_data": Exit.NO_DATA,
    "unreachable": Exit.TARGET,
    "interrupted": Exit.INTERRUPTED,
}
_VERDICTS: dict[str, End] = {"invalid": "invalid", "no_data": "no_data"}


class Measured(NamedTuple):
    """A step, and whether the same rate is to be measured again before it counts."""

    step: Step
    again: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a search knows so far; `end` and `why` say how it ended, `end` is None while it goes on."""

    within: Range
    steps: tuple[Step, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    end: End | None = None
    why: str = ""

    @property
    def exit(self) -> Exit:
        """The exit code; that of an interruption while the search goes on."""
        return EXITS[self.end or "interrupted"]

    @property
    def failed_step(self) -> Step | None:
        """The step at the lowest rate that failed."""
        failed = self.bounds.failed
        return next((step for step in reversed(self.steps) if failed is not None and step.rate == float(failed)), None)

    @property
    def reason(self) -> str:
        """The result in words."""
        passed, step = self.bounds.passed, self.failed_step
        best = f"the highest rate that met all thresholds is {_rate(passed)}" if passed is not None else ""
        limit = f"at {_rate(step.rate)} {_limit(step)}" if step is not None else ""
        match self.end:
            case "lowest_failed":
                return f"even the lowest rate failed: {limit}"
            case "most_passed":
                return f"{best}, the highest that was asked for: the limit lies above"
            case "found":
                return f"{best}; {limit}"
            case "invalid":
                what = f"the search ended at a step that is invalid, which is no limit of the app: {self.why}"
            case _:
                what = self.why or "the search goes on"
        return "; ".join(part for part in (what, f"until then {best}" if best else "", limit) if part)


def find(measure: Callable[[Fraction], Measured], within: Range, *, on_step: Callable[[Found], None] = lambda found: None) -> Found:
    """Search the highest rate that passes; `measure` carries out one step, `on_step` is told after each.

    Ctrl-C and a target that went away end the search with what it knows by then; raised is only what comes before the first step.
    """
    found = Found(within)
    try:
        while found.end is None:
            rate = next_rate(found.bounds, within)
            if rate is None:
                found = replace(found, end=_end(found.bounds))
            else:
                found = _noted(found, rate, measure(rate))
                on_step(found)
    except (KeyboardInterrupt, Interrupted, TargetError) as error:
        if not found.steps:
            raise
        gone = isinstance(error, TargetError)
        found = replace(
            found, end="unreachable" if gone else "interrupted", why=error.what if isinstance(error, TargetError) else "interrupted"
        )
    return found


def _end(bounds: Bounds) -> End:
    if bounds.passed is None:
        return "lowest_failed"
    return "most_passed" if bounds.failed is None else "found"


def _noted(found: Found, rate: Fraction, measured: Measured) -> Found:
    step = measured.step
    found = replace(found, steps=(*found.steps, step))
    if step.exit == Exit.INTERRUPTED:
        return replace(found, end="interrupted", why="interrupted")
    if measured.again:
        return found
    if step.verdict in _VERDICTS:
        return replace(found, end=_VERDICTS[step.verdict], why=f"at {_rate(rate)} {step.reason}")
    return replace(found, bounds=found.bounds.with_outcome(rate, step.verdict == "pass"))


def _limit(step: Step) -> str:
    """What failed first at a step."""
    if not step.failed:
        return step.reason
    more = f" and {len(step.failed) - 1} more" if len(step.failed) > 1 else ""
    starved = step.failed[0].startswith("started_rate")
    hint = ": all virtual users were busy; if the app can do more, give more with --set max_vus=N" if starved else ""
    return f"{step.failed[0]}{more} failed{hint}"


def _rate(rate: Fraction | float) -> str:
    return show_rate(float(rate)) if rate >= 10 else f"{float(rate):.3g}/s"
