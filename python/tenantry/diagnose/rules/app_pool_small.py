"""Too few connections between the app and its database."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    waiting = evidence.part("pool")
    share = evidence.share(waiting)
    pool, in_use, queue = (evidence.readings.gauge(f"pool.{what}") for what in ("size", "in_use", "waiting"))
    if share < 0.25:
        return
    full = bool(pool and in_use and in_use.mean >= 0.7 * pool.mean)
    told = [f"waiting for a connection of the app's pool takes {percent(share)} of the request time, {count(waiting)} requests at a time"]
    if pool and in_use:
        told.append(f"{count(in_use.mean)} of {count(pool.mean)} connections are in use on average")
    if queue:
        told.append(f"up to {count(queue.highest)} requests wait in the queue of the pool")
    against = () if full or pool is None else ("the pool was not full most of the time",)
    yield Finding(
        RULE.id,
        share,
        grade((2.0, True), (1.0, full), (1.0, share >= 0.5)),
        "the app's connection pool is too small for this load",
        tuple(told),
        Fix("give the pool more connections, as long as the database has cores to spare"),
        against,
    )


RULE = Rule(
    "app_pool_small",
    "The app's connection pool is too small",
    "Requests wait for a connection; those that there are, are in use; what holds them is as quick as ever.",
    "Whatever holds connections longer than it should makes the pool seem small: locks, slow statements, services called in a transaction,"
    " leaks. Then this is a symptom.",
    "A larger pool, within what the database can do; shorter transactions.",
    _find,
)
