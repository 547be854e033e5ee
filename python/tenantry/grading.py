"""How good a stored run was, in four words: each figure by its bounds, a whole by its worst part. A grade never changes the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from tenantry.metrics.confidence import samples_needed
from tenantry.plan.grades import FIGURES, Bounds, Levels, read_bounds
from tenantry.results import Run
from tenantry.results.model import Iterations, Sent
from tenantry.results.requests import added, all_sent
from tenantry.types import Grade
from tenantry.types import Verdict as Word
from tenantry.units import show_rate
from tenantry.verdict import nothing_measured

ORDER: tuple[Grade, ...] = get_args(Grade)
DB_CONNECTIONS = "db_connections"
_P95 = 0.95


@dataclass(frozen=True, slots=True)
class Graded:
    """One figure: `value` in `unit`, None without data; `note` says why it has no grade, or what it is a share of.

    `applies`: a whole needs its grade; otherwise it is left out of the whole where it has none.
    """

    value: float | None
    unit: str
    bounds: Levels
    grade: Grade | None
    note: str
    applies: bool

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {"value": self.value, "unit": self.unit, "bounds": self.bounds._asdict(), "grade": self.grade, "note": self.note}


@dataclass(frozen=True, slots=True)
class Whole:
    """A scenario, or the run with its `scenarios`: the grade of its worst part, and which parts that is, or why there is none."""

    grade: Grade | None
    note: str
    figures: Mapping[str, Graded]
    scenarios: Mapping[str, Whole] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values; `scenarios` is a list."""
        told = self._own()
        return told | {"scenarios": [{"scenario": name, **whole._own()} for name, whole in self.scenarios.items()]}

    def _own(self) -> dict[str, object]:
        return {"grade": self.grade, "note": self.note, "figures": {name: one.as_dict() for name, one in self.figures.items()}}


def grades(run: Run, word: Word) -> Whole:
    """The grades of a run whose verdict is `word`, from its folder alone; one without stored bounds has those by default.

    An invalid run, and one in which nothing was measured, has none; its values are told all the same.
    """
    maker = _Maker(run, read_bounds(run.manifest.plan.get("grades")))
    scenarios = {name: maker.scenario(name) for name in _names(run)}
    figures = maker.everything()
    why = "the run is invalid" if word == "invalid" else nothing_measured(run)
    if why:
        withheld = {name: _without(whole.figures, why) for name, whole in scenarios.items()}
        return Whole(None, why, _without(figures, why).figures, withheld)
    found = _whole(figures, scenarios)
    ungraded = [name for name, whole in scenarios.items() if whole.grade is None]
    note = "; ".join(filter(None, [found.note, f"without {', '.join(ungraded)}" if ungraded and found.grade else ""]))
    return Whole(found.grade, note, figures, scenarios)


def _names(run: Run) -> list[str]:
    """The scenarios in the order of the plan, then others that left a trace."""
    planned = [str(pair[0]) for stream in run.manifest.streams for pair in stream.get("scenarios") or []]
    return [name for name in dict.fromkeys([*planned, *run.sent, *run.iterations]) if name]


class _Maker:
    """Reads the figures off a run and grades each by itself."""

    def __init__(self, run: Run, bounds: Bounds) -> None:
        self.run, self.bounds = run, bounds

    def scenario(self, name: str) -> Whole:
        sent = self.run.sent.get(name, Sent())
        ran = self.run.iterations.get(name, Iterations()) if name in self.run.open_scenarios else None
        figures = {"p95": self.p95(sent), "failures": self.failures(sent), "throughput": self.throughput(sent, ran)}
        return _whole(figures, {})

    def everything(self) -> dict[str, Graded]:
        run = self.run
        response = run.totals.response_time_s
        sent = Sent(run.totals.requests, run.totals.failures, response.n if response else 0, response.p95 if response else None)
        open_sent = all_sent(one for name, one in run.sent.items() if name in run.open_scenarios)
        ran = added(one for name, one in run.iterations.items() if name in run.open_scenarios) if run.open_scenarios else None
        throughput = self.throughput(open_sent, ran)
        return {"p95": self.p95(sent), "failures": self.failures(sent), "throughput": throughput, DB_CONNECTIONS: self.db_connections()}

    def p95(self, sent: Sent) -> Graded:
        needed = samples_needed(_P95)
        if sent.p95_s is None:
            return self.graded("p95", None, "no request ended")
        if sent.n < needed:
            return self.graded("p95", sent.p95_s, f"only {sent.n:,} sample{'s' * (sent.n != 1)}, where p95 needs {needed}", judged=False)
        return self.graded("p95", sent.p95_s)

    def failures(self, sent: Sent) -> Graded:
        if not sent.requests:
            return self.graded("failures", None, "no request ended")
        return self.graded("failures", sent.failures / sent.requests)

    def throughput(self, sent: Sent, ran: Iterations | None) -> Graded:
        """Iterations that came to their end for each that was due, times the share of requests that did not fail."""
        if ran is None:
            return self.graded("throughput", None, "closed load: no rate is offered", applies=False)
        if not ran.due:
            return self.graded("throughput", None, "no iteration was due")
        ended, (good, requests) = ran.ended + ran.failed, (sent.requests - sent.failures, sent.requests) if sent.requests else (1, 1)
        offered = show_rate(ran.due / self.run.duration_s if self.run.duration_s > 0 else None)
        return self.graded("throughput", ended * good / (ran.due * requests), f"of {offered} offered")

    def db_connections(self) -> Graded:
        value = self.run.value(DB_CONNECTIONS)
        return self.graded(DB_CONNECTIONS, value, "" if value is not None else "not observed", applies=value is not None)

    def graded(self, name: str, value: float | None, note: str = "", *, judged: bool = True, applies: bool = True) -> Graded:
        figure, levels = FIGURES[name], self.bounds.levels[name]
        grade = levels.grade(figure, value) if value is not None and judged else None
        return Graded(value, figure.unit, levels, grade, note, applies)


def _whole(figures: Mapping[str, Graded], scenarios: Mapping[str, Whole]) -> Whole:
    """Graded by the worst part. A part that has no grade though it should leaves the whole without one, unless another is critical."""
    parts: dict[str, Grade | None] = {FIGURES[name].title: one.grade for name, one in figures.items()}
    parts |= {name: whole.grade for name, whole in scenarios.items()}
    known = {title: grade for title, grade in parts.items() if grade is not None}
    worst = max(known.values(), key=ORDER.index, default=None)
    missing = _listed(one.note for one in figures.values() if one.applies and one.grade is None)
    if worst is None or (missing and worst != ORDER[-1]):
        return Whole(None, missing or "no data", figures, scenarios)
    by = "" if worst == ORDER[0] else _listed(title for title, grade in known.items() if grade == worst)
    return Whole(worst, f"by {by}" if by else "", figures, scenarios)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _without(figures: Mapping[str, Graded], why: str) -> Whole:
    """The values without their grades."""
    blank = {name: Graded(one.value, one.unit, one.bounds, None, one.note or why, one.applies) for name, one in figures.items()}
    return Whole(None, why, blank)
