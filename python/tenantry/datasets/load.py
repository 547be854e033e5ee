"""Loading a population into Postgres: all of it in one transaction, verified before it becomes visible."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tenantry.datasets.catalog import Catalog, check_tables
from tenantry.datasets.database import Link, OnProgress, connect, lock, quiet, quoted, transaction
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.datasets.verify import Verification, verify
from tenantry.errors import PopulationError, UsageError


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was loaded, how long each step took (seconds), and what the verification found."""

    dataset: str
    tenants: int
    rng_seed: int
    rows: dict[str, int]
    seconds: dict[str, float]
    verification: Verification


def seed(
    population: Population,
    dsn: str,
    *,
    allow: Collection[str] = (),
    confirm: str | None = None,
    on_progress: OnProgress = quiet,
) -> Seeded:
    """Load all rows of the population: schema where the tables are missing, rows, constraints, statistics, verification.

    One transaction: after a failure, or a kill, the database is as it was before. Raises PopulationError when the database does not take
    the rows or does not hold afterwards what it should, UnsafeTarget for a host that is not allowed.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link, transaction(link):
        return _Load(link, population, on_progress).run()


class _Load:
    def __init__(self, link: Link, population: Population, on_progress: OnProgress) -> None:
        self.link = link
        self.population = population
        self.dataset: Dataset = population.dataset
        self.on_progress = on_progress
        self.seconds: dict[str, float] = {}

    def run(self) -> Seeded:
        lock(self.link)
        created, constrained = self._prepare()
        rows = {table: self._copy(table, frozen=created) for table in self.population.tables()}
        if not constrained and self.dataset.constraints is not None:
            with self._step("constraints"):
                self.link.execute(_script(self.dataset.constraints))
        with self._step("analyze"):
            self.link.execute("; ".join(f"ANALYZE {quoted(table)}" for table in rows))
        with self._step("verify"):
            verification = verify(self.link, self.population)
        return Seeded(self.dataset.name, self.population.tenants, self.population.rng_seed, rows, self.seconds, verification)

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        self.on_progress(title, 0, 0)
        start = time.perf_counter()
        yield
        self.seconds[title] = time.perf_counter() - start
        self.on_progress(title, 1, 1)

    def _prepare(self) -> tuple[bool, bool]:
        """Whether the tables are our own making, and whether their constraints are there."""
        catalog = Catalog.read(self.link, self.dataset)
        missing = [table for table in self.dataset.tables if table not in catalog.present]
        if not missing:
            check_tables(self.link, self.dataset)
            self._check_free()
            return False, catalog.constrained
        if catalog.present:
            what = f"some tables of the dataset are there, but not {', '.join(missing)}"
            raise PopulationError(what, where=self.link.place, hint="bring the schema up to date, or give an empty database")
        if self.dataset.schema is None:
            hint = "create the tables first, or name a schema file in the dataset"
            raise PopulationError(f"the tables of the dataset are missing: {', '.join(missing)}", where=self.link.place, hint=hint)
        with self._step("schema"):
            self.link.execute(_script(self.dataset.schema))
        check_tables(self.link, self.dataset)
        return True, False

    def _check_free(self) -> None:
        table = self.dataset.tenant_table
        key, last = quoted(self.dataset.owner_column(table)), self.population.tenants
        found = self.link.number(f"SELECT count(*) FROM {quoted(table)} WHERE {key} BETWEEN 1 AND {last}")
        if found:
            what = f"{table} has {found:,} rows with the keys 1 to {last:,} already"
            raise PopulationError(what, where=self.link.place, hint="remove them first: tenantry clean --yes")

    def _copy(self, table: str, *, frozen: bool) -> int:
        """Stream one table; in a table made by this transaction the rows are frozen at once, which spares a later vacuum."""
        count = self.population.count(table)
        columns = ", ".join(quoted(column) for column in self.population.columns(table))
        options = "FORMAT binary, FREEZE" if frozen else "FORMAT binary"
        statement = f"COPY {quoted(table)} ({columns}) FROM STDIN ({options})"

        def progress(rows: int) -> None:
            self.on_progress(table, rows, count)

        progress(0)
        start = time.perf_counter()
        done = self.link.database.copy(self.population, table, statement, start=0, stop=count, progress=progress)
        self.seconds[table] = time.perf_counter() - start
        progress(done)
        return done


def _script(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(path), hint="correct its path in the dataset") from None
