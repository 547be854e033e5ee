"""What the lock rules have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.sessions import Blocked
from tenantry.diagnose.words import count, ms, percent

LEAST = 0.15
# So many waits were seen, as a part of all of them, before anything is said of whose they are.
_LEAST_WAITS, _TOLD = 20, 0.8
# Who waits behind another tenant at times: a name that is set late, a session that has just been lent to somebody else.
_OWN = 0.9
_MUCH, _TIMES_EVEN = 0.3, 3


class Hot(NamedTuple):
    """A tenant with many of the waits, all of which are for a key of the tenant's own: its part of them, and the even part."""

    tenant: str
    part: float
    even: float
    own: float


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


def subject_of(evidence: Evidence, blocked: list[Blocked], hot: Hot | None = None) -> dict[str, str]:
    """The statement that waits most, and the tenant whose key it waits for, where that is one's more than others'."""
    by_id: dict[str, float] = {}
    for each in blocked:
        by_id[each.query_id] = by_id.get(each.query_id, 0.0) + each.sessions
    number = max(by_id, key=lambda key: by_id[key], default="")
    statement = evidence.statements.get(number)
    told = {"statement": statement.short, "query_id": number} if statement else {}
    return told | ({"tenant": hot.tenant} if hot else {})


def hot_tenant(evidence: Evidence, locks: Collection[str]) -> Hot | None:
    """Whose key it is that is hot; None where tenants wait for each other, where no tenant stands out, or where too little is known.

    One key of everybody's has tenants wait for each other as often as the load has them together, however uneven it is.
    """
    waits = [each for each in evidence.sessions.between if each.lock in locks]
    known = [each for each in waits if each.tenant and each.holder]
    whole = sum(each.sessions for each in known)
    if whole * evidence.sessions.samples < _LEAST_WAITS or whole < _TOLD * sum(each.sessions for each in waits):
        return None
    by_tenant: defaultdict[str, float] = defaultdict(float)
    for each in known:
        by_tenant[each.tenant] += each.sessions
    tenant, most = max(by_tenant.items(), key=lambda pair: pair[1])
    own = sum(each.sessions for each in known if each.tenant == each.holder)
    hot = Hot(tenant, most / whole, 1 / max(evidence.run.tenants.seen, 1), own / whole)
    stands_out = hot.part >= _MUCH and hot.part >= _TIMES_EVEN * hot.even
    return hot if stands_out and hot.own >= _OWN else None


def whose(hot: Hot | None) -> list[str]:
    """A sentence on whose key it is, where that is one tenant's more than others'."""
    if hot is None:
        return []
    waits = f"{percent(hot.own)} of them wait behind their own tenant: the key is the tenant's"
    return [f"{waits}; {percent(hot.part)} are those of tenant {hot.tenant}, an even part is {percent(hot.even)}"]
