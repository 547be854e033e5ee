"""A new connection for nearly each transaction."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    opened = evidence.readings.growth("database.sessions")
    done = evidence.readings.growth("database.xact_commit") + evidence.readings.growth("database.xact_rollback")
    # The observer's own snapshots are transactions, too, but few.
    if not done or opened < 0.05 * done or opened / evidence.duration_s < 2:
        return
    waiting = evidence.share(evidence.part("pool"))
    beyond = max((evidence.cores("postgres") or 0.0) - evidence.database_time, 0.0)
    share = max(waiting, evidence.share(evidence.part("untold")), evidence.share(beyond))
    yield Finding(
        RULE.id,
        share,
        grade((2.0, opened >= 0.1 * done), (1.0, share >= 0.2)),
        "connections to Postgres are opened again and again",
        (
            f"{count(opened)} sessions were started for {count(done)} transactions, {count(opened / evidence.duration_s)} a second",
            f"waiting for a connection takes {percent(waiting)} of the request time",
            *(
                [f"Postgres uses {count(beyond)} cores beyond its statements, {ms(beyond * evidence.duration_s / opened)} a session"]
                if beyond
                else []
            ),
        ),
        Fix("keep connections open: a pool that does not close them after use, or a pooler in front of Postgres"),
    )


RULE = Rule(
    "connection_churn",
    "Connections are not kept",
    "Postgres starts a session for every tenth transaction or more; requests wait for connections, or Postgres uses processor time that no"
    " statement takes.",
    "A pool that fills up at the start opens its connections once.",
    "A pool that keeps its connections.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "distant_database"),
)
