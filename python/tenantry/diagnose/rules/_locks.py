"""What the lock rules have in common."""

from __future__ import annotations

from collections.abc import Collection

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.sessions import Blocked
from tenantry.diagnose.words import count, ms, percent

LEAST = 0.15


def blocked_on(evidence: Evidence, locks: Collection[str]) -> list[Blocked]:
    """Who waits for locks of these types, most first."""
    return sorted((each for each in evidence.sessions.blocked if each.lock in locks), key=lambda each: -each.sessions)


def weighs(evidence: Evidence, waiting: float) -> bool:
    """Whether waiting sessions are a noticeable part of the database's time, and of the requests'."""
    return waiting >= LEAST * evidence.sessions.working > 0 and waiting >= 0.05 * evidence.held


def told(evidence: Evidence, waiting: float, blocked: list[Blocked]) -> list[str]:
    """Sentences on who waits for whom."""
    found = [f"{count(waiting)} sessions at a time wait for it, {percent(waiting / max(evidence.sessions.working, 1e-9))} of those at work"]
    if blocked:
        first = blocked[0]
        held = f", for up to {ms(first.held_s)} in its transaction" if first.held_s else ""
        what = f" in {first.blocker_route}" if first.blocker_route else ""
        found.append(f"at the head of the queue is mostly a session that is {first.blocker_state or 'gone'}{what}{held}")
    return found


def statement_of(evidence: Evidence, blocked: list[Blocked]) -> dict[str, str]:
    """The statement that waits most."""
    by_id: dict[str, float] = {}
    for each in blocked:
        by_id[each.query_id] = by_id.get(each.query_id, 0.0) + each.sessions
    number = max(by_id, key=lambda key: by_id[key], default="")
    statement = evidence.statements.get(number)
    return {"statement": statement.short, "query_id": number} if statement else {}
