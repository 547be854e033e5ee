"""A blocking call in an asynchronous app."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import grade, ms, percent

# Loops that nothing blocks are up to 13 ms late where their process is idle, and up to 25 ms where it computes all the time.
_LATE_S, _LATE_AND_IDLE_S, _LATE_WHEN_FULL_S = 0.025, 0.018, 0.1


def _find(evidence: Evidence) -> Iterator[Finding]:
    lag, busiest = evidence.loop_lag_s, evidence.busiest_worker
    blocked = evidence.part("app") + evidence.part("door")
    # Answers of the database are seen late while something has the loop, which is seen in the app's own part or at its door.
    late = blocked + min(evidence.travel, blocked)
    share = evidence.held_share(late)
    machine = evidence.machine_busy
    room = (machine is None or machine < 0.9) and not evidence.is_robbed
    idle = busiest is not None and busiest < 0.6
    # Where there is no processor for it, a loop that nothing blocks is late as well, by some slices of the system's scheduler; where its
    # process has hardly any time left, by some requests.
    least = _LATE_WHEN_FULL_S if evidence.is_worker_full or not room else _LATE_AND_IDLE_S if idle else _LATE_S
    if lag is None or lag < least or share < 0.35:
        return
    yield Finding(
        RULE.id,
        evidence.share(late),
        grade((1.0, True), (2.0, idle), (1.0, lag >= 0.05), (3.0, room)),
        "something blocks the app's event loop",
        (
            f"timers of the event loop are {ms(lag)} late",
            *([f"the app's busiest process uses only {percent(busiest)} of a core"] if busiest is not None else []),
            f"{percent(share)} of the time in which requests are worked on passes in the app, at its door or on the way to the database",
        ),
        Fix(
            "find the synchronous call in asynchronous code (asyncio debug mode names it); use an asynchronous client, or asyncio.to_thread"
        ),
        tuple(
            text
            for text, holds in (
                ("the processor is busy, too: it may be computing rather than blocking", not idle),
                ("the machine has no processor to spare: the app may be waiting for one", not room),
            )
            if holds
        ),
    )


RULE = Rule(
    "event_loop_blocking",
    "A blocking call holds the event loop",
    "The event loop is late while the app's processor is idle; all endpoints are slow together.",
    "A busy processor makes the loop late as well: then it is app_cpu. A slow generator sees late answers, but not a late loop.",
    "Asynchronous clients, threads for what blocks.",
    _find,
    explains=("few_workers", "distant_database", "app_pool_small", "pooler_pool_small"),
)
