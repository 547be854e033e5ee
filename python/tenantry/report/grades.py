"""The grades of a run, on the terminal and on the page: always as words, whatever the colours."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from tenantry.plan.grades import FIGURES
from tenantry.report.lines import Cells, Line, clean, columns
from tenantry.report.numbers import NOTHING, Document, finite, items, part, quantity
from tenantry.report.tables import Cell, Column, Table, clipped
from tenantry.units import shown

NONE = "none"
EVERYTHING = "all"
_COLOURS = {"good": "", "warning": "yellow", "poor": "yellow", "critical": "red"}
_TITLES = {"p95": "p95", "failures": "failed", "throughput": "throughput", "db_connections": "connections"}
_WORST_FIRST = tuple(reversed(_COLOURS))
_MOST_ROWS = 12
_LEGEND = "a whole has the grade of its worst part; grades change neither verdict nor exit code"


def lines(document: Document, width: int) -> Iterator[Line]:
    """One line for the run and one for each scenario; for a run without grades, one line that says why."""
    found = part(document, "grades")
    if not found:
        return
    if not _wholes(found):
        yield Line(("Grades     ", "bold"), f"none: {clean(found.get('note'))}")
        return
    told = _told(found)
    cells: list[Cells] = []
    for name, whole in _most_telling(found):
        grade = _word(whole)
        cells.append(Cells((clean(name), grade, *(_text(whole, figure) for figure in told)), _COLOURS.get(grade, "dim"), styled=1))
        note = clean(whole.get("note")) if grade == NONE else ""
        cells += [Cells((f"  {note}",), "dim", spans=True)] if note else []
    yield from columns(("Grades", "grade", *(_TITLES[figure] for figure in told)), cells, width=width, least=(0, 8, *[6] * len(told)))
    more = len(_wholes(found)) - len(cells)
    for text in wrap(_LEGEND if more <= 0 else f"{_LEGEND}; all scenarios are in the report", width - 2):
        yield Line((f"  {text}", "dim"))


def table(document: Document) -> Table:
    """The run and each scenario with the value and the grade of every figure; empty for a document without grades."""
    found = part(document, "grades")
    cells = [
        [clipped(name, "key"), Cell(_word(whole), _word(whole), _css(_word(whole), "key")), *(_cell(whole, figure) for figure in FIGURES)]
        for name, whole in _wholes(found, every=True)
    ]
    titles = (Column("Scenario", "key"), Column("Grade", "key"), *(Column(figure.title) for figure in FIGURES.values()))
    return Table("grades", "Grades", titles, cells if found else [], _bounds(found))


def overall(document: Document) -> str:
    """The grade of the run in words, with what it is due to."""
    found = part(document, "grades")
    note = str(found.get("note") or "")[:600]
    if _word(found) == NONE:
        return f"No grade: {note}." if found else ""
    return f"Overall: {_word(found)}" + (f" ({note})." if note else ".")


def _wholes(found: Document, *, every: bool = False) -> list[tuple[str, Document]]:
    """The run, and its scenarios where there are several; nothing where no part has a grade, unless `every` one is wanted."""
    scenarios = [(str(row.get("scenario")), row) for row in items(found, "scenarios")]
    rows = [(EVERYTHING, found), *(scenarios if len(scenarios) > 1 else [])]
    parts = [part(part(whole, "figures"), figure) for _, whole in rows for figure in FIGURES]
    return rows if every or any(_word(one) != NONE for one in parts) else []


def _most_telling(found: Document) -> list[tuple[str, Document]]:
    first, *scenarios = _wholes(found)
    if len(scenarios) >= _MOST_ROWS:
        scenarios = sorted(scenarios, key=lambda row: (*_WORST_FIRST, NONE).index(_word(row[1])))[: _MOST_ROWS - 1]
    return [first, *scenarios]


def _told(found: Document) -> list[str]:
    """The figures that have a value somewhere."""
    return [
        figure
        for figure in FIGURES
        if any(finite(part(part(whole, "figures"), figure).get("value")) is not None for _, whole in _wholes(found))
    ]


def _word(graded: Document) -> str:
    """The grade; anything unknown is none."""
    return str(graded.get("grade")) if graded.get("grade") in _COLOURS else NONE


def _text(whole: Document, figure: str) -> str:
    one = part(part(whole, "figures"), figure)
    if finite(one.get("value")) is None:
        return NOTHING
    word = _word(one)
    return f"{quantity(one.get('value'), one.get('unit'))} {NOTHING if word == NONE else word}"


def _cell(whole: Document, figure: str) -> Cell:
    one = part(part(whole, "figures"), figure)
    value, word, note = finite(one.get("value")), _word(one), str(one.get("note") or "")[:100]
    if value is None:
        return Cell(f"no data ({note})" if note else NOTHING, None, "num few")
    told = f"{quantity(value, one.get('unit'))}: {word if word != NONE else 'no grade'}"
    return Cell(f"{told} ({note})" if note else told, value, _css(word, "num"))


def _css(word: str, css: str) -> str:
    return f"{css} bad" if word in ("poor", "critical") else f"{css} few" if word == NONE else css


def _bounds(found: Document) -> str:
    """Where the grades lie, in one sentence for each figure."""
    told = []
    for name, figure in FIGURES.items():
        bounds = part(part(part(found, "figures"), name), "bounds")
        signs = (("good", figure.within), ("warning", figure.within), ("critical", figure.beyond))
        if bounds:
            words = (f"{word} {sign} {shown(finite(bounds.get(word)), figure.unit)}" for word, sign in signs)
            told.append(f"{figure.title}: {', '.join(words)}")
    return "; ".join(told) + ". Between warning and critical: poor. A whole has the grade of its worst part." if told else ""
