"""Postgres has no connection left."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    sessions = evidence.readings.gauge("sessions.all")
    most = float(evidence.setting("max_connections") or 0)
    reserved = float(evidence.setting("superuser_reserved_connections") or 3)
    if sessions is None or not most or sessions.highest < most - reserved - 2:
        return
    refused = [failure for failure in evidence.failures if failure.kind in ("status", "transport", "timeout")]
    working = evidence.sessions.working
    yield Finding(
        RULE.id,
        max(evidence.failed, evidence.share(evidence.part("pool"))),
        grade((2.0, True), (1.0, bool(refused)), (1.0, working < 0.5 * most)),
        "Postgres has no connection left for the app",
        (
            f"{count(sessions.highest)} sessions at most, max_connections is {count(most)}, of which {count(reserved)} are reserved",
            f"only {count(working)} of them are at work at a time",
            f"{percent(evidence.failed)} of the requests failed",
        ),
        Fix(
            "smaller pools in all processes together, or a pooler in front of Postgres",
            "ALTER SYSTEM SET max_connections = 200  -- the last resort; restart",
        ),
        failed=evidence.failed,
    )


RULE = Rule(
    "too_many_connections",
    "max_connections is reached",
    "Postgres has as many sessions as it allows, and requests fail.",
    "A leak fills up connections, too: then those of one pool are idle and not given back.",
    "Smaller pools, a pooler.",
    _find,
    explains=("app_pool_small", "connection_churn", "distant_database", "tenant_context_missing", "failing_requests"),
)
