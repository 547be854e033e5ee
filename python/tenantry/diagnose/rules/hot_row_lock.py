"""Many transactions want the same row."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._locks import blocked_on, hot_tenant, subject_of, told, weighs, whose
from tenantry.diagnose.words import grade


def _find(evidence: Evidence) -> Iterator[Finding]:
    waiting = evidence.sessions.waiting("Lock", "transactionid", "tuple", "speculative token")
    if not weighs(evidence, waiting):
        return
    blocked = blocked_on(evidence, ("transactionid", "tuple"))
    by_statement = evidence.sessions.by("query_id", lambda each: each.works and each.wait_type == "Lock")
    alike = by_statement.most_common(1)[0][1] / max(sum(by_statement.values()), 1e-9) if by_statement else 0.0
    hot = hot_tenant(evidence, ("transactionid", "tuple"))
    yield Finding(
        RULE.id,
        evidence.share(waiting),
        grade((2.0, True), (1.0, alike >= 0.5), (1.0, bool(blocked))),
        "transactions wait for each other's rows",
        (*told(evidence, waiting, blocked), *whose(hot)),
        Fix("touch the row last in the transaction, spread it over several rows, or count after the fact; SKIP LOCKED for queues"),
        subject=subject_of(evidence, blocked, hot),
    )


RULE = Rule(
    "hot_row_lock",
    "Transactions queue for the same row",
    "Sessions at work wait for Lock:transactionid and Lock:tuple, most of them in one statement. Where they wait behind their own tenant,"
    " and many of them are one's, that is whose key it is.",
    "Deadlocks, a slow service called in the transaction, a transaction that was left open: each holds rows longer than it should, and is"
    " then the cause.",
    "Shorter transactions, the hot row last, several rows in place of one.",
    _find,
    explains=("app_pool_small", "pooler_pool_small", "distant_database", "too_many_connections"),
)
