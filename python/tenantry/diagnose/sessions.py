"""The sessions of the database, as they were sampled: how many of which kind there were on average."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tenantry.results.tables import Tables

CLIENT = "client backend"
WORKING = ("active", "fastpath function call")


class Doing(NamedTuple):
    """Sessions that did the same: `sessions` at a time on average, `most` at once, seconds in transaction and in this state at most."""

    kind: str
    state: str
    wait_type: str
    wait_event: str
    query_id: str
    route: str
    tenant: str
    sessions: float
    most: int
    seen: int
    transaction_s: float
    state_s: float

    @property
    def works(self) -> bool:
        return self.kind == CLIENT and self.state in WORKING and self.wait_type != "Client"

    @property
    def is_idle_in_transaction(self) -> bool:
        return self.kind == CLIENT and self.state.startswith("idle in transaction")


@dataclass(frozen=True, slots=True)
class Blocked:
    """Sessions that waited for a lock behind the same kind of holder, on average; see `blocking` in docs/run-folder.md."""

    lock: str
    mode: str
    relation: str
    query_id: str
    route: str
    blocker_state: str
    blocker_wait: str
    blocker_query_id: str
    blocker_route: str
    sessions: float
    held_s: float


class Between(NamedTuple):
    """Sessions that waited for a lock, at a time on average, by their tenant and by the tenant of who was at the head of the queue."""

    lock: str
    tenant: str
    holder: str
    sessions: float


@dataclass(frozen=True, slots=True)
class Sessions:
    """All of it; `samples` is how often somebody looked. Without samples nothing is known."""

    samples: int = 0
    doing: list[Doing] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    between: list[Between] = field(default_factory=list)

    def average(self, fits: Callable[[Doing], bool]) -> float:
        """How many sessions fit, at a time."""
        return sum(each.sessions for each in self.doing if fits(each))

    @property
    def working(self) -> float:
        """Sessions that were executing a statement, whatever they waited for meanwhile."""
        return self.average(lambda each: each.works)

    @property
    def idle_in_transaction(self) -> float:
        return self.average(lambda each: each.is_idle_in_transaction)

    def waiting(self, kind: str, *events: str) -> float:
        """Sessions at work that waited for this, at a time."""
        return self.average(lambda each: each.works and each.wait_type == kind and (not events or each.wait_event in events))

    def by(self, what: str, fits: Callable[[Doing], bool] = lambda each: each.works) -> Counter[str]:
        """Sessions that fit at a time, by `query_id`, `tenant`, `route` or another column."""
        counted: Counter[str] = Counter()
        for each in self.doing:
            if fits(each):
                counted[getattr(each, what)] += each.sessions  # type: ignore[assignment]
        return counted


class Sample(NamedTuple):
    """One look at the sessions: how many were at work, how many were in a statement but waited for their client, and for how long all of
    these had been, together.
    """

    at_ns: int
    working: float
    for_client: float
    open_s: float


def samples(tables: Tables, span: tuple[int, int]) -> list[Sample]:
    """All looks between two moments."""
    rows = tables.rows(
        f"""SELECT at_ns, coalesce(sum(sessions) FILTER (wait_type <> 'Client'), 0)::DOUBLE,
                   coalesce(sum(sessions) FILTER (wait_type = 'Client'), 0)::DOUBLE, coalesce(sum(sessions * state_s), 0)::DOUBLE
            FROM (SELECT DISTINCT at_ns FROM readings WHERE metric = 'sessions' AND subject = '' AND at_ns BETWEEN ? AND ?) looks
            LEFT JOIN (SELECT * FROM activity WHERE kind = '{CLIENT}' AND state IN {WORKING}) USING (at_ns)
            GROUP BY at_ns ORDER BY at_ns""",
        span,
        of=("readings", "activity"),
    )
    return [Sample(*row) for row in rows]


def sessions(tables: Tables, span: tuple[int, int]) -> Sessions:
    """What the sessions did between two moments, in nanoseconds of the load."""
    samples = tables.rows(
        "SELECT count(*) FROM readings WHERE metric = 'sessions' AND subject = '' AND at_ns BETWEEN ? AND ?", span, of=("readings",)
    )[0][0]
    if not samples:
        return Sessions()
    rows = tables.rows(
        """SELECT kind, state, wait_type, wait_event, query_id, route, tenant, sum(sessions)::DOUBLE / ?, max(sessions),
                  count(DISTINCT at_ns), max(transaction_s), max(state_s)
           FROM activity WHERE at_ns BETWEEN ? AND ? GROUP BY ALL ORDER BY ALL""",
        [samples, *span],
        of=("activity",),
    )
    return Sessions(samples, [Doing(*row) for row in rows], _blocked(tables, samples, span), _between(tables, samples, span))


def _blocked(tables: Tables, samples: int, span: tuple[int, int]) -> list[Blocked]:
    rows = tables.rows(
        """SELECT lock, mode, relation, query_id, route, blocker_state, blocker_wait_type || ':' || blocker_wait_event AS blocker_wait,
                  blocker_query_id, blocker_route, sum(sessions)::DOUBLE / ? AS sessions, max(held_s)
           FROM blocking WHERE at_ns BETWEEN ? AND ? GROUP BY ALL
           ORDER BY sessions DESC, lock, mode, relation, query_id, route, blocker_state, blocker_wait, blocker_query_id, blocker_route""",
        [samples, *span],
        of=("blocking",),
    )
    return [Blocked(*row) for row in rows]


def _between(tables: Tables, samples: int, span: tuple[int, int]) -> list[Between]:
    rows = tables.rows(
        """SELECT lock, tenant, blocker_tenant, sum(sessions)::DOUBLE / ?
           FROM blocking WHERE at_ns BETWEEN ? AND ? GROUP BY ALL ORDER BY ALL""",
        [samples, *span],
        of=("blocking",),
    )
    return [Between(*row) for row in rows]
