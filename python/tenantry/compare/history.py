"""The runs of one workload, one after the other, and where their figures changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from tenantry.compare.trend import change_points
from tenantry.errors import TenantryError
from tenantry.results import open_run

FIGURES = ("p50", "p95", "p99", "throughput", "failures")
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
    points: dict[str, list[Point]] = {}
    for folder in folders:
        found = _point(folder)
        if found is not None:
            points.setdefault(found[0], []).append(found[1])
    return [History(workload, tuple(runs[-MOST_RUNS:]), _changes(runs[-MOST_RUNS:])) for workload, runs in sorted(points.items())]


def _point(folder: Path) -> tuple[str, Point] | None:
    """The workload and figures of a run; None for one that is no measurement: invalid, without data, damaged, or still going on."""
    try:
        with open_run(folder) as run:
            verdict = run.manifest.verdict
            if verdict is None or verdict.verdict not in ("pass", "fail"):
                return None
            totals = run.totals
    except TenantryError:
        return None
    times = totals.response_time_s
    failed = totals.failures / totals.requests if totals.requests else None
    p50, p95, p99 = (times.p50, times.p95, times.p99) if times else (None, None, None)
    return run.manifest.name, Point(folder.name, p50, p95, p99, totals.throughput, failed)


def _changes(points: list[Point]) -> tuple[Change, ...]:
    found = []
    for figure in FIGURES:
        known = [(point.run, value) for point in points if (value := getattr(point, figure)) is not None]
        changes = change_points([value for _, value in known])
        found += [Change(figure, known[each.at][0], each.before, each.after, each.change) for each in changes]
    return tuple(found)
