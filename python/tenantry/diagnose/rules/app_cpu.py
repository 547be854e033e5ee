"""The app's own code burns the processor."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, ms, percent

_BUSY, _FULL = 0.7, 0.8
# With less it is busy enough where requests are seen to wait for it, and for no connection: their time in the app is longer than its work;
# or where most of their time is its work. With still less where that work is long.
_BUSY_AND_LATE, _LATE, _NO_QUEUE, _MOST = 0.6, 1.3, 0.1, 0.5
_LONG_AND_LATE, _LONG_S = 0.5, 0.003
# Where most of the time is a wait for connections, a process without time left is what holds them.
_QUEUE = 0.5
# What an answer costs in apps that do nothing but ask their database; it is the code's fault only where the process has no more to give.
_USUAL_S = 0.002


def _find(evidence: Evidence) -> Iterator[Finding]:
    # A loop that computes is late to see answers of the database, too.
    inside = evidence.part("app") + evidence.part("door") + evidence.travel
    share = evidence.held_share(inside)
    busiest = evidence.busiest_worker
    work = evidence.cores("app") or 0.0
    spent = work * evidence.duration_s / max(evidence.requests, 1)
    queue = evidence.share(evidence.part("pool"))
    if share < 0.35 or busiest is None or busiest < 0.5:
        return
    full = busiest >= _FULL or (evidence.is_worker_full and queue >= _QUEUE)
    if spent < _USUAL_S and not full:
        return
    late = evidence.part("app") + evidence.part("door") >= _LATE * work and queue < _NO_QUEUE
    long = spent >= _LONG_S and not evidence.starves
    busy = _BUSY if not late else _LONG_AND_LATE if long else _BUSY_AND_LATE
    left = f" (other machines left it {percent(1 - evidence.stolen)} of one)" if evidence.is_robbed else ""
    yield Finding(
        RULE.id,
        evidence.share(inside),
        grade(
            (2.0, full or busiest >= busy or evidence.share(work) >= _MOST),
            (1.0, share >= 0.5),
            (1.0, busiest >= _FULL),
        ),
        "the app's own code takes the time",
        (
            f"{percent(share)} of the time of requests is spent in the app, at its door, or until it sees the database's answers",
            f"its busiest process uses {percent(busiest)} of a core{left}, {ms(spent)} of processor time per request",
            f"the database is at work for {count(evidence.database_time)} requests at a time",
        ),
        Fix("profile the app (py-spy, cProfile); more worker processes, as long as there are cores"),
    )


RULE = Rule(
    "app_cpu",
    "The app's code burns the processor",
    "Time goes into the app's own part or before its door, while one of its processes uses most of a core.",
    "Blocking calls make the event loop late with an idle processor; large answers burn it for their bytes.",
    "Profile; more workers.",
    _find,
    explains=("event_loop_blocking", "few_workers", "distant_database", "app_pool_small", "machine_cpu", "pooler_pool_small"),
)
