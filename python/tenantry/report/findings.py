"""The diagnosis in words, for the terminal, for Markdown and for the page."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple

from tenantry.report.lines import Line, clean
from tenantry.report.numbers import Document, finite, items, part

_MOST = 3
_INDENT = "  "


def lines(document: Document, width: int) -> Iterator[Line]:
    """The first problems with their evidence and what helps, and what hides behind the rest."""
    diagnosis = part(document, "diagnosis")
    if not diagnosis:
        return
    yield Line(("Diagnosis", "bold"))
    problems = [finding for finding in items(diagnosis, "findings") if finding.get("kind") == "problem"]
    if not problems:
        yield from wrapped(str(diagnosis.get("reason") or ""), width, "")
    for finding in problems[:_MOST]:
        yield from _finding(finding, width)
    symptoms = [str(finding["id"]) for finding in items(diagnosis, "findings") if finding.get("kind") == "symptom"]
    if symptoms:
        yield from wrapped(f"only symptoms of these: {', '.join(symptoms)}", width, "dim")
    for text in doubts(diagnosis):
        yield from wrapped(f"doubt: {text}", width, "yellow")
    for text in diagnosis.get("unseen") or []:
        yield from wrapped(f"not seen: {clean(text)}", width, "dim")


def doubts(diagnosis: Document) -> list[str]:
    """What was measured in several ways that do not agree."""
    return [clean(row.get("text")) for row in items(diagnosis, "validity") if row.get("result") != "agree"]


def headline(finding: Document) -> str:
    """One sentence: what, and how much of the time it explains, or how many of the requests fail by it."""
    share = f"{_percent(finding.get('share'))} of the {clean(finding.get('share_of') or 'time')}"
    return f"{clean(finding.get('summary'))}: {share}, confidence {_percent(finding.get('confidence'))}"


def _finding(finding: Document, width: int) -> Iterator[Line]:
    yield from wrapped(f"{finding.get('rank')}. {finding.get('id')}: {headline(finding)}", width, "yellow")
    for text in finding.get("evidence") or []:
        yield from wrapped(f"- {clean(text)}", width, "", _INDENT * 2)
    for text in finding.get("against") or []:
        yield from wrapped(f"- against it: {clean(text)}", width, "", _INDENT * 2)
    if gain := clean(part(finding, "gain").get("text")):
        yield from wrapped(f"gain: {gain}", width, "", _INDENT * 2)
    fix = part(finding, "fix")
    told = clean(fix.get("text"))
    yield from wrapped(f"fix: {told}{':' if fix.get('statement') else ''}", width, "green", _INDENT * 2)
    if fix.get("statement"):
        yield Line((_INDENT * 3 + clean(fix["statement"]), "green"), whole=True)
    if text := tried(finding):
        yield from wrapped(f"tried: {text}", width, "bold", _INDENT * 2)


def tried(finding: Document) -> str:
    """What came of trying the remedy, in one sentence with its interval; empty where it was not."""
    found = part(finding, "experiment")
    told = clean(found.get("sentence")).removeprefix("not tried: ")
    if found.get("outcome") == "not tried":
        return f"no, {told}"
    wanted = found.get("decided_by")
    deciding = [row for series in items(found, "series")[:1] for row in items(series, "figures") if row.get("figure") == wanted]
    seen = [value for row in deciding for key in ("change", "low", "high") if (value := finite(row.get(key))) is not None]
    if len(seen) != 3:
        return told
    change, low, high = (f"{value * 100:+.0f}" for value in seen)
    return f"{told} That is {change} % (95 % interval {low} to {high} %)."


def wrapped(text: str, width: int, style: str, indent: str = _INDENT) -> Iterator[Line]:
    """Text as lines that fit, behind an indent."""
    for line in wrap(text, width - len(indent) - 2, subsequent_indent="  "):
        yield Line((indent + line, style))


def _percent(value: object) -> str:
    number = finite(value)
    return "unknown" if number is None else f"{number * 100:.0f} %"


class Shown(NamedTuple):
    """A finding as the page shows it."""

    title: str
    text: str
    evidence: list[str]
    against: list[str]
    remedy: str
    statement: str
    gain: str
    tried: str


def shown(document: Document) -> list[Shown]:
    """The problems, by rank."""
    problems = [finding for finding in items(document, "findings") if finding.get("kind") == "problem"]
    return [
        Shown(
            clean(finding.get("id")),
            headline(finding),
            [clean(text) for text in finding.get("evidence") or []],
            [clean(text) for text in finding.get("against") or []],
            clean(part(finding, "fix").get("text")),
            clean(part(finding, "fix").get("statement")),
            clean(part(finding, "gain").get("text")),
            tried(finding),
        )
        for finding in problems[:_MOST]
    ]


def beside(document: Document) -> list[tuple[str, str]]:
    """What stands beside the problems: their symptoms, where the time went, what was fine, how far measures agree, what was not seen."""
    diagnosis = part(document, "diagnosis")
    symptoms = [
        f"{clean(row.get('id'))} (of {clean(row.get('explained_by'))})"
        for row in items(diagnosis, "findings")
        if row.get("kind") == "symptom"
    ]
    parts = [
        f"{clean(row.get('name'))} {_percent(row.get('share'))}"
        for row in items(diagnosis, "parts")
        if (finite(row.get("share")) or 0) >= 0.01
    ]
    told = [
        ("Symptoms of these", "; ".join(symptoms)),
        (where_time_went(diagnosis), "; ".join(parts)),
        ("Not the problem", "; ".join(clean(text) for text in diagnosis.get("fine") or [])),
        ("Measured in several ways", "; ".join(clean(row.get("text")) for row in items(diagnosis, "validity"))),
        ("Not seen", "; ".join(clean(text) for text in diagnosis.get("unseen") or [])),
    ]
    return [(title, text) for title, text in told if text]


def where_time_went(diagnosis: Document) -> str:
    """The title of the parts of the request time, with the seconds that they are of, where these are not the whole load."""
    stretch = part(diagnosis, "stretch")
    from_s, until_s = finite(stretch.get("from_s")), finite(stretch.get("until_s"))
    until = f" until {until_s:g}" if until_s else " on"
    return "Where the request time went" + (f" from second {from_s or 0:g}{until}" if from_s or until_s else "")
