"""A whole diagnosis on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.report import decomposed, findings, ladder
from tenantry.report.lines import Cells, Line, clean, columns, printed
from tenantry.report.numbers import Document, finite, items
from tenantry.report.text import console


def print_diagnosis(diagnosis: Document) -> None:
    """Findings with evidence, where the time went, what breaks first, what was fine, and whether the measures agree."""
    to = console()
    printed(_lines(diagnosis, to.width), to)


def _lines(diagnosis: Document, width: int) -> Iterator[Line]:
    yield from findings.lines({"diagnosis": diagnosis}, width)
    cells = [
        Cells(
            (
                clean(row.get("name")),
                f"{finite(row.get('share')) or 0:.1%}".replace("%", " %"),
                f"{finite(row.get('requests')) or 0:.3g}",
            )
        )
        for row in items(diagnosis, "parts")
    ]
    if cells:
        yield Line()
        yield from columns((findings.where_time_went(diagnosis), "share", "requests at a time"), cells, width=width, least=(0, 7, 18))
    yield from decomposed.lines(diagnosis, width)
    yield from ladder.lines(diagnosis, width)
    yield from _list("Not the problem", [clean(text) for text in diagnosis.get("fine") or []], width)
    agreeing = [clean(row.get("text")) for row in items(diagnosis, "validity") if row.get("result") == "agree"]
    yield from _list("Measured in several ways that agree", agreeing, width)


def _list(title: str, texts: list[str], width: int) -> Iterator[Line]:
    if texts:
        yield Line()
        yield Line((title, "bold"))
        for text in texts:
            yield from findings.wrapped(text, width, "")
