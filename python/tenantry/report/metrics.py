"""Metrics of the scripts: a table of the report, and lines of the summary."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.report.lines import Cells, Line, clean, columns
from tenantry.report.numbers import NOTHING, Document, duration, finite, items, plain, share
from tenantry.report.tables import Cell, Column, Parts, Table, clipped, number

_STATS = ("min", "p50", "p95", "p99", "max")
MOST_LINES = 12


def table(document: Document) -> Table:
    """One row per metric; the duration of groups has one per group."""
    told = items(document, "metrics")
    rows = [
        [
            clipped(row.get("name"), "name"),
            clipped(row.get("group"), "key"),
            clipped(row.get("kind"), "key"),
            clipped(row.get("unit"), "key"),
            number(row.get("n")),
            Cell(_value(row), finite(row.get("value")), "num"),
            number(row.get("per_s")),
            *(number(row.get(stat)) for stat in _STATS),
        ]
        for row in told
    ]
    titles = (Column("Metric", "name"), Column("Group", "key"), Column("Kind", "key"), Column("Unit", "key"), Column("values", figure="n"))
    figures = {"total, share, last or mean": "value", "per s": "per_s", **{stat: stat for stat in _STATS}}
    more = (Column(title, figure=f"metric.{figure}") for title, figure in figures.items())
    parts = [Parts(("metric", str(row.get("name")), str(row.get("group") or "")), times=str(row.get("kind"))) for row in told]
    return Table("metrics", "Metrics of the scenarios", (*titles, *more), rows, parts=tuple(parts))


def lines(document: Document, width: int) -> Iterator[Line]:
    """The metrics that got values, or were declared and got none."""
    rows = items(document, "metrics")
    cells = [Cells((_title(row), plain(row.get("n")), _told(row), *(_in_unit(row, stat) for stat in ("p95", "max")))) for row in rows]
    if not cells:
        return
    yield from columns(
        ("Metrics of the scenarios", "values", "value", "p95", "max"), cells[:MOST_LINES], width=width, least=(0, 8, 20, 9, 9)
    )
    if len(rows) > MOST_LINES:
        yield Line((f"  and {len(rows) - MOST_LINES} more in the report", "dim"))


def _title(row: Document) -> str:
    return f"{clean(row.get('name'))} {clean(row.get('group') or '')}".strip()


def _told(row: Document) -> str:
    """`12,345 orders`, `mean 0.25 s`, `97 %`."""
    if finite(row.get("value")) is None:
        return NOTHING
    word = {"trend": "mean ", "gauge": "last "}.get(str(row.get("kind")), "")
    if row.get("unit") == "s":
        return f"{word}{duration(row.get('value'))}"
    return f"{word}{_value(row)} {clean(row.get('unit') or '')}".strip()


def _in_unit(row: Document, stat: str) -> str:
    return duration(row.get(stat)) if row.get("unit") == "s" else plain(row.get(stat))


def _value(row: Document) -> str:
    return share(row.get("value")) if row.get("kind") == "rate" else plain(row.get("value"))
