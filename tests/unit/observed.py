"""Observed runs that were never run: endpoints with the parts of their time, sessions, counters and facts of a catalog, as a run folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb
from runfolder import MS, SECOND, Iteration, Reading, Request, RunFolder

from tenantry.diagnose.answer import diagnose
from tenantry.diagnose.model import Diagnosis, Finding
from tenantry.results import open_run
from tenantry.results.tables import TABLES

TIMING = {
    **dict.fromkeys(("scenario", "group", "name", "metric"), "VARCHAR"),
    **dict.fromkeys(("second", "count", "sum_ns", "max_ns"), "BIGINT"),
}
EACH_S = 0.1
CLIENT = "client backend"


@dataclass
class Scene:
    """A load of ten seconds, as it is built up. Times are in milliseconds, sessions are at a time, counters grow evenly.

    With `rates` the load is one of so many iterations in each second, of one request each.
    """

    seconds: int = 10
    rates: Sequence[int] = ()
    run: RunFolder = field(default_factory=RunFolder)
    timing: list[tuple[Any, ...]] = field(default_factory=list)
    readings: list[tuple[Any, ...]] = field(default_factory=list)
    activity: list[tuple[Any, ...]] = field(default_factory=list)
    blocking: list[tuple[Any, ...]] = field(default_factory=list)
    postgres: dict[str, Any] = field(
        default_factory=lambda: {"statements": {}, "plans": [], "tables": [], "indexes": [], "policies": [], "functions": [], "missing": []}
    )

    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seconds = len(self.rates) or self.seconds
        self.run.elapsed_s = float(self.seconds)
        self.run.open_stream(50)
        if self.rates:
            stages = [{"duration_ns": SECOND, "target": str(rate)} for rate in self.rates]
            self.run.streams[0]["profile"] = {"kind": "ramping_rate", "start": str(self.rates[0]), "stages": stages, "max_vus": 500}
        self.run.readings = [Reading(second) for second in range(self.seconds)]
        for turn in range(round(self.seconds / EACH_S)):
            self.readings.append((round(turn * EACH_S * SECOND), "postgres.activity", "sessions", "", 10.0))
        for second in (0, self.seconds):
            self.readings.append((second * SECOND, "postgres.counters", "snapshot", "", 1.0))

    def endpoint(
        self,
        name: str = "GET /",
        *,
        rate: int = 50,
        bytes_each: int = 500,
        failed: float = 0.0,
        detail: str = "",
        late: float = 0.0,
        during: range | None = None,
        **parts: float,
    ) -> None:
        """Requests of `rate` a second, in some seconds or in all; `parts` are pool, db, ext, app by the app's word, and door, which it
        does not see.
        """
        took = sum(parts.values()) * MS
        # A tenth each is sending and receiving in these synthetic runs.
        service = round(took / 0.8)
        starts = [at for at in self._starts(rate) if during is None or at // SECOND in during]
        count = len(starts)
        for number, at in enumerate(starts):
            wrong = number < failed * count
            kind, status = ("status", int(detail[:3])) if wrong else ("", 200)
            start = at + round(late * MS)
            request = Request(
                at, start, start + service, name, kind=kind, status=status, detail=detail if wrong else "", tenant=number % 20
            )
            request.received = bytes_each
            self.run.requests.append(request)
            if self.rates:
                self.run.iterations.append(Iteration(at, start, start + service))
        for second, ended in Counter((start + service) // SECOND for start in starts).items():
            for part in ("pool", "db", "ext", "app"):
                self.timing.append(("visit", "", name, part, second, ended, round(parts.get(part, 0.0) * MS * ended), 0))

    def _starts(self, rate: int) -> Iterator[int]:
        for second, each in enumerate(self.rates or [rate] * self.seconds):
            yield from (second * SECOND + round(number * SECOND / each) for number in range(each))

    def sessions(
        self, number: float, state: str = "active", wait: str = "", *, query_id: str = "", route: str = "", tenant: str = "",
        old_s: float = 0.1, samples: range | None = None,
    ) -> None:  # fmt: skip
        """Sessions that do the same in each sample, or in some of them."""
        kind, _, event = wait.partition(":")
        turns = range(round(self.seconds / EACH_S)) if samples is None else samples
        owed = 0.0
        for turn in turns:
            owed += number
            now, owed = int(owed), owed - int(owed)
            if now:
                at = round(turn * EACH_S * SECOND)
                self.activity.append((at, CLIENT, state, kind, event, query_id, route, tenant, now, old_s, old_s))

    def blocked(
        self, number: int, lock: str, *, mode: str = "ShareLock", relation: str = "", query_id: str = "", blocker: str = "active",
        tenant: str = "", holder: str = "",
    ) -> None:  # fmt: skip
        """Sessions that wait for a lock, and who is at the head of the queue."""
        for turn in range(round(self.seconds / EACH_S)):
            who = ("1", blocker, "", "", "", "", holder)
            self.blocking.append((round(turn * EACH_S * SECOND), lock, mode, relation, query_id, "", tenant, *who, number, 0.5, 0.5))

    def grows(self, metric: str, by: float | Sequence[float], subject: str = "") -> None:
        """A counter, by so much in all, or in each second."""
        steps = [by] if isinstance(by, (int, float)) else by
        each = self.seconds * SECOND // len(steps)
        values = accumulate(steps, initial=100.0)
        self.readings += [(place * each, "postgres.counters", metric, subject, value) for place, value in enumerate(values)]

    def gauge(self, metric: str, value: float | Sequence[float], subject: str = "") -> None:
        """A value that stays, or one for each second."""
        values = [value] * self.seconds if isinstance(value, (int, float)) else value
        self.readings += [(second * SECOND, "app", metric, subject, value) for second, value in enumerate(values)]

    def statement(
        self, number: str, text: str, *, calls: int, ms: float, rows: float = 1, blocks: float = 3, temp: float = 0, plan: Any = None
    ) -> None:
        """A statement as pg_stat_statements counts it; figures are per call."""
        self.postgres["statements"][number] = text
        if plan is not None:
            self.postgres["plans"].append({"query_id": number, "plan": plan})
        counted = {"calls": 1.0, "total_exec_time": ms, "rows": rows, "shared_blks_hit": blocks, "temp_blks_written": temp}
        for metric, each in counted.items():
            self.grows(f"statement.{metric}", calls * each, number)

    def table(self, name: str, **facts: Any) -> None:
        """A table of the catalog, with row-level security on clinic_id unless told otherwise."""
        self.postgres["tables"].append({"schema": "public", "name": name, "rows": 100_000, "secured": True, "analyzed": "now", **facts})
        policy = "(clinic_id = ( SELECT (NULLIF(current_setting('app.clinic_id'::text, true), ''::text))::bigint))"
        self.postgres["policies"].append({"schema": "public", "table": name, "qual": facts.get("policy", policy), "with_check": None})

    def index(self, table: str, *columns: str) -> None:
        """An index of a table."""
        entry = {"schema": "public", "table": table, "name": f"{table}_idx", "columns": columns, "definition": f"({', '.join(columns)})"}
        self.postgres["indexes"].append(entry)

    def calm(
        self, *, pool: int = 10, in_use: float = 1.0, lag: float = 0.001, app: float = 0.2, postgres: float = 0.2, busy: float = 0.3
    ) -> None:
        """The app's own figures and the processors, all of them unsuspicious."""
        for metric, value in (("pool.size", pool), ("pool.in_use", in_use), ("pool.waiting", 0.0), ("loop.lag_s", lag), ("cpu.cores", 2.0)):
            self.gauge(metric, value)
        for group, cores in (("app", app), ("app:7", app), ("postgres", postgres)):
            self.grows("process.cpu_s", [cores] * self.seconds, group)
        self.grows("cpu.busy_s", [busy * 2] * self.seconds)

    def diagnosed(self, folder: Path) -> Diagnosis:
        """Written down, opened, diagnosed."""
        self.write(folder)
        with open_run(folder) as opened:
            return diagnose(opened)

    def write(self, folder: Path) -> None:
        """As a run folder."""
        self.run.write(folder)
        tables = {"readings": self.readings, "activity": self.activity, "blocking": self.blocking}
        with duckdb.connect() as connection:
            for name, rows in tables.items():
                _write(connection, folder / TABLES[name].files.replace("*", "0"), TABLES[name].columns, rows)
            _write(
                connection, folder / "series/server_timing-0.parquet", dict(zip(_ORDER, map(TIMING.get, _ORDER), strict=True)), self.timing
            )
        (folder / "probes/facts.json").write_text(json.dumps({"postgres": self.postgres, **self.facts}))


_ORDER = ("scenario", "group", "name", "metric", "second", "count", "sum_ns", "max_ns")


def _write(connection: Any, path: Path, columns: Any, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        select = ", ".join(f'unnest(?::{kind}[]) AS "{name}"' for name, kind in columns.items())
        connection.execute(f"COPY (SELECT {select}) TO '{path}' (FORMAT parquet)", [list(column) for column in zip(*rows, strict=True)])


def problems(diagnosis: Diagnosis) -> list[str]:
    """The classes that are named as problems, by rank."""
    return [finding.id for finding in diagnosis.findings if finding.kind == "problem"]


def first(diagnosis: Diagnosis) -> Finding:
    """The first finding."""
    return diagnosis.findings[0]


def scan(table: str, *, kept: str = "", index: str = "", condition: str = "") -> dict[str, Any]:
    """A node of a plan that reads a table."""
    node = {"Node Type": "Index Scan" if index else "Seq Scan", "Schema": "public", "Relation Name": table, "Plan Rows": 10}
    return {**node, "Filter": kept, **({"Index Name": index, "Index Cond": condition} if index else {})}
