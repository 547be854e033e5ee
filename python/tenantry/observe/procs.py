"""What the processes of the app, of Postgres and of the load take from this machine, once a second."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from tenantry.observe import cgroup, sockets
from tenantry.observe.groups import APP, Place, heads, members, places
from tenantry.observe.linux import Values
from tenantry.observe.probe import Blind, Pace
from tenantry.observe.processes import Process, everybody, most_files, open_files, process, switches
from tenantry.observe.recorder import Recorder
from tenantry.observe.settings import Observing

MOST_SINGLE = 16
# Whose sockets lead where is looked up again when nobody of a group is left, but not all the time.
_SEARCH_S = 5.0
_FAMILIES_S = 2.0
# Files of their own for every process, and the sockets of the machine.
_DETAILS_S = 2.0


@dataclass
class Processes:
    """CPU seconds, threads and memory by group, and of single processes where a group has few; less often descriptors, context switches,
    what control groups hold back and connections that wait to be accepted."""

    settings: Observing
    recorder: Recorder
    root: Path = Path("/")
    name: str = "processes"
    every_s: float = 1.0
    notes: list[str] = field(default_factory=list)
    _places: list[Place] = field(default_factory=list)
    _roots: dict[str, set[int]] = field(default_factory=dict)
    _members: dict[str, set[int]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _total_s: dict[str, float] = field(default_factory=dict)
    _last_s: dict[str, float] = field(default_factory=dict)
    _search: Pace = field(default_factory=lambda: Pace(_SEARCH_S))
    _families: Pace = field(default_factory=lambda: Pace(_FAMILIES_S))
    _details: Pace = field(default_factory=lambda: Pace(_DETAILS_S))

    def open(self) -> None:
        if not (self.root / "proc/self/stat").exists():
            raise Blind("this system has no /proc: the processes are not watched")
        self._places = list(places(self.settings))

    def close(self) -> None:
        """There is nothing to let go of."""

    def read(self) -> None:
        at_ns = self.recorder.now_ns()
        with self._families.turn(time.monotonic()) as due:
            if due:
                self._find()
        found = {
            group: [each for pid in sorted(pids) if (each := process(self.root, pid)) is not None] for group, pids in self._members.items()
        }
        values: Values = {}
        for group, processes in found.items():
            values |= self._taken(group, processes)
        with self._details.turn(time.monotonic()) as due:
            if due:
                # Mostly all of them are in the same groups.
                limits = cache(partial(cgroup.limits, self.root))
                for group, processes in found.items():
                    values |= self._detailed(group, processes, limits)
                values |= self._queues()
        self.recorder.readings(at_ns, self.name, values)

    def _queues(self) -> Values:
        """Connections that wait to be accepted."""
        values: defaultdict[tuple[str, str], float] = defaultdict(float)
        for listener in sockets.listeners(self.root, [place.port for place in self._places]):
            group = next(place.group for place in self._places if place.port == listener.port)
            values["listener.queue", group] += listener.queue
        return dict(values)

    def _find(self) -> None:
        """Who belongs to which group by now."""
        known = everybody(self.root)
        gone = [place for place in self._places if not self._roots.get(place.group, set()) & known.keys()]
        with self._search.turn(time.monotonic()) as due:
            for place in gone if due else ():
                self._roots[place.group] = heads(self.root, place, known)
        roots = {**self._roots, APP: self._roots.get(APP, set()) | set(self.settings.app_pids)}
        self._members = members(roots, known, loads=self.settings.loads)
        self._seen |= self._members.keys()
        hidden = [place for place in self._places if place.group not in self._seen]
        self.notes = [
            f"whose process listens on port {place.port} ({place.group}) cannot be seen: {_REMEDY[place.group]}" for place in hidden
        ]

    def _taken(self, group: str, found: Sequence[Process]) -> Values:
        self._spend(group, sum(each.cpu_s + each.reaped_s for each in found))
        values: Values = {
            ("process.cpu_s", group): self._total_s[group],
            ("process.count", group): float(len(found)),
            ("process.threads", group): float(sum(each.threads for each in found)),
            ("process.rss_bytes", group): float(sum(each.resident_bytes for each in found)),
        }
        for each in found if len(found) <= MOST_SINGLE else ():
            subject = f"{group}:{each.pid}"
            values["process.cpu_s", subject] = each.cpu_s
            values["process.threads", subject] = float(each.threads)
            values["process.rss_bytes", subject] = float(each.resident_bytes)
        return values

    def _detailed(self, group: str, found: Sequence[Process], limits: Callable[[str], Mapping[str, float]]) -> Values:
        values: Values = {}
        files = {each.pid: count for each in found if (count := open_files(self.root, each.pid)) is not None}
        if files:
            values["process.open_files", group] = sum(files.values())
        if switched := [both for each in found if (both := switches(self.root, each.pid)) is not None]:
            values["process.voluntary_switches", group] = sum(given for given, _ in switched)
            values["process.involuntary_switches", group] = sum(taken for _, taken in switched)
        if found:
            held = limits(cgroup.memberships(self.root, str(found[0].pid)))
            values |= {(f"cgroup.{name}", group): value for name, value in held.items()}
        for pid, count in files.items() if len(found) <= MOST_SINGLE else ():
            values["process.open_files", f"{group}:{pid}"] = count
            if (limit := most_files(self.root, pid)) is not None:
                values["process.most_files", f"{group}:{pid}"] = limit
        return values

    def _spend(self, group: str, now_s: float) -> None:
        """A family's time never falls: where one of it has gone that nobody waited for, its last part is lost."""
        self._total_s[group] = self._total_s.get(group, now_s) + max(now_s - self._last_s.get(group, now_s), 0.0)
        self._last_s[group] = now_s


_REMEDY = {APP: "name the app's processes with observe.app_pids, or run as the user of the app"}
_REMEDY |= dict.fromkeys(("postgres", "pgbouncer"), "run as its user, or as root")
