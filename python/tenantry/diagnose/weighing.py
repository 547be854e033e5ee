"""What the stations say for and against the findings, what taking a cause away would gain, and what is not the problem."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Gain, Station
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, ms, number_of, percent

# Above this a station has no room worth the name.
ROOM = 0.7
LITTLE = 0.1
# Whose finding a full station is.
_RULES = {
    "app_pool": ("app_pool_small",),
    "pooler_pool": ("pooler_pool_small",),
    "app_workers": ("few_workers",),
    "app_cpu": ("app_cpu", "event_loop_blocking"),
    "database_cpu": ("database_cpu",),
    "machine_cpu": ("machine_cpu",),
    "connections": ("too_many_connections",),
    "generator": ("generator",),
    "lock": ("hot_row_lock", "advisory_lock", "ddl_lock", "deadlocks"),
}
# That it is not busy is what these say themselves.
_IDLE_FITS = ("event_loop_blocking", "deadlocks", "ddl_lock")


def weighed(found: Iterable[Finding], ladder: Sequence[Station], evidence: Evidence, known: Mapping[str, Rule]) -> list[Finding]:
    """The findings with what the stations say of them, and with the gain."""
    return [_weighed(finding, ladder, evidence, {finding.id, *known[finding.id].explains}) for finding in found]


def _weighed(finding: Finding, ladder: Sequence[Station], evidence: Evidence, own: set[str]) -> Finding:
    stations = [station for station in ladder if finding.id in _RULES[station.id]]
    told = [
        f"the law of {station.title}: {_law(station)}"
        for station in stations
        if station.is_full and station.busy >= ROOM and station.capacity_per_s
    ]
    against = [text for station in stations for text in _against(finding, station)]
    if finding.kind == "problem":
        against += _others(stations, ladder, own)
    gain = _gain(finding, ladder, evidence, own) if finding.kind == "problem" else None
    return replace(finding, evidence=(*finding.evidence, *told), against=(*finding.against, *against), gain=gain)


def _law(station: Station) -> str:
    hold, capacity = station.hold_s or 0.0, station.capacity_per_s or 0.0
    left = f"the {count(hold * capacity)} that others leave of " if hold * capacity < ROOM * station.servers else ""
    held = f"{left}{number_of(station.servers, station.unit)}, held {ms(hold)} by each request"
    return f"{held}: enough for {count(capacity)} requests/s; {count(station.requests_per_s)} came"


def _against(finding: Finding, station: Station) -> Iterator[str]:
    if station.is_full and station.grew:
        low = "too short to be seen" if station.hold_low_s is None else f"{ms(station.hold_low_s)}"
        yield (
            f"each request held {station.title} for {ms(station.hold_s or 0.0)} at the highest load, at the lowest {low}:"
            " what holds it longer may be the cause"
        )
    if not station.is_full and station.busy < ROOM and finding.id not in _IDLE_FITS:
        yield f"{station.title}: {percent(station.busy)} busy at the highest load"


def _others(stations: Sequence[Station], ladder: Sequence[Station], own: set[str]) -> Iterator[str]:
    """What was full before this, or as early, and is none of its symptoms."""
    since = min((station.full_since_s for station in stations if station.is_full), default=math.inf)
    for station in ladder:
        limit = station.limit
        if limit is None or not station.is_full or own & {*_RULES[station.id]}:
            continue
        if limit.how == "others":
            yield f"{station.title} were full, whatever the load: {limit.sign}"
            continue
        if station.full_since_s > since:
            continue
        when = "broke first" if station.full_since_s < since else "was full as early"
        sign = f" ({limit.sign})" if limit.sign else ""
        yield f"something else {when}, at {count(limit.requests_per_s)} requests/s: {station.title}{sign}"


def _gain(finding: Finding, ladder: Sequence[Station], evidence: Evidence, own: set[str]) -> Gain | None:
    if finding.id == "generator":
        return None
    beyond = next((station for station in ladder if station.limit and not own & {*_RULES[station.id]}), None)
    limit = beyond.limit.requests_per_s if beyond and beyond.limit and not beyond.is_full else None
    then = f"; the next limit is {beyond.title}, at about {count(limit)} requests/s" if beyond and limit else ""
    if beyond and beyond.is_full:
        then = f"; {beyond.title} would still be full"
    if finding.share_of == "requests":
        return Gain(f"at best {percent(finding.share)} of the requests fail no more{then}", None, finding.share, limit)
    mean = evidence.mean_s
    saved = finding.share * mean
    return Gain(f"at best {ms(saved)} of the mean response time of {ms(mean)}{then}", saved, None, limit)


def fine(evidence: Evidence, found: Sequence[Finding], ladder: Sequence[Station]) -> Iterator[str]:
    """What is not the problem, with the figure that says so."""
    named = {finding.id for finding in found}
    if evidence.is_told and "app_pool_small" not in named and (waits := evidence.share(evidence.part("pool"))) < LITTLE:
        yield f"the connection pool: {percent(waits)} of the time is spent waiting for it"
    if evidence.is_sampled:
        locked = evidence.sessions.waiting("Lock") / max(evidence.sessions.working, 1e-9)
        if not named & {*_RULES["lock"]} and evidence.held_share(evidence.sessions.waiting("Lock")) < LITTLE:
            yield f"locks: {percent(locked)} of the sessions at work wait for one"
        at_work = evidence.held_share(evidence.database_time)
        if not any(finding.kind == "problem" for finding in found) or at_work < LITTLE:
            yield f"the database: {evidence.database_time:.2g} sessions are at work at a time"
    room = [station for station in ladder if not station.is_full and station.busy < ROOM and not named & {*_RULES[station.id]}]
    if room:
        told = ", ".join(f"{station.title} ({percent(station.busy)} busy{_until(station)})" for station in room)
        yield f"what has room at {count(room[0].requests_per_s)} requests/s: {told}"


def _until(station: Station) -> str:
    return f", full at about {count(station.limit.requests_per_s)}" if station.limit else ""
