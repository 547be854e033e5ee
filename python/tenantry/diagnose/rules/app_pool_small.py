"""Too few connections between the app and its database."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent

_LEAST, _LEAST_UNSEEN = 0.15, 0.25
# Too little for a problem.
_STARVED = 0.4


def _find(evidence: Evidence) -> Iterator[Finding]:
    waiting = evidence.part("pool")
    share = evidence.share(waiting)
    pool, in_use, queue = (evidence.readings.gauge(f"pool.{what}") for what in ("size", "in_use", "waiting"))
    # By Little's law, which counts every request; scrapes see one moment of each second.
    held = max(evidence.part("db"), in_use.mean if in_use else 0.0)
    full = bool(pool and held >= 0.7 * pool.mean)
    if share < (_LEAST if full else _LEAST_UNSEEN):
        return
    told = [f"waiting for a connection of the app's pool takes {percent(share)} of the request time, {count(waiting)} requests at a time"]
    if pool:
        told.append(f"{count(held)} of {count(pool.mean)} connections are in use on average")
    if queue:
        told.append(f"up to {count(queue.highest)} requests wait in the queue of the pool")
    # Then more connections would want more of the same processor.
    spent = evidence.starves or evidence.is_worker_full
    sure = grade((1.0, True), (1.0, share >= 0.5), *([(1.0, full)] if pool else []))
    doubts = (
        (not full and pool is not None, "the pool was not full most of the time"),
        (evidence.starves, "the machine has no processor to spare: connections are held for want of one"),
        (evidence.is_worker_full, "the app's busiest process has hardly any processor time left: it holds connections for want of it"),
    )
    yield Finding(
        RULE.id,
        share,
        min(sure, _STARVED) if spent else sure,
        "the app's connection pool is too small for this load",
        tuple(told),
        Fix("give the pool more connections, as long as the database has cores to spare"),
        tuple(text for holds, text in doubts if holds),
    )


RULE = Rule(
    "app_pool_small",
    "The app's connection pool is too small",
    "Requests wait for a connection; those that there are, are in use; what holds them is as quick as ever.",
    "Whatever holds connections longer than it should makes the pool seem small: locks, slow statements, services called in a transaction,"
    " leaks. Then this is a symptom. Where the load leaves the machine, or the app's process, no processor, so do all that wait for one.",
    "A larger pool, within what the database can do; shorter transactions.",
    _find,
)
