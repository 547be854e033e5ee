"""Transactions that take rows in different orders."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._locks import blocked_on, subject_of, told
from tenantry.diagnose.words import count, grade


def _find(evidence: Evidence) -> Iterator[Finding]:
    number = evidence.readings.growth("database.deadlocks")
    if number < 3 or number / evidence.duration_s < 0.1:
        return
    waiting = evidence.sessions.waiting("Lock", "transactionid", "tuple")
    blocked = blocked_on(evidence, ("transactionid", "tuple"))
    failed = min(number / max(evidence.requests, 1), evidence.failed)
    yield Finding(
        RULE.id,
        max(evidence.share(waiting), failed),
        grade((2.0, True), (1.0, number >= 10), (1.0, waiting > 0)),
        "transactions lock the same rows in different orders, and Postgres has to end some of them",
        (
            f"{count(number)} deadlocks, each found after deadlock_timeout ({evidence.setting('deadlock_timeout')} ms)",
            *told(evidence, waiting, blocked),
        ),
        Fix("lock rows in one order: SELECT ... ORDER BY id FOR UPDATE; try again after SQLSTATE 40P01"),
        subject=subject_of(evidence, blocked),
        failed=failed,
    )


RULE = Rule(
    "deadlocks",
    "Deadlocks",
    "pg_stat_database counts deadlocks; the sessions in them wait for a second before one is ended.",
    "A hot row makes sessions wait without deadlocks.",
    "One order for all; retries.",
    _find,
    explains=("hot_row_lock", "app_pool_small", "pooler_pool_small", "distant_database", "failing_requests"),
)
