"""A change of the schema that waits, and everybody behind it."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._locks import blocked_on, told
from tenantry.diagnose.words import grade


def _find(evidence: Evidence) -> Iterator[Finding]:
    waiting = evidence.sessions.waiting("Lock", "relation")
    blocked = blocked_on(evidence, ("relation",))
    if waiting < 0.03 * evidence.held or waiting < 0.1 * evidence.sessions.working or not blocked:
        return
    relation = next((each.relation for each in blocked if each.relation), "")
    exclusive = any(each.mode in ("AccessExclusiveLock", "ExclusiveLock") for each in blocked)
    sentences = told(evidence, waiting, blocked)
    if exclusive:
        sentences.append(f"among those who wait for {relation} is one that wants it for itself (AccessExclusiveLock)")
    yield Finding(
        RULE.id,
        evidence.share(waiting),
        grade((2.0, True), (1.0, exclusive)),
        f"a change of the schema locks {relation or 'a table'}, and what uses it queues behind",
        tuple(sentences),
        Fix("let migrations give up and try again", "SET lock_timeout = '100ms'"),
        subject={"table": relation} if relation else {},
    )


RULE = Rule(
    "ddl_lock",
    "A migration blocks a table",
    "Sessions wait for Lock:relation, one of them for AccessExclusiveLock.",
    "VACUUM that cuts off the end of a table takes the same lock, for a moment.",
    "lock_timeout for migrations; no long transactions beside them.",
    _find,
    explains=("app_pool_small", "pooler_pool_small", "distant_database", "hot_row_lock", "cache_stampede"),
)
