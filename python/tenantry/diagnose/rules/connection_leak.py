"""Connections that are not given back."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.sessions import CLIENT
from tenantry.diagnose.words import count, grade, ms, percent

_OLD_S = 3.0


def _find(evidence: Evidence) -> Iterator[Finding]:
    waiting = evidence.share(evidence.part("pool"))
    pool, in_use = evidence.late_readings.gauge("pool.size"), evidence.late_readings.gauge("pool.in_use")
    late = evidence.late_sessions
    idle = late.average(lambda each: each.kind == CLIENT and each.state == "idle" and each.state_s >= _OLD_S)
    at_work = late.working + late.idle_in_transaction
    if waiting < 0.25 or idle < 1:
        return
    # What is not given back is in use at every moment; what is merely late comes back in between.
    lost = in_use.lowest - at_work if in_use else idle
    if lost < 1 or (pool and lost < 0.3 * pool.highest):
        return
    told = [
        f"requests wait for a connection ({percent(waiting)} of their time) while {count(idle)} sessions are idle, up to"
        f" {ms(max((each.state_s for each in late.doing if each.state == 'idle'), default=0.0))} long"
    ]
    if in_use and pool:
        told.append(
            f"the pool counts {count(in_use.lowest)} of {count(pool.highest)} connections in use all the time, and only {count(at_work)}"
            f" sessions are in a transaction"
        )
    yield Finding(
        RULE.id,
        waiting,
        grade((2.0, True), (2.0, in_use is not None), (1.0, lost >= 2)),
        "connections of the pool are taken and not given back",
        tuple(told),
        Fix("give connections back whatever happens: a context manager around each use"),
    )


RULE = Rule(
    "connection_leak",
    "Connections are not given back",
    "Requests wait for a connection while Postgres sees sessions that are idle, in no transaction, for seconds; the pool counts"
    " them as in use.",
    "A pool that is too small has its connections at work.",
    "Context managers around each use of the pool.",
    _find,
    explains=("app_pool_small", "too_many_connections", "failing_requests"),
)
