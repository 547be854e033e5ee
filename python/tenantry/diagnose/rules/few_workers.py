"""Requests wait at the app's door."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    door = evidence.part("door")
    share = evidence.held_share(door)
    lag, busiest = evidence.loop_lag_s, evidence.busiest_worker
    # Wait less service on a machine that is merely busy is a few milliseconds.
    each = door * evidence.duration_s / max(evidence.requests, 1)
    if not evidence.is_told or share < 0.4 or each < 0.01 or evidence.starves:
        return
    calm = (lag is None or lag < max(0.01, 0.2 * each)) and (busiest is None or busiest < 0.7)
    inside = [endpoint.inside_s for endpoint in evidence.endpoints]
    yield Finding(
        RULE.id,
        evidence.share(door),
        grade((2.0, True), (2.0, calm)),
        "requests wait before the app begins with them",
        (
            f"{percent(share)} of the time of requests, {ms(each)} each, passes before the app sees them",
            f"in the app they take {ms(sum(inside) / max(evidence.requests, 1))}, and {count(sum(inside) / evidence.duration_s)}"
            f" are in it at a time",
            *([f"its event loop is {ms(lag)} late"] if lag is not None else []),
        ),
        Fix("more workers or threads, or an asynchronous server, which holds none while it waits"),
        () if calm else ("the app is busy or its event loop late: that makes requests wait at the door as well",),
    )


RULE = Rule(
    "few_workers",
    "All workers of the app are busy",
    "Requests wait before the app sees them (its own word, Server-Timing, is short), and neither its processor nor its event loop is busy.",
    "A busy processor or a blocked event loop also make requests wait at the door. So does a machine without a processor to spare,"
    " if the load takes half of it itself.",
    "More workers, or asynchronous ones.",
    _find,
    explains=("distant_database", "slow_external_call"),
)
