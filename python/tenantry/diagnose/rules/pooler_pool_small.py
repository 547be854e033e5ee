"""Too few server connections in the pooler."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.sessions import CLIENT
from tenantry.diagnose.words import count, grade, percent

_FREE_S = 0.5


def _find(evidence: Evidence) -> Iterator[Finding]:
    queue = evidence.readings.gauge("pooler.cl_waiting")
    # Without the pooler's console: the app holds more connections than Postgres has sessions, and those are never free for long, once the
    # load has come.
    in_use, late = evidence.late_readings.gauge("pool.in_use"), evidence.late_sessions
    sessions = late.average(lambda each: each.kind == CLIENT)
    idle = [each for each in late.doing if each.kind == CLIENT and each.state == "idle"]
    busy = sessions - sum(each.sessions for each in idle)
    never_free = busy >= 0.5 * sessions and max((each.state_s for each in idle), default=0.0) < _FREE_S
    hidden = bool(in_use and sessions >= 0.5 and in_use.mean >= 1.5 * sessions and never_free)
    if not hidden and not (queue and queue.mean >= 0.5):
        return
    share = max(evidence.share(evidence.travel), 0.5 * evidence.share(evidence.part("pool")))
    told = []
    if queue:
        told.append(f"{count(queue.mean)} clients wait in the pooler on average, {count(queue.highest)} at most")
    if in_use:
        told.append(
            f"the app holds {count(in_use.mean)} connections, Postgres has {count(sessions)} sessions,"
            f" {percent(busy / max(sessions, 1e-9))} of them in use"
        )
    yield Finding(
        RULE.id,
        max(share, evidence.share(evidence.part("db") - busy)),
        grade((2.0, queue is not None), (2.0, hidden)),
        "the pooler has too few connections to Postgres",
        tuple(told),
        Fix("raise the pooler's pool", "default_pool_size = 20  -- pgbouncer.ini, then RELOAD"),
    )


RULE = Rule(
    "pooler_pool_small",
    "The pooler's pool is too small",
    "Clients wait in the pooler (SHOW POOLS: cl_waiting, sv_active at the limit); without its console: the app holds more"
    " connections than"
    " Postgres has sessions, and these are always in use.",
    "Whatever holds server connections longer than it should: locks, slow statements, open transactions.",
    "default_pool_size.",
    _find,
    explains=("app_pool_small", "distant_database"),
)
