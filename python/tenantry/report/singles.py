"""The report's tables of what went wrong and of single requests: failures by class, exceptions of scripts, the slowest requests."""

from __future__ import annotations

from tenantry.report.numbers import Document, finite, items, part, plain, ratio, share
from tenantry.report.tables import Cell, Column, Parts, Table, clipped, number

MOST_SLOWEST = 25
_SAMPLE_LENGTH = 700


def failures(document: Document) -> Table:
    """Failures by class and series with the first and the last, and one of them; the most frequent first."""
    rows = sorted(items(document, "failures"), key=lambda row: -(finite(row.get("count")) or 0))
    total = part(document, "totals").get("failures")
    cells = [
        [
            clipped(row.get("name"), "name"),
            clipped(row.get("scenario"), "key"),
            clipped(str(row.get("kind") or "").replace("_", " "), "key"),
            number(row.get("count")),
            Cell(share(ratio(row.get("count"), total)), ratio(row.get("count"), total), "num"),
            number(row.get("first_second")),
            number(row.get("last_second")),
            clipped(row.get("detail"), "long"),
            clipped(row.get("trace_id"), "trace"),
        ]
        for row in rows
    ]
    titles = (Column("Request", "name"), Column("Scenario", "key"), Column("Class", "key"))
    counts = (Column("count", figure="count"), Column("of all", figure="of_failures"), Column("first seen, s"), Column("last seen, s"))
    parts = tuple(Parts(("failure", *(str(row.get(key) or "") for key in ("name", "scenario", "kind")))) for row in rows)
    return Table(
        "failures", "Failures by class", (*titles, *counts, Column("Example", "long"), Column("Its trace id", "trace")), cells, parts=parts
    )


def samples(document: Document) -> list[tuple[str, str, str]]:
    """A title, what was sent and what came back, of one request of each class of failures that has it."""
    rows = sorted(items(document, "failures"), key=lambda row: -(finite(row.get("count")) or 0))
    return [
        (
            f"{str(row.get('name'))[:120]}: {str(row.get('kind'))[:60].replace('_', ' ')}",
            _cut(row.get("request")),
            _cut(row.get("response")),
        )
        for row in rows
        if row.get("request")
    ][:20]


def _cut(text: object) -> str:
    told = str(text or "")
    return told if len(told) <= _SAMPLE_LENGTH else f"{told[:_SAMPLE_LENGTH]}…"


def errors(document: Document) -> Table:
    """Exceptions that the scenarios raised."""
    cells = [
        [
            clipped(row.get("message"), "long"),
            clipped(row.get("location"), "name"),
            clipped(row.get("scenario"), "key"),
            number(row.get("count")),
            number(row.get("first_second")),
            number(row.get("last_second")),
        ]
        for row in items(document, "errors")
    ]
    seen = (Column("count"), Column("first seen, s"), Column("last seen, s"))
    return Table("errors", "Script errors", (Column("Message", "long"), Column("Where", "name"), Column("Scenario", "key"), *seen), cells)


def slowest(document: Document) -> Table:
    """The slowest requests that were kept, the slowest first."""
    cells = [
        [
            clipped(row.get("name"), "name"),
            clipped(row.get("scenario"), "key"),
            _millis(row.get("response_s")),
            _millis(row.get("service_s")),
            _millis(row.get("wait_s")),
            Cell(plain(row.get("second")), finite(row.get("second")), "num"),
            number(row.get("tenant")),
            clipped(row.get("status") or "none", "key"),
            clipped(str(row.get("kind") or "").replace("_", " "), "key"),
            clipped(row.get("trace_id"), "trace"),
        ]
        for row in items(document, "slowest")
    ]
    times = (Column("response ms"), Column("service ms"), Column("wait ms"), Column("ended at, s"))
    last = (Column("tenant"), Column("Status", "key"), Column("Failure", "key"), Column("Trace id", "trace"))
    note = "Of the requests that were kept: the ten slowest of every 1.5 s are." if cells else ""
    return Table(
        "slowest",
        "Slowest requests",
        (Column("Request", "name"), Column("Scenario", "key"), *times, *last),
        cells,
        note,
        most=MOST_SLOWEST,
        moment=5,
    )


def _millis(seconds: object) -> Cell:
    value = finite(seconds)
    return Cell(plain(value * 1e3) if value is not None else plain(None), value, "num")
