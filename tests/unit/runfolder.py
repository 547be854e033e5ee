"""Synthetic run folders: raw samples in, the files that the engine's recorder would have written out.

The truth of a test is the raw list of samples; histograms are filled with the textbook definition of HdrHistogram, not tenantry's.
`python tests/unit/runfolder.py FOLDER [SECONDS [open|closed]]` writes a realistic run to look at.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

SECOND = 1_000_000_000
MS = 1_000_000
CHUNK_NS = 3 * SECOND // 2


@dataclass(slots=True)
class Request:
    """One request, in nanoseconds since the start of the load."""

    intended_ns: int
    start_ns: int
    end_ns: int
    name: str = "GET /"
    scenario: str = "visit"
    group: str = ""
    kind: str = ""
    status: int = 200
    detail: str = ""
    tenant: int = -1
    received: int = 500
    resent: int = 0
    late: bool = False

    @property
    def service_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def response_ns(self) -> int:
        return self.end_ns - self.intended_ns


@dataclass(slots=True)
class Iteration:
    """One iteration; `outcome` is completed, failed, errors, interrupted, or dropped or lost (then only `intended_ns` counts)."""

    intended_ns: int
    start_ns: int
    end_ns: int
    scenario: str = "visit"
    stream: str = "visit"
    outcome: str = "completed"
    due: bool = True
    script_ns: int = 100_000


@dataclass(slots=True)
class Reading:
    """The generator in one second."""

    second: int
    loop_busy: float = 0.2
    io_busy: float = 0.1
    process_cpu_s: float = 0.3
    rss_bytes: int = 80_000_000
    cores: float = 2.0
    hand_over_ns: Sequence[int] = (20_000, 30_000)


def rate_profile(rate: int, seconds: int) -> dict[str, Any]:
    return {"kind": "constant_rate", "rate": str(rate), "rate_per_s": float(rate), "duration_ns": seconds * SECOND, "max_vus": 50}


def vus_profile(vus: int, seconds: int) -> dict[str, Any]:
    return {"kind": "constant_vus", "vus": vus, "duration_ns": seconds * SECOND}


@dataclass
class RunFolder:
    """A run in the making; with `keeps_all` its samples are all requests.

    `write` lays it down; `elapsed_s` None makes it a run that was killed."""

    requests: list[Request] = field(default_factory=list)
    iterations: list[Iteration] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    checks: list[tuple[int, str, str, int, int]] = field(default_factory=list)
    vus: list[tuple[int, str, int]] = field(default_factory=list)
    events: list[tuple[int, str, str]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    streams: list[dict[str, Any]] = field(default_factory=list)
    thresholds: list[str] = field(default_factory=list)
    processes: int = 1
    keeps_all: bool = False
    elapsed_s: float | None = 10.0
    end: str | None = "finished"
    manifest: dict[str, Any] = field(default_factory=dict)

    def open_stream(self, rate: int, scenarios: Iterable[str] = ("visit",), name: str = "visit") -> None:
        self.streams.append(self._stream(name, rate_profile(rate, round(self.elapsed_s or 10)), scenarios))

    def closed_stream(self, vus: int, scenarios: Iterable[str] = ("visit",), name: str = "visit") -> None:
        self.streams.append(self._stream(name, vus_profile(vus, round(self.elapsed_s or 10)), scenarios))

    @staticmethod
    def _stream(name: str, profile: dict[str, Any], scenarios: Iterable[str]) -> dict[str, Any]:
        return {"name": name, "profile": profile, "scenarios": [[scenario, 1.0] for scenario in scenarios]}

    def write(self, folder: Path) -> Path:
        """Writes all files and returns the folder."""
        for part in ("series", "samples", "probes"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps(self._manifest(folder)))
        if self.errors:
            (folder / "errors.json").write_text(json.dumps(self.errors))
        with _database().cursor() as connection:
            _Writer(folder, connection).everything(self)
        return folder

    def _manifest(self, folder: Path) -> dict[str, Any]:
        scenarios = sorted({name for stream in self.streams for name, _ in stream["scenarios"]})
        plan = {
            "name": "clinic",
            "streams": self.streams,
            "scenarios": scenarios,
            "thresholds": self.thresholds,
            "processes": self.processes,
        }
        return {
            "schema": 1,
            "name": "clinic",
            "folder": str(folder),
            "tool_version": "0.1.0",
            "git": "0123abc",
            "started_at": "2026-01-05T08:00:00Z",
            "ended_at": None if self.end is None else "2026-01-05T08:00:20Z",
            "started_unix_ns": 1767600000 * SECOND,
            "load_start_ns": 0,
            "elapsed_ns": None if self.elapsed_s is None else round(self.elapsed_s * SECOND),
            "end": self.end,
            "target": "http://127.0.0.1:8000",
            "plan": plan,
            "dataset": {"name": "clinic", "tenants": 200, "rng_seed": 1},
            "rng_seed": 1,
            "machine": {"cpu": "a processor", "cores": 2, "memory_bytes": 8 * 2**30, "kernel": "6.1", "python": "3.11.2"},
            "command": ["tenantry", "run", "clinic.py:mixed"],
            "verdict": None,
            **self.manifest,
        }


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for all folders: opening one is a third of the work of a folder."""
    return duckdb.connect(":memory:")


def hdr_bucket(us: int) -> int:
    """`countsArrayIndex` of HdrHistogram's Java source for three digits and unit 1: 2048 sub-buckets, half of them used above the first."""
    us = min(us, 600_000_000)
    bucket = max(0, us.bit_length() - 11)
    return ((bucket + 1) << 10) + ((us >> bucket) - 1024)


def _histogram(values: Sequence[int]) -> tuple[int, int, list[int], list[int]]:
    counts = sorted(Counter(hdr_bucket(ns // 1000) for ns in values).items())
    return sum(values), max(values, default=0), [bucket for bucket, _ in counts], [count for _, count in counts]


_HISTOGRAM_TYPES = ("BIGINT", "BIGINT", "INTEGER[]", "BIGINT[]")


def _histogram_columns(name: str) -> dict[str, str]:
    return dict(zip((f"{name}_{part}" for part in ("sum_ns", "max_ns", "buckets", "counts")), _HISTOGRAM_TYPES, strict=True))


_KEY = {"second": "INTEGER", "scenario": "VARCHAR", "group": "VARCHAR", "name": "VARCHAR"}
_PHASES = ("blocked_ns", "dns_ns", "connect_ns", "tls_ns", "send_ns", "wait_ns", "receive_ns")
_HTTP = {
    **_KEY,
    **dict.fromkeys(("requests", "failures", "bytes_sent", "bytes_received"), "BIGINT"),
    **_histogram_columns("service"),
    **_histogram_columns("response"),
    **dict.fromkeys((*_PHASES, "connections", "resent"), "BIGINT"),
}
_ITERATIONS = {
    "second": "INTEGER",
    "stream": "VARCHAR",
    "scenario": "VARCHAR",
    **dict.fromkeys(("due", "started", "completed", "failed", "errors", "dropped", "interrupted", "script_ns"), "BIGINT"),
    **_histogram_columns("delay"),
    **_histogram_columns("duration"),
    "vus": "BIGINT",
}
_SAMPLES = {
    "id": "BIGINT",
    "scenario": "VARCHAR",
    "group": "VARCHAR",
    "name": "VARCHAR",
    "vu": "INTEGER",
    "iteration": "BIGINT",
    "tenant": "INTEGER",
    **dict.fromkeys(("intended_start_ns", "start_ns", "end_ns", *_PHASES), "BIGINT"),
    "status": "INTEGER",
    "kind": "VARCHAR",
    "detail": "VARCHAR",
    "bytes_sent": "BIGINT",
    "bytes_received": "BIGINT",
    **dict.fromkeys(("trace_id", "request", "response"), "VARCHAR"),
    "reason": "VARCHAR",
    "weight": "DOUBLE",
}
_TENANTS = {
    "tenant": "INTEGER",
    **dict.fromkeys(("requests", "failures", "sum_ns", "max_ns"), "BIGINT"),
    "buckets": "INTEGER[]",
    "counts": "BIGINT[]",
}
_GENERATOR = {
    "second": "INTEGER",
    **dict.fromkeys(("loop_busy", "io_busy", "process_cpu_s"), "DOUBLE"),
    "rss_bytes": "BIGINT",
    "cores": "DOUBLE",
    **_histogram_columns("hand_over"),
    "open_connections": "BIGINT",
}


def phases_ns(request: Request) -> tuple[int, ...]:
    """How a synthetic request's service time is split: a tenth sending, a tenth receiving, the rest waiting."""
    tenth = request.service_ns // 10
    return (0, 0, 0, 0, tenth, request.service_ns - 2 * tenth, tenth)


class _Writer:
    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.folder = folder
        self.connection = connection

    def everything(self, run: RunFolder) -> None:
        self.requests(run.requests, every=1 if run.keeps_all else 10)
        self.iterations(run)
        self.table("tenants.parquet", _TENANTS, list(_tenant_rows(run.requests)))
        self.table("events.parquet", {"at_ns": "BIGINT", "kind": "VARCHAR", "text": "VARCHAR"}, run.events)
        checks = [(second, scenario, "", name, passes, fails) for second, scenario, name, passes, fails in run.checks]
        self.table("series/checks-000001.parquet", {**_KEY, "passes": "BIGINT", "fails": "BIGINT"}, checks)
        rows = [
            (r.second, r.loop_busy, r.io_busy, r.process_cpu_s, r.rss_bytes, r.cores, *_histogram(r.hand_over_ns), 5) for r in run.readings
        ]
        self.table("probes/generator-000001.parquet", _GENERATOR, rows)

    def requests(self, requests: Sequence[Request], *, every: int) -> None:
        chunks: dict[int, list[tuple[int, Request]]] = defaultdict(list)
        for number, request in enumerate(requests):
            chunks[request.end_ns // CHUNK_NS + request.late].append((number, request))
        for chunk, numbered in chunks.items():
            keyed: dict[tuple[int, str, str, str], list[Request]] = defaultdict(list)
            for _, request in numbered:
                keyed[request.end_ns // SECOND, request.scenario, request.group, request.name].append(request)
            self.table(f"series/http-{chunk:06}.parquet", _HTTP, [(*key, *_http_row(rows)) for key, rows in keyed.items()])
            failed = [(*key, kind, count) for key, rows in keyed.items() for kind, count in Counter(r.kind for r in rows if r.kind).items()]
            self.table(f"series/failures-{chunk:06}.parquet", {**_KEY, "kind": "VARCHAR", "count": "BIGINT"}, failed)
            kept = [_sample_row(number, request, every) for number, request in numbered if request.kind or number % every == 0]
            self.table(f"samples/requests-{chunk:06}.parquet", _SAMPLES, kept)

    def iterations(self, run: RunFolder) -> None:
        keyed: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
        delays: dict[tuple[int, str, str], list[int]] = defaultdict(list)
        durations: dict[tuple[int, str, str], list[int]] = defaultdict(list)
        for one in run.iterations:
            at = [(ns // SECOND, one.stream, one.scenario) for ns in (one.intended_ns, one.start_ns, one.end_ns)]
            keyed[at[0]]["due"] += one.due
            if one.outcome in ("dropped", "lost"):
                keyed[at[0]][one.outcome] += 1
                continue
            keyed[at[1]]["started"] += 1
            keyed[at[2]][one.outcome] += 1
            keyed[at[2]]["script_ns"] += one.script_ns
            delays[at[1]].append(one.start_ns - one.intended_ns)
            durations[at[2]].append(one.end_ns - one.start_ns)
        names = ("due", "started", "completed", "failed", "errors", "dropped", "interrupted", "script_ns")
        rows: list[tuple[Any, ...]] = [
            (*key, *(counts[name] for name in names), *_histogram(delays[key]), *_histogram(durations[key]), 0)
            for key, counts in keyed.items()
        ]
        rows += [(second, stream, "", *[0] * 8, *_histogram([]), *_histogram([]), vus) for second, stream, vus in run.vus]
        half = len(rows) // 2
        for chunk, (start, end) in enumerate(pairwise((0, half, len(rows))), 1):
            self.table(f"series/iterations-{chunk:06}.parquet", _ITERATIONS, rows[start:end])

    def table(self, path: str, columns: dict[str, str], rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        values = [list(column) for column in zip(*rows, strict=True)]
        select = ", ".join(f'unnest(?::{kind}[]) AS "{name}"' for name, kind in columns.items())
        select += ", MAP {}::MAP(VARCHAR, VARCHAR) AS tags" if path.startswith("series/") else ""
        target = str(self.folder / path).replace("'", "''")
        self.connection.execute(f"COPY (SELECT {select}) TO '{target}' (FORMAT parquet)", values)


def _http_row(rows: Sequence[Request]) -> tuple[Any, ...]:
    counted = (len(rows), sum(bool(row.kind) for row in rows), 100 * len(rows), sum(row.received for row in rows))
    phases = (sum(column) for column in zip(*map(phases_ns, rows), strict=True))
    service, response = _histogram([row.service_ns for row in rows]), _histogram([row.response_ns for row in rows])
    return (*counted, *service, *response, *phases, 0, sum(row.resent for row in rows))


def _sample_row(number: int, request: Request, every: int) -> tuple[Any, ...]:
    key = (number, request.scenario, request.group, request.name, 0, number, request.tenant)
    times = (request.intended_ns, request.start_ns, request.end_ns, *phases_ns(request))
    reason = "failure" if request.kind else "uniform"
    exchange = (f"{number:032x}", *((f"{request.name} HTTP/1.1", str(request.status)) if request.kind else ("", "")))
    weight = 1.0 if request.kind else float(every)
    return (*key, *times, request.status, request.kind, request.detail, 100, request.received, *exchange, reason, weight)


def _tenant_rows(requests: Sequence[Request]) -> Iterable[tuple[Any, ...]]:
    tenants: dict[int, list[Request]] = defaultdict(list)
    for request in requests:
        if request.tenant >= 0:
            tenants[request.tenant].append(request)
    for tenant, rows in sorted(tenants.items()):
        times = [row.response_ns for row in rows]
        sketch = sorted(Counter(math.floor(math.log(max(ns / 1000, 1.0), 1.04)) for ns in times).items())
        failed = sum(bool(row.kind) for row in rows)
        buckets, counts = [bucket for bucket, _ in sketch], [count for _, count in sketch]
        yield (tenant, len(rows), failed, sum(times), max(times), buckets, counts)


_ENDPOINTS = (
    ("dashboard", "", "GET /api/dashboard", 35, 40),
    ("appointments", "", "GET /api/appointments", 20, 25),
    ("patients", "", "GET /api/patients/{id}", 15, 18),
    ("booking", "booking", "GET /api/appointments/slots", 10, 30),
    ("booking", "booking", "POST /api/appointments", 10, 90),
    ("search", "", "GET /api/search", 10, 120),
)


def clinic_run(seconds: int = 20, rate: int = 100, *, seed: int = 1, is_open: bool = True, speed: float = 1.0) -> RunFolder:
    """A mixed workload on the clinic with log-normal times, a few failures of several kinds, and late rows. `speed` 2 halves all times."""
    rng = random.Random(seed)
    run = RunFolder(
        elapsed_s=float(seconds), thresholds=["response_time p95 < 500ms", "failures < 2%", "checks > 99%", "throughput > 50/s"]
    )
    scenarios = tuple(dict.fromkeys(endpoint[0] for endpoint in _ENDPOINTS))
    (run.open_stream if is_open else run.closed_stream)(rate, scenarios, "mixed")
    weights = [endpoint[3] for endpoint in _ENDPOINTS]
    for number in range(seconds * rate):
        scenario, group, name, _, typical_ms = rng.choices(_ENDPOINTS, weights)[0]
        intended = number * SECOND // rate
        if is_open and rng.random() < 0.002:
            run.iterations.append(Iteration(intended, 0, 0, scenario, "mixed", "dropped"))
            continue
        start = intended + round(rng.expovariate(1 / 150_000))
        end = start + round(typical_ms / speed * MS * rng.lognormvariate(0, 0.5))
        failure = _failure(rng)
        received = rng.randrange(200, 5000)
        late = rng.random() < 0.1
        request = Request(intended, start, end, name, scenario, group, *failure, rng.randrange(200), received, late)
        run.requests.append(request)
        outcome = "failed" if request.kind else "errors" if rng.random() < 0.001 else "completed"
        run.iterations.append(Iteration(intended, start, end + 50_000, scenario, "mixed", outcome, is_open))
    errors = sum(one.outcome == "errors" for one in run.iterations)
    if errors:
        at = {"location": "clinic.py:41", "count": errors, "first_second": 3}
        run.errors.append({"scenario": "booking", "message": "KeyError: 'slots'", **at})
    for second in range(seconds):
        run.checks.append((second, "dashboard", "own clinic", 30, 0))
        run.checks.append((second, "booking", "booking can be read back", 9, int(second % 7 == 0)))
        run.readings.append(
            Reading(second, loop_busy=0.3 + 0.1 * rng.random(), hand_over_ns=[rng.randrange(5_000, 90_000) for _ in range(50)])
        )
        run.vus.append((second, "mixed", rng.randrange(5, 20)))
    run.events.append((0, "load", "mixed: 100/s for 20s"))
    return run


def _failure(rng: random.Random) -> tuple[str, int, str]:
    lot = rng.random()
    if lot < 0.004:
        return "status", 500, "500 Internal Server Error: deadlock detected"
    if lot < 0.006:
        return "timeout", 0, "no answer within 10 s"
    return ("reset", 0, "connection reset by peer") if lot < 0.007 else ("", 200, "")


if __name__ == "__main__":
    where, length, load = (*sys.argv[1:], "20", "open")[:3] if len(sys.argv) < 3 else (*sys.argv[1:], "open")[:3]
    print(clinic_run(int(length), is_open=load == "open").write(Path(where)))
