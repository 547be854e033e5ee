"""Statements travel."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, ms, percent

# Where other machines have the processors, an app sees answers later than they come.
_FAR_S, _FAR_AND_ROBBED_S = 0.0015, 0.003
# What a transaction of one statement takes: where statements are not counted, no request is taken to have more.
_TRIPS = 3


def _find(evidence: Evidence) -> Iterator[Finding]:
    travel, share = evidence.travel, evidence.held_share(evidence.travel)
    told = evidence.part("db")
    calls = sum(statement.calls for statement in evidence.statements.all)
    if not evidence.is_sampled or share < 0.4 or travel < 0.75 * told:
        return
    trip = travel * evidence.duration_s / (calls or _TRIPS * max(evidence.requests, 1))
    lag, cores = evidence.loop_lag_s, evidence.busiest_worker
    calm = (lag is None or lag < 0.5 * max(trip, 0.002)) and (cores is None or cores < 0.6)
    if trip < (_FAR_AND_ROBBED_S if evidence.is_robbed else _FAR_S):
        return
    yield Finding(
        RULE.id,
        evidence.share(travel),
        grade((2.0, calls > 0), (1.0, calm), (1.0, evidence.sessions.idle_in_transaction > evidence.sessions.working)),
        "statements spend their time on the way to the database and back",
        (
            f"the app waits for the database for {percent(evidence.share(told))} of the request time, and Postgres is at work for"
            f" {percent(evidence.share(evidence.database_time))}",
            f"{count(calls / max(evidence.requests, 1))} statements per request, {ms(trip)} on the way each"
            if calls
            else "statements are not counted",
        ),
        Fix("run the app beside the database; fewer statements per request (pipelining, one query for a page)"),
        () if calm else ("the app itself is busy or its event loop late, which looks the same from here",),
        lasting=evidence.lasted("db"),
    )


RULE = Rule(
    "distant_database",
    "The database is far away",
    "By the app's word requests wait for the database, while Postgres sees hardly any work and many sessions idle in transaction.",
    "A late event loop or a busy core of the app, a pooler with a queue: they also delay answers that are there.",
    "Co-locate; fewer round trips.",
    _find,
)
