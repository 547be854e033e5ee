"""Where the time of requests went, of all and of each name, at the lowest load and at the highest: parts that add up to their mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Decomposed, Level, Part
from tenantry.diagnose.requests import Endpoint, seconds_of
from tenantry.diagnose.sessions import Doing

MOST_NAMES = 20
MOST_STATEMENTS = 3
# From so many sessions at work on, and where so many of them tell whose request they are at, a name's part is told from the others'.
LEAST_SEEN = 20
LEAST_NAMED = 0.5
_BEFORE = {
    "late": "generator",
    "connecting": "connecting",
    "door": "before the app",
    "app": "app",
    "pool": "waiting for a connection of the pool",
}
_AFTER = {"ext": "other services", "receive": "receiving", "untold": "inside the app, untold"}


def parts(evidence: Evidence, name: str = "") -> list[Part]:
    """The parts of the time of a request name, by default of all; they add up to it, with what is not explained as one of them."""
    some = _named(evidence, name)

    def at_a_time(part: str) -> float:
        return seconds_of(some, part) / evidence.duration_s

    found = [Part(title, at_a_time(part)) for part, title in _BEFORE.items()]
    found += _database_parts(evidence, name, at_a_time("db"))
    found += [Part(title, at_a_time(part)) for part, title in _AFTER.items()]
    rest = at_a_time("response") - sum(part.at_a_time for part in found)
    return [part for part in [*found, Part("unexplained", rest)] if abs(part.at_a_time) > 1e-9]


def decomposition(evidence: Evidence) -> Iterator[Decomposed]:
    """All requests (without a name), then those with the most time; each at the lowest load, where the load rose, and at the highest."""
    low = evidence.at_lowest_load
    levels: dict[Level, Evidence | None] = {"lowest": low, "highest": evidence}
    for name in ("", *(endpoint.name for endpoint in evidence.endpoints[:MOST_NAMES])):
        for level, seen in levels.items():
            if seen is None:
                continue
            rate = sum(endpoint.requests for endpoint in _named(seen, name)) / seen.duration_s
            if rate:
                each = tuple((part.name, part.at_a_time / rate) for part in parts(seen, name))
                statements = tuple((number, text, load / rate) for number, text, load in _statements(seen, name))
                yield Decomposed(name, level, rate, each, statements)


def _named(evidence: Evidence, name: str) -> list[Endpoint]:
    return [endpoint for endpoint in evidence.endpoints if name in ("", endpoint.name)]


def _sessions(evidence: Evidence, name: str) -> list[Doing] | None:
    """Sessions at work for a request name, or for all; None where it is not known whose they are."""
    working = [each for each in evidence.sessions.doing if each.works]
    if not name:
        return working
    told = [each for each in working if each.route]
    seen, known = sum(each.seen for each in working), sum(each.sessions for each in told)
    if seen < LEAST_SEEN or known < LEAST_NAMED * evidence.sessions.working:
        return None
    return [each for each in told if each.route == name]


def _scale(evidence: Evidence) -> float:
    """From sessions as they were sampled to those that Postgres counted."""
    return evidence.database_time / evidence.sessions.working if evidence.sessions.working else 0.0


def _database_parts(evidence: Evidence, name: str, told: float) -> list[Part]:
    """The database's part by what its sessions did, in the proportions of the samples, or else its share of everybody's."""
    own = _sessions(evidence, name)
    if own is None:
        everybody = evidence.part("db")
        return [Part(each.name, each.at_a_time * told / everybody) for each in _database_parts(evidence, "", everybody)] if told else []
    inside = min(sum(each.sessions for each in own) * _scale(evidence), told)
    kinds: Counter[str] = Counter()
    for each in own:
        kinds[f"database: {each.wait_type}:{each.wait_event}" if each.wait_type else "database: executing"] += each.sessions  # type: ignore[assignment]
    if not inside or not kinds:
        return [Part("database", told)] if told else []
    split = [Part(kind, inside * sessions / kinds.total()) for kind, sessions in kinds.most_common()]
    return [*split, Part("database: round trips and driver", told - inside)]


def _statements(evidence: Evidence, name: str) -> Iterator[tuple[str, str, float]]:
    """The statements with the most time, with their texts, in sessions at a time."""
    if not name:
        yield from ((each.id, each.short, each.load) for each in evidence.statements.all[:MOST_STATEMENTS])
        return
    loads: Counter[str] = Counter()
    for each in _sessions(evidence, name) or ():
        loads[each.query_id] += each.sessions * _scale(evidence)  # type: ignore[assignment]
    for number, load in loads.most_common(MOST_STATEMENTS):
        if statement := evidence.statements.get(number):
            yield number, statement.short, load
