"""What breaks first: the stations in rows and in sentences, for the terminal, for Markdown and for the page."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.report import findings
from tenantry.report.lines import Cells, Line, clean, columns
from tenantry.report.numbers import NOTHING, Document, duration, finite, items, part, plain

TITLES = ("What breaks first", "full at requests/s", "busy", "servers", "held by each request")


def rows(diagnosis: Document) -> list[tuple[str, ...]]:
    """A row of texts for each station, in the order of `TITLES`; `<=` and `~` are explained by the `notes`."""
    return [
        (
            clean(station.get("title")),
            _limit(part(station, "limit")),
            _busy(station.get("busy")),
            _servers(station),
            _held(station),
        )
        for station in items(diagnosis, "ladder")
    ]


def notes(diagnosis: Document) -> list[str]:
    """Sentences: what was full first, where that has its cause elsewhere, and what the signs mean."""
    stations = items(diagnosis, "ladder")
    full = [station for station in stations if _how(station) in ("reached", "from_start", "others")]
    signs = {_how(station) for station in stations}
    return [
        *([_first(full[0])] if full else ["no limit was reached"] if stations else []),
        *(
            f"{clean(station.get('title'))}: held for {duration(station.get('hold_s'))} by each request, at low load"
            f" {_low(station)}: what holds it longer lies upstream"
            for station in full
            if station.get("grew")
        ),
        *(["<=: full from the start, so the limit may be lower"] if "from_start" in signs else []),
        *(
            [f"~: extrapolated from {plain(stations[0].get('requests_per_s'))} requests/s, as servers / time held; it may be lower"]
            if "extrapolated" in signs
            else []
        ),
    ]


def lines(diagnosis: Document, width: int) -> Iterator[Line]:
    """The table and the notes on the terminal."""
    cells = [Cells(row, "yellow" if row[1][:1] not in ("~", NOTHING) else "") for row in rows(diagnosis)]
    if cells:
        yield Line()
        yield from columns((TITLES[0], "full at", "busy", "servers", "held each"), cells, width=width, least=(0, 7, 4, 7, 9))
        for note in notes(diagnosis):
            yield from findings.wrapped(note, width, "dim")


def _first(station: Document) -> str:
    limit = part(station, "limit")
    if limit.get("how") == "others":
        return f"{clean(station.get('title'))} were full, whatever the load: {clean(limit.get('sign'))}"
    asked = f" ({plain(limit.get('iterations_per_s'))} iterations/s asked for)" if finite(limit.get("iterations_per_s")) is not None else ""
    when = "from the start" if limit.get("how") == "from_start" else f"from second {plain(limit.get('second'))} on"
    sign = f": {clean(limit.get('sign'))}" if limit.get("sign") else ""
    return f"{clean(station.get('title'))} broke first: full {when}, at {plain(limit.get('requests_per_s'))} requests/s{asked}{sign}"


def _how(station: Document) -> str:
    return str(part(station, "limit").get("how") or "")


def _limit(limit: Document) -> str:
    if limit.get("how") == "others":
        return "by others"
    sign = {"from_start": "<= ", "extrapolated": "~"}.get(str(limit.get("how")), "")
    return f"{sign}{plain(limit.get('requests_per_s'))}" if limit else NOTHING


def _held(station: Document) -> str:
    low, high = station.get("hold_low_s"), station.get("hold_s")
    grew = f"{duration(low)} to " if station.get("grew") and low is not None else ""
    return f"{grew}{duration(high)}"


def _low(station: Document) -> str:
    return "too short to be seen" if station.get("hold_low_s") is None else f"for {duration(station['hold_low_s'])}"


def _busy(value: object) -> str:
    number = finite(value)
    return NOTHING if number is None else "<1 %" if 0 < number < 0.01 else f"{number * 100:.0f} %"


def _servers(station: Document) -> str:
    number, unit = finite(station.get("servers")), clean(station.get("unit"))
    if number is None:
        return NOTHING
    return f"{number:,.0f} {unit.removesuffix('s') if number == 1 else unit}" if number == int(number) else f"{number:.1f} {unit}"
