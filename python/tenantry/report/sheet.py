"""The series of a run as comma-separated values (RFC 4180): one row per series, every figure of it in a column of its own."""

from __future__ import annotations

import csv
from io import StringIO

from tenantry.report.numbers import Document, finite, items, part

_COUNTS = (
    "requests",
    "failures",
    "offered_rate",
    "started_rate",
    "throughput",
    "iterations",
    "dropped_iterations",
    "interrupted_iterations",
    "errors",
    "bytes_received",
    "resent",
)
_PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9")
_TIMES = ("service_time_s", "response_time_s")
_KEYS = ("scenario", "group", "name")


def render(document: Document) -> str:
    """The sheet; a cell without a value is empty, a percentile with too few samples is named in `..._insufficient`."""
    page = StringIO()
    writer = csv.writer(page)
    writer.writerow(columns())
    for row in items(document, "series"):
        times = [value for which in _TIMES for value in _times(part(row, which))]
        writer.writerow([*(str(row.get(key) or "") for key in _KEYS), *(finite(row.get(count)) for count in _COUNTS), *times])
    return page.getvalue()


def columns() -> list[str]:
    """The titles, in order."""
    times = [f"{which.removesuffix('_s')}_{what}" for which in _TIMES for what in _time_columns()]
    return [*_KEYS, *_COUNTS, *times]


def _time_columns() -> list[str]:
    plain = [f"{stat}_s" for stat in (*_PERCENTILES, "avg", "max")]
    return [*plain, "n", "insufficient", *(f"{stat}_{end}_s" for stat in _PERCENTILES for end in ("low", "high"))]


def _times(stats: Document) -> list[float | str | None]:
    plain = [finite(stats.get(stat)) for stat in (*_PERCENTILES, "avg", "max", "n")]
    interval = part(stats, "interval")
    ends = [finite(end) for stat in _PERCENTILES for end in (interval.get(stat) or (None, None))]
    return [*plain, " ".join(map(str, stats.get("insufficient") or ())), *ends]
