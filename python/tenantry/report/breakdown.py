"""The report's tables of the run in parts: by scenario and group, by status of the answer, its iterations."""

from __future__ import annotations

from tenantry.report.numbers import Document, finite, items, part, ratio, share
from tenantry.report.tables import REQUESTS, Cell, Column, Key, Parts, Table, bad, clipped, guess_note, latency, number, shared, times

_STATS = ("p50", "p95", "p99", "max")
_COUNTS = ("due", "started", "completed", "failed", "errors", "dropped", "interrupted")
_FIELDS = {"completed": "ended"}
EVERYTHING = "all"


def scenarios(document: Document) -> Table:
    """All requests, those of each scenario, and of each group in it."""
    rows, totals = items(document, "parts"), part(document, "totals")
    length = finite(part(document, "about").get("duration_s"))
    grouped = any(row.get("group") is not None for row in rows)
    whole = [clipped(EVERYTHING, "key"), *([clipped("", "key")] if grouped else []), *_requests(totals, totals.get("throughput"))]
    cells = [whole + [latency(part(totals, "response_time_s"), stat) for stat in _STATS]] if rows else []
    for row in rows:
        sent = part(row, "sent")
        good = (finite(sent.get("requests")) or 0) - (finite(sent.get("failures")) or 0)
        found = {stat: sent.get(f"{stat}_s") for stat in _STATS}
        cells.append(
            [
                clipped(row.get("scenario"), "key"),
                *([clipped(row.get("group"), "key")] if grouped else []),
                *_requests(sent, good / length if length else None),
                *(latency(found, stat) for stat in _STATS),
            ]
        )
    columns = (Column("Scenario", "key"), *((Column("Group", "key"),) if grouped else ()), *REQUESTS, *times("response", _STATS))
    parts = (Parts(("all",)), *(Parts(_part_key(row)) for row in rows)) if rows else ()
    return Table("parts", "Requests by scenario and group", columns, cells, guess_note(cells), parts=parts)


def _part_key(row: Document) -> Key:
    scenario, group = str(row.get("scenario")), row.get("group")
    return ("scenario", scenario) if group is None else ("group", scenario, str(group))


def _requests(sent: Document, throughput: object) -> list[Cell]:
    requests, failures = sent.get("requests"), sent.get("failures")
    return [number(requests), bad(failures), shared(failures, requests), number(throughput)]


def statuses(document: Document) -> Table:
    """Requests by the status of their answer."""
    rows, requests = items(document, "statuses"), part(document, "totals").get("requests")
    cells = [
        [
            clipped("no answer" if row.get("status") == 0 else row.get("status"), "key"),
            clipped("failed" if row.get("failed") else "fine", "key bad" if row.get("failed") else "key"),
            Cell(f"{'≈' if row.get('estimated') else ''}{number(row.get('requests')).text}", finite(row.get("requests")), "num"),
            Cell(share(ratio(row.get("requests"), requests)), ratio(row.get("requests"), requests), "num"),
            *(latency({stat: row.get(f"{stat}_s")}, stat) for stat in ("p50", "p95", "max")),
            number(row.get("n")),
        ]
        for row in rows
    ]
    counts = (Column("requests", figure="requests"), Column("of all", figure="of_requests"))
    kept = (Column("p50 ms"), Column("p95 ms"), Column("max ms"), Column("kept"))
    parts = tuple(Parts(("status", str(row.get("status")), "failed" if row.get("failed") else "fine")) for row in rows)
    note = "Times are those of the kept requests, by weight; ≈ marks a count that comes of them as well." if rows else ""
    return Table(
        "statuses", "Requests by status", (Column("Status", "key"), Column("Outcome", "key"), *counts, *kept), cells, note, parts=parts
    )


def iterations(document: Document) -> Table:
    """Iterations by scenario."""
    rows = [row for row in items(document, "parts") if row.get("iterations")]
    cells = [
        [
            clipped(row.get("scenario"), "key"),
            *(
                (bad if name in ("failed", "errors", "dropped") else number)(part(row, "iterations").get(_FIELDS.get(name, name)))
                for name in _COUNTS
            ),
        ]
        for row in rows
    ]
    columns = (Column("Scenario", "key"), *(Column(name, figure=name) for name in _COUNTS))
    parts = tuple(Parts(("iterations", str(row.get("scenario")))) for row in rows)
    return Table("iterations", "Iterations by scenario", columns, cells, parts=parts)
