"""The report's tables: what stands in each cell, and what it sorts by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tenantry.report.numbers import NOTHING, Document, finite, items, millis, part, plain, ratio, share

Key = tuple[str, ...]

LONGEST_TEXT = 300
MOST_ROWS = 200
_PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9")


class Cell(NamedTuple):
    """Text, the number it sorts by (text sorts by itself), class names."""

    text: str
    value: float | str | None
    css: str


class Column(NamedTuple):
    """A heading; `group` stands above neighbours that share it. `figure` is what the page's script works out for a part of the run."""

    title: str
    css: str = "num"
    group: str = ""
    figure: str = ""


class Parts(NamedTuple):
    """The lines of the run's slices that a row is made of: of its requests or counts, of its iterations; and which times it shows."""

    line: Key | None = None
    iterations: Key | None = None
    times: str = ""


@dataclass(frozen=True)
class Table:
    """One table; rows beyond the first `most` travel in the page's data. `parts` has an entry for each row of a table that follows
    the chosen part of the run; `moment` is the column of seconds by which rows are left out instead.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    note: str = ""
    css: str = field(default="")
    parts: tuple[Parts, ...] = ()
    most: int = MOST_ROWS
    moment: int | None = None

    @property
    def is_brushable(self) -> bool:
        """Whether it can be worked out again for a part of the run."""
        return bool(self.parts) or self.moment is not None

    @property
    def groups(self) -> list[tuple[str, list[Column]]]:
        """Neighbouring columns of one group together; columns without a group each alone."""
        found: list[tuple[str, list[Column]]] = []
        for column in self.columns:
            if column.group and found and found[-1][0] == column.group:
                found[-1][1].append(column)
            else:
                found.append((column.group, [column]))
        return found


def clipped(value: object, css: str = "") -> Cell:
    """A cell of text as it came from outside: never longer than a screenful, a dash when empty."""
    text = "" if value is None else str(value)
    short = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"
    return Cell(short or NOTHING, short, css)


def number(value: object, css: str = "num") -> Cell:
    """A cell with a plain number."""
    return Cell(plain(value), finite(value), css)


def bad(value: object) -> Cell:
    """A number that is marked where it is not zero."""
    return number(value, "num bad" if finite(value) else "num")


def shared(part_of: object, whole: object) -> Cell:
    """A share of the whole."""
    value = ratio(part_of, whole)
    return Cell(share(value), value, "num bad" if value else "num")


def latency(stats: Document, stat: str) -> Cell:
    """A time in milliseconds with half the width of its confidence interval, marked with `≈` where samples are too few to bound it."""
    value, half = finite(stats.get(stat)), half_width_s(stats, stat)
    # Of half a width beyond the value itself nobody needs the digits, and a time below zero nobody would believe.
    within = "" if half is None or value is None else f" ±{millis(half)}" if half < value else " ±>100 %"
    return Cell(approximate(stats, stat) + within, value, "num few" if _few(stats, stat) else "num")


def approximate(stats: Document, stat: str) -> str:
    """A time in milliseconds, marked with `≈` where samples are too few to bound it."""
    value = finite(stats.get(stat))
    return ("≈" if _few(stats, stat) and value is not None else "") + millis(value)


def _few(stats: Document, stat: str) -> bool:
    return stat in (stats.get("insufficient") or ())


def half_width_s(stats: Document, stat: str) -> float | None:
    """Half the width of a percentile's confidence interval in seconds; None where it has none."""
    found = part(stats, "interval").get(stat)
    low, high = (finite(end) for end in found) if isinstance(found, list | tuple) and len(found) == 2 else (None, None)
    value = finite(stats.get(stat))
    return None if low is None or high is None or value is None else max(high - value, value - low)


GUESS_NOTE = "≈ marks a percentile with too few samples to bound it (p95 needs 59, p99 299, p99.9 2,995): take it as a hint."
INTERVAL_NOTE = "± is half of the 95 % confidence interval, from slices of the run."
_LATENCY_STATS = ("p50", "p95", "p99", "max")


def series(document: Document) -> Table:
    """One row per series; the most requested first where not all fit the page."""
    rows = items(document, "series")
    if len(rows) > MOST_ROWS:
        rows = sorted(rows, key=lambda row: -(finite(row.get("requests")) or 0))
    grouped = any(row.get("group") for row in rows)
    columns = (
        Column("Request", "name"),
        Column("Scenario", "key"),
        *((Column("Group", "key"),) if grouped else ()),
        *REQUESTS,
        Column("offered/s", group="Scenario iterations", figure="offered"),
        Column("started/s", group="Scenario iterations", figure="began"),
        *times("response", _LATENCY_STATS),
        *times("service", _LATENCY_STATS),
    )
    cells = [_series_row(row, grouped) for row in rows]
    parts = tuple(
        Parts(("series", _text(row, "scenario"), _text(row, "group"), _text(row, "name")), ("iterations", _text(row, "scenario")))
        for row in rows
    )
    return Table("series", "Requests by name", columns, cells, guess_note(cells), "pinned", parts)


REQUESTS = (
    Column("ended", group="Requests", figure="requests"),
    Column("failed", group="Requests", figure="failures"),
    Column("failed %", group="Requests", figure="failed_share"),
    Column("throughput/s", group="Requests", figure="throughput"),
)


def times(kind: str, stats: Iterable[str]) -> Iterator[Column]:
    """Columns of the percentiles of response or service times."""
    return (Column(stat, group=f"{kind.title()} time, ms", figure=f"{kind}.{stat}") for stat in stats)


def _text(row: Document, key: str) -> str:
    return str(row.get(key) or "")


def _series_row(row: Document, grouped: bool) -> list[Cell]:
    response, service = part(row, "response_time_s"), part(row, "service_time_s")
    return [
        clipped(row.get("name"), "name"),
        clipped(row.get("scenario"), "key"),
        *([clipped(row.get("group"), "key")] if grouped else []),
        number(row.get("requests")),
        bad(row.get("failures")),
        shared(row.get("failures"), row.get("requests")),
        number(row.get("throughput")),
        number(row.get("offered_rate")),
        number(row.get("started_rate")),
        *(latency(response, stat) for stat in _LATENCY_STATS),
        *(latency(service, stat) for stat in _LATENCY_STATS),
    ]


def distributions(document: Document) -> Table:
    """The whole run's durations, one row each."""
    totals, generator = part(document, "totals"), part(document, "generator")
    kinds = (
        ("Response time", "from the intended start to the end of the answer", part(totals, "response_time_s")),
        ("Service time", "from the start of the request itself to the end of the answer", part(totals, "service_time_s")),
        ("Start delay", "from the intended to the real start of an iteration", part(generator, "start_delay_s")),
        ("Hand-over", "from the arrival of an answer until the script goes on", part(generator, "hand_over_s")),
    )
    stats = (*_PERCENTILES, "avg", "max")
    rows = [
        [Cell(title, title, "key"), Cell(meaning, meaning, "long few"), *(latency(values, stat) for stat in stats), number(values.get("n"))]
        for title, meaning, values in kinds
    ]
    columns = (
        Column("All in ms", ""),
        Column("What it measures", "long"),
        *(Column(stat, figure=f"times.{stat}") for stat in stats),
        Column("samples", figure="times.n"),
    )
    parts = (Parts(("all",), None, "response"), Parts(("all",), None, "service"), Parts(), Parts())
    return Table("distributions", "Durations", columns, rows, guess_note(rows), parts=parts)


def checks(document: Document) -> Table:
    """Checks, the worst first."""
    rows = sorted(items(document, "checks"), key=lambda row: -(finite(row.get("fails")) or 0))
    cells = [
        [
            clipped(row.get("name"), "long"),
            clipped(row.get("scenario"), "key"),
            number(row.get("passes")),
            bad(row.get("fails")),
            _passed(finite(row.get("passes")) or 0, finite(row.get("fails")) or 0),
        ]
        for row in rows
    ]
    counts = (Column("passed", figure="passes"), Column("failed", figure="fails"), Column("passed %", figure="passed_share"))
    parts = tuple(Parts(("check", _text(row, "scenario"), _text(row, "name"))) for row in rows)
    return Table("checks", "Checks", (Column("Check", "long"), Column("Scenario", "key"), *counts), cells, parts=parts)


def _passed(passes: float, fails: float) -> Cell:
    value = ratio(passes, passes + fails)
    return Cell(share(value), value, "num bad" if fails else "num")


def tenants(document: Document, end: str) -> Table:
    """The `worst` or `best` tenants by p95 response time."""
    cells = [
        [
            clipped(row.get("tenant"), "key"),
            number(row.get("requests")),
            bad(row.get("failures")),
            *(latency(row, stat) for stat in ("p50_s", "p95_s", "p99_s")),
        ]
        for row in items(part(document, "tenants"), end)
    ]
    columns = (Column("Tenant", "key"), Column("requests"), Column("failed"), Column("p50 ms"), Column("p95 ms"), Column("p99 ms"))
    return Table(f"tenants-{end}", f"{end.title()} tenants by p95 response time", columns, cells)


def events(document: Document) -> Table:
    """Stages, deployments and notes; their numbers stand above the charts."""
    cells = [
        [
            number(at),
            Cell(plain(row.get("second")), finite(row.get("second")), "num"),
            clipped(row.get("kind"), "key"),
            clipped(row.get("text"), "long"),
        ]
        for at, row in enumerate(items(document, "events"), 1)
    ]
    return Table("events", "Events", (Column("no."), Column("second"), Column("Kind", "key"), Column("What", "long")), cells)


def guess_note(rows: Iterable[list[Cell]]) -> str:
    texts = [cell.text for row in rows for cell in row]
    notes = [GUESS_NOTE] if any(text.startswith("≈") for text in texts) else []
    notes += [INTERVAL_NOTE] if any(" ±" in text for text in texts) else []
    return " ".join(notes)
