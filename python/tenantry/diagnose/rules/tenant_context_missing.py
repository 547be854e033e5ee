"""Transactions in which row-level security shows nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._checks import failed, not_found, on_tenants
from tenantry.diagnose.words import count, grade, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    missing = not_found(evidence)
    secured = any(table.get("secured") for table in evidence.objects("tables")) or not evidence.postgres
    leaked = sum(check.fails for check in failed(evidence) if on_tenants(check))
    wrong = sum(check.fails for check in failed(evidence)) - leaked
    if missing < 3 or missing < 0.002 * evidence.whole.requests or not secured or leaked > missing:
        return
    routes = {failure.name for failure in evidence.failures if "404" in failure.detail}
    yield Finding(
        RULE.id,
        evidence.failed,
        grade((2.0, len(routes) >= 2), (1.0, wrong > 0), (1.0, evidence.failed >= 0.01)),
        "now and then a transaction has no tenant, so that row-level security shows it nothing",
        (
            f"{count(missing)} requests of {count(len(routes))} endpoints got 404 for rows that exist",
            f"{count(wrong)} further checks failed; {percent(evidence.failed)} of the requests failed, as quickly as others are answered",
        ),
        Fix("set the tenant where the transaction begins, in one place, and let policies raise an error when it is missing"),
        failed=evidence.failed,
    )


RULE = Rule(
    "tenant_context_missing",
    "The tenant is not set",
    "Rows that exist are not found (404), lists are empty, writes are refused, at random in several endpoints and as quickly as ever.",
    "A dataset that is not the one of the scenarios: then nothing is ever found. A leak: then rows of others come.",
    "One place that sets the tenant.",
    _find,
    explains=("failing_requests",),
)
