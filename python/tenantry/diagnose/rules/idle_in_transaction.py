"""Transactions that nobody ends."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, ms

_OLD_S = 3.0


def _find(evidence: Evidence) -> Iterator[Finding]:
    old = [each for each in evidence.late_sessions.doing if each.is_idle_in_transaction and each.state_s >= _OLD_S]
    if not old:
        return
    sessions = sum(each.sessions for each in old)
    early = sum(each.sessions for each in evidence.early_sessions.doing if each.is_idle_in_transaction and each.state_s >= _OLD_S)
    oldest = max(each.state_s for each in old)
    remain = evidence.after.average(lambda each: each.is_idle_in_transaction)
    pool = evidence.readings.gauge("pool.size")
    size = pool.highest if pool else 0.0
    if sessions < 0.8:
        return
    routes = evidence.late_sessions.by("route", lambda each: each in old).most_common(1)
    yield Finding(
        RULE.id,
        max(evidence.share(evidence.part("pool")), evidence.share(evidence.sessions.waiting("Lock"))),
        grade((2.0, True), (1.0, remain >= 0.8), (1.0, sessions > early), (1.0, not size or sessions >= 0.5 * size)),
        "transactions are left open, and keep their connections",
        (
            f"{count(sessions)} sessions at a time sit idle in a transaction, up to {ms(oldest)} without doing anything",
            f"when the load was over, {count(remain)} of them were still open"
            if evidence.after.samples
            else "their number grows with the requests served",
            *([f"the app's pool has {count(size)} connections"] if size else []),
        ),
        Fix(
            "end transactions whatever happens (a context manager), and let Postgres end what is forgotten",
            "ALTER ROLE ... SET idle_in_transaction_session_timeout = '10s'",
        ),
        subject={"route": routes[0][0]} if routes and routes[0][0] else {},
    )


RULE = Rule(
    "idle_in_transaction",
    "Transactions are left open",
    "Sessions are idle in transaction for seconds, more and more of them, and stay so when the load is over.",
    "A slow service that is called within the transaction: those sessions end when it answers. A slow app: they are many, but short.",
    "Context managers; idle_in_transaction_session_timeout.",
    _find,
    explains=("app_pool_small", "pooler_pool_small", "bloat", "hot_row_lock", "too_many_connections", "failing_requests"),
)
