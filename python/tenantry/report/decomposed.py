"""Where the time of each request name went: rows for the page and for Markdown, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.report.lines import Cells, Line, clean, columns
from tenantry.report.numbers import NOTHING, Document, duration, finite, items, plain

TITLE = "Time of each request"
PARTS = ("generator", "before the app", "app", "pool", "database", "services", "rest")
TITLES = ("Request", "load", "requests/s", "mean", *PARTS, "of the database's part")
EVERYTHING = "all requests"
_DATABASE = "database"
_OF_COLUMN = {
    "generator": "generator",
    "connecting": "before the app",
    "before the app": "before the app",
    "app": "app",
    "waiting for a connection of the pool": "pool",
    "other services": "services",
}
_MOST_NAMES = 10


def rows(diagnosis: Document) -> list[tuple[str, ...]]:
    """A row of texts for each name and load, in the order of `TITLES`; the columns from `generator` to `rest` add up to the mean."""
    told = items(diagnosis, "decomposition")
    shown = list(dict.fromkeys(each.get("name") for each in told))[: 1 + _MOST_NAMES]
    found = []
    for each in [each for each in told if each.get("name") in shown]:
        sums = _sums(each)
        figures = (duration(sums[title]) if sums.get(title) else NOTHING for title in PARTS)
        name, load = clean(each.get("name")) or EVERYTHING, clean(each.get("load"))
        found.append((name, load, plain(each.get("requests_per_s")), duration(each.get("mean_s")), *figures, _inside(each)))
    return found


def lines(diagnosis: Document, width: int) -> Iterator[Line]:
    """The names with the most time at the highest load, beside their mean at the lowest."""
    told = items(diagnosis, "decomposition")
    low = {each.get("name"): each.get("mean_s") for each in told if each.get("load") == "lowest"}
    cells = []
    for each in [each for each in told if each.get("load") == "highest"][: 1 + _MOST_NAMES]:
        sums = _sums(each)
        shown = [sums.get(title, 0.0) for title in ("app", "pool", "database")]
        mean = finite(each.get("mean_s")) or 0.0
        before = (duration(low.get(each.get("name"))),) if low else ()
        figures = (duration(seconds) if seconds else NOTHING for seconds in (*shown, mean - sum(shown)))
        cells.append(Cells((clean(each.get("name")) or EVERYTHING, *before, duration(mean), *figures)))
    if cells:
        yield Line()
        titles = (TITLE, *(("low load",) if low else ()), "mean", "app", "pool", "database", "other")
        yield from columns(titles, cells, width=width, least=(0, *(7,) * (len(titles) - 1)))


def _sums(each: Document) -> dict[str, float]:
    """Seconds per request by column."""
    sums: dict[str, float] = {}
    for part in items(each, "parts"):
        name = clean(part.get("name"))
        title = "database" if name.startswith(_DATABASE) else _OF_COLUMN.get(name, "rest")
        sums[title] = sums.get(title, 0.0) + (finite(part.get("seconds")) or 0.0)
    return sums


def _inside(each: Document) -> str:
    """By what its sessions did, and by statement."""
    kinds = [
        f"{name.removeprefix(f'{_DATABASE}: ')} {duration(part.get('seconds'))}"
        for part in items(each, "parts")
        if (name := clean(part.get("name"))).startswith(f"{_DATABASE}: ")
    ]
    statements = [f"{duration(row.get('seconds'))} {clean(row.get('text'))}" for row in items(each, "statements")]
    return "; ".join([*([", ".join(kinds)] if kinds else []), *statements])
