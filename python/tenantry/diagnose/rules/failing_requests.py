"""Requests fail, and no other rule knows why."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.failed < 0.01:
        return
    yield Finding(
        RULE.id,
        evidence.failed,
        0.5,
        "requests fail",
        (
            *tuple(
                f"{failure.name}: {count(failure.count)} times {failure.kind} {failure.detail}".strip() for failure in evidence.failures[:4]
            ),
            f"{percent(evidence.failed)} of all requests",
        ),
        Fix("look at the first failed requests in the report: they are kept with request and answer"),
        failed=evidence.failed,
    )


RULE = Rule(
    "failing_requests",
    "Requests fail",
    "A hundredth of the requests or more fails.",
    "Nearly every other class makes requests fail when it is bad enough: look at that first.",
    "The report keeps failed requests with their answers.",
    _find,
    general=True,
)
