"""Other ways to fill one table, beside tenantry's: rows per second into a new table of pets with a primary key, nothing else.

Each way gets as many rows as it does in a few seconds, so that none takes minutes; what it would take for more is rows over rate.
"""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tenantry.datasets.population import Population
from tenantry.engine import Database
from tenantry.postgres import Postgres
from tenantry_clinic.dataset import clinic

NEEDED = ("adbc_driver_postgresql", "faker", "mimesis", "psycopg", "pyarrow")
COLUMNS = ("id", "clinic_id", "owner_id", "name", "species", "breed", "sex", "born_on", "weight_kg", "created_at")
TABLE = """DROP TABLE IF EXISTS pets; CREATE TABLE pets (
    id bigint PRIMARY KEY, clinic_id bigint NOT NULL, owner_id bigint NOT NULL, name text NOT NULL, species text NOT NULL,
    breed text NOT NULL, sex text NOT NULL, born_on date NOT NULL, weight_kg numeric(5,2) NOT NULL, created_at timestamptz NOT NULL)"""
SPECIES = ("dog", "cat", "bird", "rabbit", "hamster")
Row = tuple[Any, ...]
Names = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Way:
    """How rows come about and get in: `load` fills the new table with so many and returns how many there are."""

    title: str
    rows: int
    load: Callable[[str, int], int]


def measured(server: Postgres, rounds: int) -> list[tuple[str, int, float]]:
    """Title, rows and seconds (median of the rounds) of each way that can be had here."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        print(f"other ways are left out: {', '.join(missing)} not installed (make bench-seeding installs them)")
        return []
    base = server.dsn.rpartition("/")[0]
    run(server.dsn, "DROP DATABASE IF EXISTS ways", "CREATE DATABASE ways")
    ways = chain(_ways(), _pgbench(server))
    return [(way.title, way.rows, median(_timed(way, f"{base}/ways") for _ in range(rounds))) for way in ways]


def run(dsn: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    database = Database(dsn)
    for statement in statements:
        database.execute(statement)
    database.close()


def _timed(way: Way, dsn: str) -> float:
    run(dsn, TABLE)
    start = time.perf_counter()
    there = way.load(dsn, way.rows)
    took = time.perf_counter() - start
    if there != way.rows:
        raise SystemExit(f"{way.title}: {there} rows instead of {way.rows}")
    return took


def _ways() -> Iterator[Way]:
    from faker import Faker
    from mimesis import Person

    faker, person = Faker(), Person()
    yield Way("Faker, psycopg executemany", 20_000, lambda dsn, rows: _executemany(dsn, _drawn(rows, faker.first_name)))
    yield Way("Faker, psycopg COPY", 20_000, lambda dsn, rows: _copy(dsn, _drawn(rows, faker.first_name)))
    yield Way("Mimesis, psycopg executemany", 50_000, lambda dsn, rows: _executemany(dsn, _drawn(rows, person.first_name)))
    yield Way("Mimesis, psycopg COPY", 100_000, lambda dsn, rows: _copy(dsn, _drawn(rows, person.first_name)))
    with tempfile.TemporaryDirectory() as folder:
        Population(clinic, 2000).write_parquet("pets", Path(folder))
        yield Way("ADBC ingest, from Parquet, nothing generated", 200_000, lambda dsn, rows: _adbc(dsn, folder))
    yield Way("tenantry", 1_000_000, _tenantry)


def _drawn(rows: int, name: Names) -> Iterator[Row]:
    """Rows as one would write them by hand: the library for names, the standard library for the rest."""
    rng, born, now = Random(1), date(2020, 1, 1).toordinal(), datetime.now(UTC)
    for number in range(1, rows + 1):
        weight, born_on = round(rng.uniform(1, 40), 2), date.fromordinal(born + rng.randrange(2000))
        sex = rng.choice(("female", "male"))
        yield number, number // 100 + 1, number // 15 + 1, name(), rng.choice(SPECIES), "mixed", sex, born_on, weight, now


def _executemany(dsn: str, rows: Iterator[Row]) -> int:
    import psycopg

    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        places = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(f"INSERT INTO pets ({', '.join(COLUMNS)}) VALUES ({places})", rows)
        return cursor.rowcount


def _copy(dsn: str, rows: Iterator[Row]) -> int:
    import psycopg

    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY pets ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return cursor.rowcount


def _adbc(dsn: str, folder: str) -> int:
    import pyarrow.parquet
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(dsn) as connection, connection.cursor() as cursor:
        there: int = cursor.adbc_ingest("pets", pyarrow.parquet.read_table(folder), mode="append")
        connection.commit()
        return there


def _tenantry(dsn: str, rows: int) -> int:
    population, database = Population(clinic, rows // 100), Database(dsn)
    columns = ", ".join(population.columns("pets"))
    there = database.copy(population, "pets", f"COPY pets ({columns}) FROM STDIN (FORMAT binary)", start=0, stop=rows)
    database.close()
    return there


def _pgbench(server: Postgres) -> Iterator[Way]:
    """Its table of accounts has four columns, so it is comparable in kind only."""
    pgbench = server.source.bin / "pgbench"
    if not pgbench.exists():
        print(f"pgbench is left out: there is none in {server.source.bin}")
        return
    for title, steps in (("pgbench -i, rows from the client", "dtg"), ("pgbench -i, rows from the server", "dtG")):

        def load(dsn: str, rows: int, steps: str = steps) -> int:
            subprocess.run([pgbench, "-i", "-q", "-I", f"{steps}p", "-s", str(rows // 100_000), dsn], check=True, capture_output=True)
            return rows

        yield Way(f"{title} (4 columns)", 1_000_000, load)
