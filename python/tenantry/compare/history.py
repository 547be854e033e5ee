"""The runs of one workload, one after the other, and where their figures changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import msgspec

from tenantry.compare.figures import Line, line_of
from tenantry.compare.trend import ChangePoint, change_points
from tenantry.errors import TenantryError
from tenantry.results import open_run

FIGURES = ("p50", "p95", "p99", "throughput", "failures")
# Verdicts of runs that measured the app.
SOUND = ("pass", "fail")
MOST_RUNS = 200


class Point(msgspec.Struct, frozen=True):
    """One run's figures of all requests: times in seconds, throughput per second, failures as a share; None where it has none."""

    run: str
    p50: float | None
    p95: float | None
    p99: float | None
    throughput: float | None
    failures: float | None


class Change(msgspec.Struct, frozen=True):
    """From `run` on the mean of a figure is `after`; before it was `before`. `change` is relative."""

    figure: str
    run: str
    before: float
    after: float
    change: float


class History(msgspec.Struct, frozen=True):
    """The runs of a workload, the oldest first, with the changes of their figures."""

    workload: str
    points: tuple[Point, ...]
    changes: tuple[Change, ...]


def histories(folders: Iterable[Path]) -> list[History]:
    """The history of each workload among these run folders (the oldest first), of its latest 200 runs that passed or failed."""
    runs: dict[str, list[tuple[str, Line]]] = {}
    for folder in folders:
        found = _read(folder)
        if found is not None:
            runs.setdefault(found[0], []).append((folder.name, found[1]))
    return [_history(workload, measured[-MOST_RUNS:]) for workload, measured in sorted(runs.items())]


def turns(lines: Sequence[Line | None], figure: str) -> list[ChangePoint]:
    """Where a figure changes over runs, the oldest first; `at` counts runs that lack it as well."""
    known = [(at, value) for at, line in enumerate(lines) if line is not None and (value := value_of(line, figure)) is not None]
    return [replace(each, at=known[each.at][0]) for each in _change_points(tuple(value for _, value in known))]


# A page of trends asks for a hundred of these, and again each time it is opened.
_change_points = lru_cache(2000)(change_points)


def value_of(line: Line, figure: str) -> float | None:
    """One of `FIGURES`."""
    value: float | None = getattr(line, "failed_share" if figure == "failures" else figure)
    return value


def _read(folder: Path) -> tuple[str, Line] | None:
    """The workload and figures of a run; None for one that is no measurement: invalid, without data, damaged, or still going on."""
    try:
        with open_run(folder) as run:
            verdict = run.manifest.verdict
            return (run.manifest.name, line_of(run.totals)) if verdict is not None and verdict.verdict in SOUND else None
    except TenantryError:
        return None


def _history(workload: str, runs: Sequence[tuple[str, Line]]) -> History:
    points = tuple(Point(name, **{figure: value_of(line, figure) for figure in FIGURES}) for name, line in runs)
    lines = [line for _, line in runs]
    changes = [
        Change(figure, runs[each.at][0], each.before, each.after, each.change) for figure in FIGURES for each in turns(lines, figure)
    ]
    return History(workload, points, tuple(changes))
