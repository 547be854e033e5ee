"""One tenant takes the database for itself."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.sessions import Doing
from tenantry.diagnose.words import grade, percent


def _takes(each: Doing) -> bool:
    """Whether a session takes something of the database: one that waits for a lock does not."""
    return each.works and each.wait_type != "Lock"


def _find(evidence: Evidence) -> Iterator[Finding]:
    by_tenant = evidence.sessions.by("tenant", _takes)
    whole = sum(by_tenant.values())
    seen = sum(each.seen for each in evidence.sessions.doing if _takes(each))
    if seen < 20 or whole < 0.1 * evidence.held:
        return
    tenant, most = next(((name, by) for name, by in by_tenant.most_common(2) if name), ("", 0.0))
    part = most / whole
    fair = 1 / max(evidence.run.tenants.seen, 1)
    if not tenant or part < 0.3 or part < 5 * fair or evidence.run.tenants.seen < 10:
        return
    routes = evidence.sessions.by("route", lambda each: _takes(each) and each.tenant == tenant).most_common(1)
    statements = evidence.sessions.by("query_id", lambda each: _takes(each) and each.tenant == tenant).most_common(1)
    statement = evidence.statements.get(statements[0][0]) if statements else None
    machine = evidence.machine_busy
    yield Finding(
        RULE.id,
        max(evidence.share(whole), part * 0.9),
        grade((2.0, True), (1.0, part >= 0.5), (1.0, machine is None or machine > 0.7)),
        f"tenant {tenant} takes most of the database's time",
        (
            f"{percent(part)} of the sessions at work are those of tenant {tenant}; an even part is {percent(fair)}",
            *([f"mostly with {routes[0][0]}"] if routes and routes[0][0] else []),
        ),
        Fix("a limit per tenant: so many requests at a time, heavy work in a queue of its own"),
        subject={"tenant": tenant, **({"statement": statement.short, "query_id": statement.id} if statement else {})},
    )


RULE = Rule(
    "noisy_tenant",
    "One tenant takes the database",
    "One tenant has far more of the sessions at work than its even part (application_name or a comment tells the tenant).",
    "A tenant that is merely large, and slow only for itself: generic_plan_skew. Statements that are slow for everybody show no tenant.",
    "Limits per tenant.",
    _find,
    explains=(
        "missing_index",
        "database_cpu",
        "machine_cpu",
        "app_pool_small",
        "generic_plan_skew",
        "sort_spill",
        "distant_database",
        "few_workers",
        "app_cpu",
    ),
)
