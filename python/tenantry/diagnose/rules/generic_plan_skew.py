"""One plan for all tenants, which is wrong for the large one."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject
from tenantry.diagnose.sessions import Doing
from tenantry.diagnose.statements import Statement
from tenantry.diagnose.words import count, grade, percent

# So many samples of the statement at work say whose time it takes; fewer where requests show it as well: one tenant's are so much slower.
_SEEN, _SEEN_WHERE_IT_SHOWS, _SLOWER = 6, 3, 3
_SETTING = "plan_cache_mode=force_generic_plan"


def _find(evidence: Evidence) -> Iterator[Finding]:
    tenants, slower = evidence.run.tenants.seen, evidence.run.tenants.p95_ratio or 0.0
    for statement in evidence.heavy(0.3):
        found = _skew(evidence, statement, slower)
        if found is None or tenants < 2:
            continue
        tenant, share = found
        forced = evidence.setting("plan_cache_mode") == "force_generic_plan" or any(
            entry["setting"] == _SETTING for entry in evidence.objects("role_settings")
        )
        yield Finding(
            RULE.id,
            evidence.share(statement.load),
            grade((2.0, share >= 0.8), (1.0, "$1" in statement.text), (1.0, forced)),
            f"a prepared statement has one plan for all tenants, and tenant {tenant} is too large for it",
            (
                f"tenant {tenant} takes {percent(share)} of the time of this statement, {percent(1 / tenants)} would be its even part",
                f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time, and other"
                f" statements of that tenant do not",
                *([f"p95 of the slowest tenant is {count(slower)} times the median one's"] if slower >= _SLOWER else []),
            ),
            Fix("let Postgres plan with the values", "ALTER ROLE ... SET plan_cache_mode = force_custom_plan"),
            subject=subject(statement, tenant=tenant),
        )


def _skew(evidence: Evidence, statement: Statement, slower: float) -> tuple[str, float] | None:
    """The tenant that takes most of a statement's time, and its part of it, when that is far beyond an even part, whatever the load."""
    sessions = evidence.whole.sessions

    def fits(each: Doing) -> bool:
        return each.works and each.query_id == statement.id and each.tenant != ""

    by_tenant = sessions.by("tenant", fits)
    whole = sum(by_tenant.values())
    seen = sum(each.seen for each in sessions.doing if fits(each))
    if seen < (_SEEN_WHERE_IT_SHOWS if slower >= _SLOWER else _SEEN) or not whole or "$" not in statement.text:
        return None
    tenant, most = by_tenant.most_common(1)[0]
    even = 1 / max(evidence.run.tenants.seen, 1)
    return (tenant, most / whole) if most / whole >= max(0.5, 2.5 * even) else None


RULE = Rule(
    "generic_plan_skew",
    "One plan for tenants of very different size",
    "Most of the time of one prepared statement is one tenant's, far beyond its part of the tenants.",
    "A noisy tenant takes its time with many requests, of which the generator sent few; a missing index makes all tenants slow.",
    "plan_cache_mode = force_custom_plan for the role, or a plan that suits both.",
    _find,
    explains=("app_pool_small", "database_cpu"),
)
