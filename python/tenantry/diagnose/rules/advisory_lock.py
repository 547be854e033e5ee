"""A lock of the app's own."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._locks import blocked_on, hot_tenant, subject_of, told, weighs, whose
from tenantry.diagnose.words import grade


def _find(evidence: Evidence) -> Iterator[Finding]:
    waiting = evidence.sessions.waiting("Lock", "advisory")
    if not weighs(evidence, waiting):
        return
    blocked, hot = blocked_on(evidence, ("advisory",)), hot_tenant(evidence, ("advisory",))
    yield Finding(
        RULE.id,
        evidence.share(waiting),
        grade((3.0, True), (1.0, bool(blocked))),
        "requests queue for one advisory lock",
        (*told(evidence, waiting, blocked), *whose(hot)),
        Fix("lock by a finer key (the tenant, the row), or for a shorter time"),
        subject=subject_of(evidence, blocked, hot),
    )


RULE = Rule(
    "advisory_lock",
    "Requests queue for an advisory lock",
    "Sessions at work wait for Lock:advisory. Where they wait behind their own tenant, and many of them are one's, that is whose key"
    " it is.",
    "Workers of a queue that wait for each other by design.",
    "A finer key, a shorter hold.",
    _find,
    explains=("app_pool_small", "pooler_pool_small", "distant_database", "hot_row_lock", "too_many_connections"),
)
