"""A whole diagnosis on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.report import findings
from tenantry.report.lines import Cells, Line, clean, columns, printed
from tenantry.report.numbers import Document, finite, items
from tenantry.report.text import console


def print_diagnosis(diagnosis: Document) -> None:
    """Findings with evidence, where the time went, and what was fine."""
    to = console()
    printed(_lines(diagnosis, to.width), to)


def _lines(diagnosis: Document, width: int) -> Iterator[Line]:
    yield from findings.lines({"diagnosis": diagnosis}, width)
    cells = [
        Cells(
            (
                clean(part.get("name")),
                f"{finite(part.get('share')) or 0:.1%}".replace("%", " %"),
                f"{finite(part.get('requests')) or 0:.3g}",
            )
        )
        for part in items(diagnosis, "parts")
    ]
    if cells:
        yield Line()
        yield from columns(("Where the request time went", "share", "requests at a time"), cells, width=width, least=(0, 7, 18))
    fine = [clean(text) for text in diagnosis.get("fine") or []]
    if fine:
        yield Line()
        yield Line(("Not the problem", "bold"))
        for text in fine:
            yield from findings.wrapped(text, width, "")
