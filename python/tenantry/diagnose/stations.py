"""The stations of a system that a run can see: how many servers each has, and how many of them were in use in each window of the load."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from tenantry.diagnose.evidence import OURS, Evidence
from tenantry.diagnose.windows import Column, Windows
from tenantry.validity import MOST_BUSY

FULL = 0.9
# Where somebody waits at a time, servers that are read once a second seem idle between two of their users.
FULL_WITH_QUEUE = 0.7
# As the rule event_loop_blocking has it, and above the bucket of a histogram that ends there.
_LATE_LOOP_S, _LATE_SHARE = 0.03, 0.35
_DOOR_SHARE, _DOOR_S = 0.4, 0.01
_THREADED = 1.15
# Workers share the work: what uses less than half of the busiest one is something else, such as a parent or a helper.
_WORKER = 0.5
_LEAST_WAITING = 0.05
_LOCKS = {"transactionid": "row lock", "tuple": "row lock", "advisory": "advisory lock", "relation": "table lock"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A station: `busy` are the servers in use in each window, None where nobody looked. `signs` say of a window why it is full without.

    `taken` are those of `busy` that requests hold: the others are there without requests. Servers that are counted by looks, so many a
    second, may be missed. `scales`: more requests take more; `compares`: what is seen at low load can be compared.
    """

    id: str
    title: str
    unit: str
    servers: float
    busy: Column
    full: float = FULL
    signs: dict[int, str] = field(default_factory=dict)
    taken: Column | None = None
    looks_per_s: float = math.inf
    scales: bool = True
    compares: bool = True

    @property
    def held(self) -> Column:
        """Servers that requests hold, in each window."""
        return self.busy if self.taken is None else self.taken

    @property
    def others(self) -> float:
        """Servers that are in use without requests, on average."""
        if self.taken is None:
            return 0.0
        beside = [busy - own for busy, own in zip(self.busy, self.taken, strict=True) if busy is not None and own is not None]
        return max(fmean(beside), 0.0) if beside else 0.0


def stations(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """All that were seen, in no order."""
    for find in (_pool, _pooler, _workers, _app, _database, _machine, _connections, _generator, _lock):
        yield from find(evidence, windows)


def _pool(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    size, in_use, queue = (windows.gauge(f"pool.{what}") for what in ("size", "in_use", "waiting"))
    most = max((value for value in size if value is not None), default=0.0)
    if most:
        signs = _queues(in_use, most, queue, "waited for it")
        yield Seen("app_pool", "the app's connection pool", "connections", most, in_use, signs=signs, looks_per_s=1)


def _pooler(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """The busiest of the pooler's pools."""
    facts = evidence.facts.get("pgbouncer") or {}
    names = evidence.readings.subjects("pooler.sv_active")
    if not facts or not names:
        return
    by_name = {name: windows.gauge("pooler.sv_active", wanted=_is(name)) for name in names}
    name = max(by_name, key=lambda each: windows.mean(by_name[each], windows.high) or 0.0)
    database: dict[str, object] = next((row for row in facts.get("databases", ()) if row.get("name") == name.partition("/")[0]), {})
    size = _number(database.get("pool_size")) or _number(facts.get("settings", {}).get("default_pool_size"))
    if size:
        queue = windows.gauge("pooler.cl_waiting", wanted=_is(name))
        signs = _queues(by_name[name], size, queue, "waited in it")
        yield Seen("pooler_pool", "the pooler's pool", "connections", size, by_name[name], signs=signs, looks_per_s=2)


def _workers(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """Workers that hold a request each: as many as were in the app at a time while others waited at its door, and neither its processor
    nor its event loop was busy.
    """
    inside, waits = windows.inside, windows.waits
    if not evidence.is_told:
        return
    late = _late(evidence, windows)
    cores = windows.gauge_of_rates("process.cpu_s", _is_worker)
    crowded = [
        at
        for at in range(windows.count)
        if (within := inside[at])
        and (door := max((waits[at] or 0.0) - within, 0.0)) >= _DOOR_SHARE * (door + within)
        and door >= _DOOR_S * windows.requests[at]
        and at not in late
        and (cores[at] or 0.0) < FULL_WITH_QUEUE
    ]
    if crowded:
        servers = max(round(windows.mean(inside, crowded) or 0.0), 1)
        yield Seen(
            "app_workers", "the app's workers", "requests", servers, inside, signs=dict.fromkeys(crowded, "requests waited at its door")
        )


def _app(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """A process with one thread that computes can use one core; others can use all."""
    rates = windows.rates("process.cpu_s")
    available = evidence.readings.last("cpu.cores")
    single = {name: column for name, column in rates.items() if name.startswith("app:")} or {
        name: column for name, column in rates.items() if name == "app"
    }
    means = {name: windows.mean(column, range(windows.count)) or 0.0 for name, column in single.items()}
    most = max(means.values(), default=0.0)
    working = [name for name, mean in means.items() if mean >= _WORKER * most]
    if not most or not available:
        return
    servers = available if most > _THREADED else min(len(working), available)
    busy = windows.folded([single[name] for name in working])
    yield Seen("app_cpu", "the app's processes", "cores", servers, busy, signs=_late(evidence, windows))


def _late(evidence: Evidence, windows: Windows) -> dict[int, str]:
    """Windows in which timers of the app's event loop were late, though there was a processor for it."""
    if evidence.held_share(evidence.part("app") + evidence.part("door") + evidence.travel) < _LATE_SHARE:
        return {}
    lag, machine = windows.gauge("loop.lag_s", fold=max), _machine_share(evidence, windows)
    late = [at for at, value in enumerate(lag) if (value or 0.0) >= _LATE_LOOP_S and (machine[at] or 0.0) < FULL]
    return dict.fromkeys(late, "its event loop was late")


def _database(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    cores = evidence.readings.last("cpu.cores")
    busy = windows.rates("process.cpu_s").get("postgres")
    if cores and busy:
        yield Seen("database_cpu", "the database's processors", "cores", cores, busy)


def _machine(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """All of the machine; processes that are neither the app's nor ours, and the observer, would be there without requests."""
    cores = evidence.readings.last("cpu.cores")
    rates = windows.rates("process.cpu_s")
    busy = windows.rates("cpu.busy_s").get("")
    if cores and busy:
        ours = windows.folded([rates[group] for group in OURS if group in rates])
        taken = ours if any(ours) else None
        yield Seen("machine_cpu", "the machine's processors", "cores", cores, busy, taken=taken)


def _machine_share(evidence: Evidence, windows: Windows) -> Column:
    seen = next(_machine(evidence, windows), None)
    return [None] * windows.count if seen is None else [None if busy is None else busy / seen.servers for busy in seen.busy]


def _connections(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """What the reserved ones leave. A pool holds its connections whether requests come or not."""
    most = _number(evidence.setting("max_connections"))
    reserved = (_number(evidence.setting("superuser_reserved_connections")) or 3) + (_number(evidence.setting("reserved_connections")) or 0)
    if evidence.is_sampled and most and most > reserved:
        busy = windows.gauge("sessions.all")
        yield Seen("connections", "max_connections", "connections", most - reserved, busy, scales=False)


def _generator(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    if any(value is not None for value in windows.generator):
        yield Seen("generator", "the generator", "cores", 1, windows.generator, full=MOST_BUSY)


def _lock(evidence: Evidence, windows: Windows) -> Iterator[Seen]:
    """The lock that most sessions wait for. It is held at least while somebody waits; when nobody does, that is not seen."""
    waiting: Counter[tuple[str, str, str]] = Counter()
    for each in evidence.sessions.blocked:
        waiting[_LOCKS.get(each.lock, f"{each.lock} lock"), each.query_id, each.relation] += each.sessions  # type: ignore[assignment]
    if not waiting or max(waiting.values()) < _LEAST_WAITING:
        return
    (kind, query_id, relation), _ = waiting.most_common(1)[0]
    shares, heads = windows.lock(query_id, relation)
    servers = max(round(heads), 1)
    busy: Column = [None if share is None else share * servers for share in shares]
    yield Seen("lock", f"the hottest {kind}", "locks", servers, busy, compares=False)


def _queues(busy: Sequence[float | None], servers: float, queue: Sequence[float | None], what: str) -> dict[int, str]:
    """Windows in which somebody waited at a time, and most servers were seen in use."""
    return {
        at: f"{waiting:.3g} {what} at a time"
        for at, waiting in enumerate(queue)
        if waiting is not None and waiting >= 1 and (busy[at] or 0.0) >= FULL_WITH_QUEUE * servers
    }


def _is(name: str) -> Callable[[str], bool]:
    return lambda subject: subject == name


def _is_worker(subject: str) -> bool:
    return subject.startswith("app:")


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
