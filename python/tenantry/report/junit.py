"""A run as JUnit XML: the run itself, each threshold and each check as a test case, so that CI shows them as it shows tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from tenantry.report import header
from tenantry.report.numbers import Document, finite, items, part, ratio, share
from tenantry.verdict import ended_early

# What XML 1.0 cannot hold in any spelling, and what would turn the direction of the text after it.
_FORBIDDEN = re.compile("[^\t\n\x20-\x7e\x85\xa0-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(NamedTuple):
    """One test case; `outcome` is `failure`, `error`, `skipped`, or empty where it passed."""

    group: str
    name: str
    outcome: str = ""
    kind: str = ""
    message: str = ""
    note: str = ""


def render(document: Document) -> str:
    """The XML document."""
    about, cases = part(document, "about"), list(_cases(document))
    counts = {
        "tests": len(cases),
        "failures": sum(case.outcome == "failure" for case in cases),
        "errors": sum(case.outcome == "error" for case in cases),
        "skipped": sum(case.outcome == "skipped" for case in cases),
    }
    whole = {name: str(count) for name, count in counts.items()} | {"time": f"{finite(about.get('duration_s')) or 0:.3f}"}
    root = ElementTree.Element("testsuites", {"name": "tenantry", **whole})
    moment = {"timestamp": legal(about["started_at"])} if about.get("started_at") else {}
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": legal(about.get("workload") or about.get("name") or "run"), **whole, **moment}
    )
    properties = ElementTree.SubElement(suite, "properties")
    for title, value in [("Verdict", header.headline(document).text), *header.identity(document)]:
        ElementTree.SubElement(properties, "property", {"name": legal(title), "value": legal(value)})
    for case in cases:
        _append(suite, case)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def legal(text: object) -> str:
    """The text with every character that XML cannot hold shown as `\N{REPLACEMENT CHARACTER}`."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(text))


def _append(suite: ElementTree.Element, case: Case) -> None:
    element = ElementTree.SubElement(suite, "testcase", {"classname": f"tenantry.{case.group}", "name": legal(case.name), "time": "0"})
    if case.outcome:
        kind = {} if case.outcome == "skipped" else {"type": case.kind}
        ElementTree.SubElement(element, case.outcome, {"message": legal(case.message), **kind}).text = legal(case.note) or None
    elif case.note:
        ElementTree.SubElement(element, "system-out").text = legal(case.note)


def _cases(document: Document) -> Iterator[Case]:
    yield _run(document)
    spoiled = header.verdict(document) == "invalid"
    for row in header.thresholds(document):
        observed = f"observed {row.observed}, limit {row.limit}"
        if spoiled:
            yield Case("threshold", row.text, "skipped", message=f"the run is invalid; {observed}")
        elif row.result == "no_data":
            yield Case("threshold", row.text, "error", "no_data", f"{row.word}; {observed}", row.note)
        elif row.result == "fail":
            yield Case("threshold", row.text, "failure", "threshold", observed, "; ".join(filter(None, [row.margin, row.note])))
        else:
            yield Case("threshold", row.text, note=f"{observed}, {row.margin}")
    yield from _baseline(document, spoiled=spoiled)
    limit = _least_held(document)
    for check in items(document, "checks"):
        yield _check(check, limit, spoiled=spoiled)


def _run(document: Document) -> Case:
    """What the verdict says beyond its thresholds: whether there is anything to judge by, and what else made it fail."""
    word, reason = header.verdict(document), str(document.get("reason") or "")
    if word in ("invalid", "no_data"):
        return Case("run", "the run says something about the app", "error", word, reason)
    if ended_early(word, part(document, "about").get("end")):
        return Case("run", "the run says something about the app", "error", "incomplete", reason)
    if word == "fail" and not any(row.result == "fail" for row in header.thresholds(document)):
        return Case("run", "the run says something about the app", "failure", "run", reason)
    return Case("run", "the run says something about the app", note=reason)


def _baseline(document: Document, *, spoiled: bool) -> Iterator[Case]:
    against = part(document, "comparison")
    if against:
        reason, name = str(against.get("reason")), f"not worse than {against.get('baseline')}"
        if spoiled:
            yield Case("baseline", name, "skipped", message=f"the run is invalid; {reason}")
        elif against.get("judgement") == "worse":
            yield Case("baseline", name, "failure", "regression", reason)
        else:
            yield Case("baseline", name, note=f"{against.get('judgement')}: {reason}")


def _least_held(document: Document) -> float:
    """The share of a check that has to hold: none in particular where a threshold on all checks was met, else its limit, else all."""
    found = [row for row in items(document, "thresholds") if row.get("metric") == "checks" and "{" not in str(row.get("text"))]
    if found and all(row.get("result") == "pass" for row in found):
        return 0.0
    limits = [finite(row.get("limit")) for row in found if row.get("op") in (">", ">=") and row.get("unit") == "share"]
    return max((limit for limit in limits if limit is not None), default=1.0)


def _check(row: Document, limit: float, *, spoiled: bool) -> Case:
    name = f"{row.get('scenario') or ''}: {row.get('name') or ''}"
    held, broken = (finite(row.get(key)) or 0 for key in ("passes", "fails"))
    seen = ratio(held, held + broken)
    observed = f"observed {share(seen)} of {held + broken:,.0f}" + (f", limit {share(limit)}" if limit else "")
    if spoiled:
        return Case("check", name, "skipped", message=f"the run is invalid; {observed}")
    if seen is None:
        return Case("check", name, "error", "no_data", "it was never looked at")
    return Case("check", name, "failure", "check", observed) if seen < limit else Case("check", name, note=observed)
