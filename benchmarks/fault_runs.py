"""One load on the clinic, with a fault or without, on a database that is a copy of a seeded one."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from tenantry.postgres import find_postgres, start_postgres
from tenantry.processes import answers_http, free_port, start
from tenantry_clinic import faults
from tenantry_clinic.faults._model import Fault

PYTHON = (sys.executable, "-m")
TODAY, WARM_UP, LAY_S, LOAD_S = "2026-01-05", "2s", 120, 120
DATASET = "tenantry_clinic.dataset:clinic"
WAITS = """
SELECT coalesce(wait_event_type || ':' || wait_event, 'running') AS wait, count(*) AS sessions FROM pg_stat_activity
WHERE datname = $1 AND state = 'active' AND pid <> pg_backend_pid() GROUP BY 1
"""
GROWING = ("deadlocks", "temp_bytes", "blks_read", "blks_hit", "xact_rollback")
COUNTS = f"SELECT {', '.join(GROWING)} FROM pg_stat_database WHERE datname = $1"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one load came to: times in milliseconds, the share that failed of requests or of checks, what the sessions waited for."""

    p50: float
    p95: float
    throughput: float
    failed: float
    waits: Mapping[str, float]
    counts: Mapping[str, int]


class Stage:
    """Databases with so many clinics, each a copy of one that was seeded once, on a throwaway server with these settings."""

    def __init__(self, stack: ExitStack, settings: Mapping[str, str], tenants: int) -> None:
        postgres = stack.enter_context(start_postgres(find_postgres(), settings=settings))
        self.server, self._numbers = postgres.dsn, itertools.count()
        self._execute("CREATE DATABASE seeded")
        if postgres.source.has_pg_stat_statements:
            asyncio.run(_execute(self.dsn("seeded"), "CREATE EXTENSION pg_stat_statements"))
        tenantry("seed", DATASET, "--tenants", str(tenants), limit_s=120, DATABASE_URL=self.dsn("seeded"))

    def dsn(self, name: str) -> str:
        return f"{self.server.rpartition('/')[0]}/{name}"

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The name of a new copy."""
        name = f"copy_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE seeded")
        try:
            yield name
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        asyncio.run(_execute(self.server, statement))


def measure(stage: Stage, name: str, value: float, *, wrong: bool, seconds: int) -> Figures:
    """Load the app at the rate at which the fault shows, with it or without."""
    fault = faults.fault(name)
    with served(stage, name, value, wrong=wrong) as (port, database, folder):
        _load(fault, port, WARM_UP, folder)
        with watched(stage.server, database) as seen:
            told = _load(fault, port, f"{seconds}s", folder)
    return figures_of(told, *seen)


@contextmanager
def served(stage: Stage, name: str, value: float, *, wrong: bool, beside: str = "") -> Iterator[tuple[int, str, str]]:
    """The app with a fault, or with its surroundings and nothing wrong: its port, its database, and a folder that goes with it.

    `beside` is a second fault, with the value that it has by default.
    """
    fault = faults.fault(name)
    with stage.copy() as database, tempfile.TemporaryDirectory(prefix="tenantry-faults-") as folder:
        dsn = stage.dsn(database)
        if not wrong and (scene := fault.script(fault.scene, value)):
            asyncio.run(_execute(dsn, scene))
        port, chosen = (
            free_port(),
            faults.text(_laid(name, value, fault, wrong=wrong) | ({beside: faults.fault(beside).default} if beside else {})),
        )
        command = [*PYTHON, "tenantry_clinic", "serve", "--port", port, "--pool", fault.shown.pool, "--workers", fault.shown.workers]
        environment = {**os.environ, "CLINIC_DSN": dsn, "CLINIC_TODAY": TODAY, "CLINIC_FILES": folder, faults.VARIABLE: chosen}
        with start([*map(str, command)], name=f"the clinic with {name}", log=Path(folder) / "app.log", env=environment) as app:
            app.stop_timeout_s = LAY_S
            app.wait_until(partial(answers_http, port, "/api/health"), timeout_s=LAY_S)
            yield port, database, folder


def _laid(name: str, value: float, fault: Fault, *, wrong: bool) -> dict[str, float]:
    """The fault, or its surroundings with nothing wrong in them, or nothing."""
    if wrong:
        return {name: value}
    return {} if fault.healthy is None else {name: fault.healthy}


def _load(fault: Fault, port: int, duration: str, folder: str) -> dict[str, Any]:
    shown = fault.shown
    where = ["--target", f"http://127.0.0.1:{port}", "--runs", f"{folder}/runs", "--tenants", str(shown.tenants)]
    how = ["--set", f"rate={shown.rate}", "--set", f"duration={duration}"]
    return tenantry("run", f"{faults.LOADS}:{shown.workload}", *where, *how, limit_s=LOAD_S)


def figures_of(told: Mapping[str, Any], waits: Counter[str], counts: Mapping[str, int]) -> Figures:
    """From what `tenantry run --json` told and what `watched` saw."""
    totals, checks = told["totals"], told["checks"]
    p50, p95 = ((totals["response_time_s"][name] or 0) * 1000 for name in ("p50", "p95"))
    checked, wrong = (sum(check[what] for check in checks) for what in ("passes", "fails"))
    failed = max(totals["failures"] / max(totals["requests"], 1), wrong / max(checked + wrong, 1))
    samples = max(sum(waits.values()), 1)
    shares = {wait: round(count / samples, 3) for wait, count in waits.most_common(5)}
    return Figures(p50, p95, totals["throughput"], failed, shares, dict(counts))


def tenantry(*arguments: str, limit_s: float, **environment: str) -> dict[str, Any]:
    """What a command of tenantry prints as JSON."""
    command = [*PYTHON, "tenantry", *arguments, "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False, env={**os.environ, **environment})
    if not done.stdout:
        raise RuntimeError(f"{' '.join(command)} has told nothing: {done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@contextmanager
def watched(server: str, database: str) -> Iterator[tuple[Counter[str], dict[str, int]]]:
    """What the sessions of a database wait for, ten times a second, and how its counters have grown at the end of the block."""
    waits: Counter[str] = Counter()
    grown: dict[str, int] = {}
    over = threading.Event()

    async def watch() -> None:
        connection = await asyncpg.connect(server)
        try:
            before = await connection.fetchrow(COUNTS, database)
            while not over.is_set():
                waits.update({row["wait"]: row["sessions"] for row in await connection.fetch(WAITS, database)})
                await asyncio.sleep(0.1)
            after = await connection.fetchrow(COUNTS, database)
            grown.update({name: after[name] - before[name] for name in GROWING} if before and after else {})
        finally:
            await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(watch()))
    thread.start()
    try:
        yield waits, grown
    finally:
        over.set()
        thread.join()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statement, timeout=LAY_S)
    finally:
        await connection.close()
