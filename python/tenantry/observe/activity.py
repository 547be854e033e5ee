"""What the sessions of the database do, ten times a second, and who blocks whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tenantry.observe.labels import label
from tenantry.observe.postgres import NAME, Session
from tenantry.observe.recorder import Recorder
from tenantry.observe.settings import Observing
from tenantry.observe.statements import CUT

# Planned once: to plan it takes three times as long as to carry it out.
# Only what somebody waits for a lock asks who blocks it: that takes the lock manager's own locks.
_SESSIONS = """
PREPARE sessions AS SELECT pid, coalesce(backend_type, ''),
       CASE WHEN datname = current_database() THEN 'here' WHEN datname IS NULL THEN '' ELSE 'elsewhere' END,
       coalesce(state, ''), coalesce(wait_event_type, ''), coalesce(wait_event, ''), coalesce(query_id::text, ''),
       coalesce(usename, ''), application_name, coalesce(substring(query FROM '/\\*.*?\\*/'), ''),
       greatest(extract(epoch FROM clock_timestamp() - xact_start), 0),
       greatest(extract(epoch FROM clock_timestamp() - state_change), 0),
       CASE WHEN wait_event_type = 'Lock' THEN array_to_string(pg_blocking_pids(pid), ',') END
FROM pg_stat_activity
WHERE state IS NOT NULL OR coalesce(wait_event_type, '') NOT IN ('', 'Activity', 'Timeout')"""
_WAITS = """
SELECT pid, locktype, mode, coalesce(relation::regclass::text, ''), coalesce(extract(epoch FROM clock_timestamp() - waitstart), 0)
FROM pg_locks
WHERE NOT granted AND (database IS NULL OR database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))"""
_TEXTS = """
SELECT DISTINCT ON (query_id) query_id::text,
       left(query, 4000) || CASE WHEN length(query) > 4000 OR octet_length(query) >= {kept} - 4 THEN '{cut}' ELSE '' END
FROM pg_stat_activity WHERE query_id IN ({numbers})"""
_KEPT = "SELECT setting FROM pg_settings WHERE name = 'track_activity_query_size'"
_MOST_TEXTS = 500
IN_USE = ("active", "fastpath function call")


class _Session(NamedTuple):
    pid: str
    kind: str
    where: str
    state: str
    wait_type: str
    wait_event: str
    query_id: str
    role: str
    name: str
    comment: str
    transaction_s: str | None
    state_s: str | None
    blocked_by: str | None

    @property
    def route(self) -> str:
        return label(self.name, self.comment).route

    @property
    def tenant(self) -> str:
        return label(self.name, self.comment).tenant


@dataclass
class Activity:
    """Samples `pg_stat_activity`; sessions that do the same are one row with their number."""

    settings: Observing
    recorder: Recorder
    name: str = "postgres.activity"
    notes: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    roles: Counter[str] = field(default_factory=Counter)
    tenants: Counter[str] = field(default_factory=Counter)
    statements: Counter[str] = field(default_factory=Counter)
    _session: Session | None = None
    _kept_bytes: int = 0

    @property
    def every_s(self) -> float:
        return 1.0 / self.settings.activity_hz

    def open(self) -> None:
        self._session = Session(self.settings.postgres or "")
        self._session.execute(_SESSIONS)
        self._kept_bytes = int(self._session.rows(_KEPT)[0][0] or 0)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def read(self) -> None:
        assert self._session is not None
        at_ns = self.recorder.now_ns()
        everybody = [_Session._make(row) for row in self._session.rows("EXECUTE sessions")]
        found = [session for session in everybody if session.name != NAME]
        clients = sum(session.kind == "client backend" for session in everybody)
        self.recorder.readings(at_ns, self.name, {**_totals(found), ("sessions.all", ""): float(clients)})
        self.recorder.activity(_folded(at_ns, found))
        if any(session.blocked_by is not None for session in found):
            self.recorder.blocking(_blocking(at_ns, found, self._session.rows(_WAITS)))
        self._count(session for session in found if session.where == "here" and session.state in IN_USE)
        self._learn(found)

    def _count(self, busy: Iterable[_Session]) -> None:
        for session in busy:
            for counter, value in ((self.roles, session.role), (self.tenants, session.tenant), (self.statements, session.query_id)):
                if value:
                    counter[value] += 1

    def _learn(self, found: Sequence[_Session]) -> None:
        """Texts of statements not seen before: where pg_stat_statements is missing, these are all there are."""
        new = {session.query_id for session in found if session.query_id and session.query_id not in self.texts}
        if not new or self._session is None or len(self.texts) >= _MOST_TEXTS:
            return
        # What has ended by now is asked for when it comes again.
        query = _TEXTS.format(kept=self._kept_bytes, cut=CUT, numbers=", ".join(sorted(new)))
        self.texts |= {str(number): str(text) for number, text in self._session.rows(query)}


def _totals(found: Sequence[_Session]) -> dict[tuple[str, str], float]:
    """How many sessions there are, by state; also when there are none, so that a sample without any is known to be one."""
    states = Counter(session.state or session.kind for session in found if session.where == "here")
    values = {("sessions", state): float(count) for state, count in states.items()}
    values["sessions", ""] = float(sum(states.values()))
    values["sessions", "elsewhere"] = float(sum(session.where == "elsewhere" and session.state == "active" for session in found))
    return values


def _folded(at_ns: int, found: Sequence[_Session]) -> Iterator[tuple[Any, ...]]:
    groups: defaultdict[tuple[str, ...], list[_Session]] = defaultdict(list)
    for session in found:
        if session.where == "elsewhere":
            continue
        tells_waits = session.where == "" or session.state in IN_USE or session.state.startswith("idle in")
        waits = (session.wait_type, session.wait_event) if tells_waits else ("", "")
        # An idle session's statement and name are those of its last work.
        at_work = (session.query_id, session.route, session.tenant) if session.state != "idle" else ("", "", "")
        groups[session.kind, session.state, *waits, *at_work].append(session)
    for key, sessions in groups.items():
        yield (at_ns, *key, len(sessions), _oldest(sessions, "transaction_s"), _oldest(sessions, "state_s"))


def _oldest(sessions: Sequence[_Session], what: str) -> float:
    return max(float(getattr(session, what) or 0) for session in sessions)


def _blocking(at_ns: int, found: Sequence[_Session], waits: Sequence[Sequence[str | None]]) -> Iterator[tuple[Any, ...]]:
    """Waiting sessions with who blocks them at the end of the chain, folded by what they have in common."""
    by_pid = {session.pid: session for session in found}
    groups: defaultdict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for pid, kind, mode, relation, waited_s in waits:
        waiter = by_pid.get(str(pid))
        if waiter is None or not waiter.blocked_by:
            continue
        root = _root(waiter, by_pid)
        own = (kind or "", mode or "", relation or "", waiter.query_id, waiter.route, waiter.tenant)
        groups[(*own, *_described(root))].append((float(waited_s or 0), float(root.transaction_s or 0) if root else 0.0))
    for key, times in groups.items():
        yield (at_ns, *key, len(times), max(waited for waited, _ in times), max(held for _, held in times))


def _described(root: _Session | None) -> tuple[str, ...]:
    if root is None:
        return ("", "gone", "", "", "", "", "")
    return (root.pid, root.state or root.kind, root.wait_type, root.wait_event, root.query_id, root.route, root.tenant)


def _root(waiter: _Session, by_pid: dict[str, _Session]) -> _Session | None:
    """The session at the head of the queue: it blocks, and does not wait for a lock itself. In a deadlock, any of them."""
    seen = {waiter.pid}
    at = waiter
    while at.blocked_by:
        before = next((pid for pid in at.blocked_by.split(",") if pid not in seen), None)
        if before is None:
            return at
        seen.add(before)
        if before not in by_pid:
            return None
        at = by_pid[before]
    return at
