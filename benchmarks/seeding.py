"""`python -m benchmarks.seeding`: how long a dataset takes into Postgres, beside what Postgres itself needs for the same rows.

The floor is a server-side `COPY ... FROM file (FORMAT binary)` of the same rows into new tables, then the same constraints, indexes,
policies and ANALYZE, in one transaction: nothing is generated, and nothing crosses a socket.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import click
from benchmarks import machine
from benchmarks.machine import Cores
from benchmarks.process import run_pinned
from benchmarks.results_file import write
from benchmarks.seeding_peers import measured

from tenantry.datasets.population import Population
from tenantry.postgres import Postgres, find_postgres, start_postgres
from tenantry_clinic.dataset import clinic

DATASET = "tenantry_clinic.dataset:clinic"
TENANTRY = str(Path(sys.executable).with_name("tenantry"))
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Server:
    """A throwaway Postgres, a new database of it for each measurement."""

    postgres: Postgres

    def dsn(self, database: str) -> str:
        return f"{self.postgres.dsn.rpartition('/')[0]}/{database}"

    def fresh(self, database: str) -> str:
        """The DSN of a new, empty database."""
        run(self.postgres.dsn, f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        return self.dsn(database)


def run(dsn: str, *statements: str) -> Any:
    """Execute statements in one session; the first value of the last one."""

    async def work() -> Any:
        connection = await asyncpg.connect(dsn, timeout=30)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement, timeout=600)
            return await connection.fetchval(statements[-1], timeout=600)
        finally:
            await connection.close()

    return asyncio.run(work())


SOMEBODY_ELSE = "INSERT INTO clinics VALUES (900000000, 'san-jose', 'n', 'c', 'p', '2020-01-01', '2020-01-01')"


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def tenantry(dsn: str, *arguments: str) -> tuple[dict[str, Any], int]:
    """What a command of tenantry prints as JSON, and its largest resident size in bytes."""
    command = [TENANTRY, *arguments, "--json", "--quiet"]
    ended = run_pinned(command, Cores.choose().generator, environment={"DATABASE_URL": dsn}, limit_s=900)
    if ended.code:
        raise SystemExit(f"tenantry {' '.join(arguments)} failed:\n{ended.stderr}")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told, ended.rss_bytes


def generated(tenants: int) -> tuple[int, float]:
    """Rows, and the seconds that computing and encoding all of them takes on one core."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as spec:
        spec.write(clinic.as_json())
        spec.flush()
        command = ["cargo", "run", "--quiet", "--release", "-p", "tenantry-core", "--example", "generate", "--"]
        done = subprocess.run([*command, spec.name, str(tenants), "1"], cwd=ROOT, capture_output=True, text=True, check=True)
    rows, _, seconds = done.stdout.split()
    return int(rows), float(seconds)


def floor(server: Server, source: str, folder: str) -> float:
    """Seconds of the server's own way: tables, COPY from files, constraints, ANALYZE."""
    tables = list(clinic.tables)
    columns = {table: ", ".join(f'"{name}"' for name in Population(clinic, 1).columns(table)) for table in tables}
    for table in tables:
        run(server.dsn(source), f"COPY {table} ({columns[table]}) TO '{folder}/{table}.bin' (FORMAT binary)", "SELECT 1")
    assert clinic.schema is not None and clinic.constraints is not None
    dsn = server.fresh("floor")
    copies = [f"COPY {table} ({columns[table]}) FROM '{folder}/{table}.bin' (FORMAT binary, FREEZE)" for table in tables]
    analyze = [f"ANALYZE {table}" for table in tables]
    statements = ["BEGIN", clinic.schema.read_text(), *copies, clinic.constraints.read_text(), *analyze, "COMMIT", "SELECT 1"]
    return timed(lambda: run(dsn, *statements))


@click.command()
@click.option("--tenants", default=10_000, show_default=True, type=click.IntRange(1), help="Clinics; 10,000 make 5.5 million rows.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
def main(tenants: int, rounds: int) -> None:
    """Seed the clinic, beside the server's own COPY of the same rows; print a table and write benchmarks/results/<date>.json."""
    rows, alone = generated(tenants)
    seeds, floors, cleans, verifies, memory = [], [], [], [], []
    with start_postgres(find_postgres()) as postgres:
        server = Server(postgres)
        # A file that the server may write and read: in its own folder.
        folder = run(postgres.dsn, "SHOW data_directory")
        for _ in range(rounds):
            dsn = server.fresh("seeded")
            told, rss_bytes = tenantry(dsn, "seed", DATASET, "--tenants", str(tenants))
            seeds.append(told["seconds"])
            memory.append(rss_bytes)
            floors.append(floor(server, "seeded", folder))
            verifies.append(told["seconds"]["verify"])
            cleans.append(timed(lambda dsn=dsn: tenantry(dsn, "clean", DATASET, "--yes")))
        dsn = server.fresh("seeded")
        tenantry(dsn, "seed", DATASET, "--tenants", str(tenants))
        run(dsn, SOMEBODY_ELSE, "SELECT 1")
        beside_s = timed(lambda: tenantry(dsn, "clean", DATASET, "--yes"))
        ways = measured(postgres, rounds)
    took = [sum(steps.values()) for steps in seeds]
    seed_s, floor_s, verify_s, clean_s = (median(values) for values in (took, floors, verifies, cleans))
    table = [
        ("rows", f"{rows:,}"),
        ("generated and encoded alone", f"{rows / alone:,.0f} rows/s on one core"),
        ("server's own COPY, constraints, ANALYZE", f"{floor_s:.1f} s"),
        ("tenantry seed", f"{seed_s:.1f} s, of which verification {verify_s:.1f} s; {rows / seed_s:,.0f} rows/s"),
        ("ratio", f"{seed_s / floor_s:.2f}; without verification {(seed_s - verify_s) / floor_s:.2f}"),
        ("tenantry clean, nothing else there", f"{clean_s:.1f} s, {clean_s / seed_s:.2f} of the seed"),
        ("tenantry clean, beside another clinic", f"{beside_s:.1f} s, {beside_s / seed_s:.2f} of the seed"),
        ("memory of tenantry seed", f"{max(memory) / 1e6:,.0f} MB"),
    ]
    for title, value in table:
        click.echo(f"{title:<42}{value}")
    for title, count, took_s in ways:
        click.echo(f"{title:<52}{count / took_s:>12,.0f} rows/s into one table")
    result = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.shape(), "tenants": tenants, "rows": rows}
    result |= {
        "generate_s": alone,
        "seed_s": took,
        "floor_s": floors,
        "verify_s": verifies,
        "clean_s": cleans,
        "clean_beside_others_s": beside_s,
        "memory_bytes": memory,
        "steps": seeds[-1],
        "ways": [{"title": title, "rows": count, "seconds": took_s} for title, count, took_s in ways],
    }
    click.echo(f"written to {write({'seeding': result})}")


if __name__ == "__main__":
    main()
