"""A run as Markdown for the summary of a CI job or a comment on a pull request: the verdict first, the rest folded, never above 64 KB."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tenantry.plan.grades import FIGURES
from tenantry.report import decomposed, findings, grades, header, ladder, singles, tables
from tenantry.report.comparison import unit_of
from tenantry.report.numbers import NOTHING, Document, finite, items, part, per_second, plain, printable, quantity
from tenantry.report.tables import Table

MOST_BYTES = 64_000
SIGNS = {"pass": "✅", "fail": "❌", "no_data": "❔", "invalid": "⚠️"}
_LONGEST, _LONGEST_REASON = 200, 1500
_MOST_ROWS = 50
_CUT = "\n_The rest does not fit here; the report has it._\n"
_ACTIVE = re.compile(r"""[\\`*_{}\[\]()#!|<>~@&$^:="+-]""")


def render(document: Document) -> str:
    """The Markdown, in at most `MOST_BYTES` of UTF-8; text from outside can be neither markup nor a mention."""
    page = _Page()
    for line in _head(document):
        page.line(line)
    _thresholds(page, document)
    _findings(page, document)
    _ladder(page, document)
    _decomposed(page, document)
    _comparison(page, document)
    _table(page, grades.table(document), "Grades", overall=grades.overall(document))
    _folded(page, tables.tenants(document, "worst"))
    _folded(page, singles.failures(document))
    _folded(page, singles.errors(document))
    _folded(page, tables.checks(document))
    _folded(page, tables.series(document))
    page.fold("What ran", ("", ""), [(text(title), code(value)) for title, value in header.identity(document)])
    return page.text()


class _Page:
    """Lines of Markdown within the bound; what no longer fits is left out, and said to be."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._room = MOST_BYTES - len(_CUT.encode())
        self._cut = False

    def line(self, line: str, *, closing: int = 0) -> bool:
        """Add a line if it fits, with room for `closing` bytes after it."""
        size = len(line.encode()) + 1
        if self._cut or size + closing > self._room:
            self._cut = True
            return False
        self._room -= size
        self._lines.append(line)
        return True

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[str]], *, closing: int = 0) -> None:
        """A table with as many rows as fit; none at all where not even its head does."""
        if self.line("\n" + _row(titles) + "\n" + _row(["---"] * len(titles)), closing=closing):
            for row in rows:
                if not self.line(_row(row), closing=closing):
                    return

    def fold(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
        """A table that opens when it is clicked on."""
        end = "\n</details>"
        if rows and self.line(f"\n<details><summary>{title}</summary>", closing=len(end) + 1):
            self.table(titles, rows, closing=len(end) + 1)
            cut, self._cut = self._cut, False
            if note and not cut:
                self.line(f"\n{note}", closing=len(end) + 1)
            self.line(end)
            self._cut = self._cut or cut

    def text(self) -> str:
        return "\n".join(self._lines) + "\n" + (_CUT if self._cut else "")


def text(value: object, longest: int = _LONGEST) -> str:
    """Text from outside as Markdown that shows just this text, on one line and cut to a screenful."""
    flat = " ".join(str(printable("" if value is None else str(value))).split())
    return _ACTIVE.sub(_inert, flat if len(flat) <= longest else f"{flat[:longest]}…")


def _inert(sign: re.Match[str]) -> str:
    """A character reference is never markup; in an element of its own, no sign makes a mention or a link of the word after it."""
    reference = f"&#{ord(sign[0])};"
    return f"<span>{reference}</span>" if sign[0] in "@#" else reference


def code(value: object) -> str:
    """The same in the type of code."""
    return f"<code>{text(value)}</code>" if value not in (None, "") else NOTHING


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _head(document: Document) -> Iterator[str]:
    found, about, totals = header.headline(document), part(document, "about"), part(document, "totals")
    yield f"## {SIGNS[found.tone]} {found.text}: {text(about.get('workload') or about.get('name') or 'run')}\n"
    yield text(document.get("reason") or found.meaning, _LONGEST_REASON)
    told = [
        f"{plain(totals.get('requests'))} requests",
        f"{plain(totals.get('failures'))} failed",
        f"{per_second(totals.get('throughput'))} throughput",
    ]
    yield f"\n{', '.join(told)}; {' · '.join(text(word) for word in header.subtitle(document)[1:])}"
    for warning in document.get("warnings") or []:
        yield f"\n⚠️ {text(warning)}"


def _thresholds(page: _Page, document: Document) -> None:
    rows = []
    for shown, row in zip(header.thresholds(document), items(document, "thresholds"), strict=True):
        sign = SIGNS[shown.result]
        since = row.get("first_breach_s")
        breach = f"second {plain(since)}" if since is not None else NOTHING
        name = code(shown.text) + (f" ({text(shown.note)})" if shown.note else "")
        rows.append((f"{sign} {shown.word}", name, text(shown.limit), shown.observed, shown.margin, breach))
    if rows:
        page.table(("", "Threshold", "limit", "observed", "margin", "failing since"), rows[:_MOST_ROWS])


def _findings(page: _Page, document: Document) -> None:
    """The problems that were found, each with what helps."""
    found = [finding for finding in items(document, "findings") if finding.get("kind") == "problem"]
    rows = [
        (
            code(each.get("id")),
            text(findings.headline(each)),
            code(part(each, "fix").get("statement") or part(each, "fix").get("text")),
            text(part(each, "gain").get("text")),
            text(findings.tried(each)),
        )
        for each in found
    ]
    if any(row[-1] for row in rows):
        page.table(("Finding", "", "what helps", "what it gains", "tried"), rows[:_MOST_ROWS])
    elif rows:
        page.table(("Finding", "", "what helps", "what it gains"), [row[:-1] for row in rows[:_MOST_ROWS]])
    for doubt in findings.doubts(part(document, "diagnosis")):
        page.line(f"\n⚠️ doubt: {text(doubt)}")


def _ladder(page: _Page, document: Document) -> None:
    """What breaks first, behind its title."""
    diagnosis = part(document, "diagnosis")
    rows = [[text(cell) for cell in row] for row in ladder.rows(diagnosis)]
    page.fold(ladder.TITLES[0], ["", *ladder.TITLES[1:]], rows, "; ".join(text(note) for note in ladder.notes(diagnosis)))


def _decomposed(page: _Page, document: Document) -> None:
    """Where the time of each request name went, behind its title."""
    rows = [[text(cell) for cell in row] for row in decomposed.rows(part(document, "diagnosis"))]
    page.fold(decomposed.TITLE, decomposed.TITLES, rows)


def _comparison(page: _Page, document: Document) -> None:
    """The whole run beside the baseline."""
    against = part(document, "comparison")
    if not against:
        return
    name, word = text(against.get("baseline")), text(against.get("judgement"))
    page.line(f"\n**Against {name}:** {word}; {text(against.get('reason'), _LONGEST_REASON)}")
    rows = []
    for row in items(against, "figures"):
        figure = str(row.get("figure"))
        unit, change = unit_of(figure), " points" if figure == "failures" else " %"
        seen = [f"{value * 100:+.1f}" for key in ("change", "low", "high") if (value := finite(row.get(key))) is not None]
        told = f"{seen[0]} ({seen[1]} to {seen[2]}){change}" if len(seen) == 3 else text(row.get("why") or "")
        rows.append((figure, quantity(row.get("old"), unit), quantity(row.get("new"), unit), told, text(row.get("judgement"))))
    page.table(("Figure", "baseline", "now", "change (95 % interval)", ""), rows)


def _table(page: _Page, table: Table, title: str, *, overall: str) -> None:
    """The grades: a short table, or the sentence that says why there are none."""
    if overall:
        page.line(f"\n**{title}.** {text(overall, _LONGEST_REASON)}")
    kept = [at for at, column in enumerate(table.columns) if at < 2 or any(row[at].value is not None for row in table.rows)]
    rows = [[text(row[at].text) for at in kept] for row in table.rows]
    if len(kept) > 2 and len(rows) <= len(FIGURES) * 4:
        page.table([text(table.columns[at].title) for at in kept], rows)
    else:
        page.fold(title, [text(table.columns[at].title) for at in kept], rows[:_MOST_ROWS])


def _folded(page: _Page, table: Table) -> None:
    """A table of the report behind its title; the first rows of it where there are many."""
    titles = [text(f"{column.group} {column.title}".strip()) for column in table.columns]
    rows = [[text(cell.text) for cell in row] for row in table.rows]
    more = f"The first {_MOST_ROWS} of {len(rows):,}; the report has all." if len(rows) > _MOST_ROWS else ""
    page.fold(f"{text(table.caption)} ({len(rows):,})", titles, rows[:_MOST_ROWS], more)
