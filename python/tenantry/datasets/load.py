"""Loading a population into Postgres: all of it in one transaction, verified before it becomes visible."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tenantry.datasets.aside import set_aside
from tenantry.datasets.catalog import Catalog, check_allowed, check_may_create, check_tables
from tenantry.datasets.database import Link, OnProgress, connect, lock, quiet, quoted, relation, transaction
from tenantry.datasets.generate import Generated
from tenantry.datasets.manifest import Seeding, remember, remembered, same, spec_hash
from tenantry.datasets.population import Population
from tenantry.datasets.sample import check_sample
from tenantry.datasets.spec import Dataset
from tenantry.datasets.verify import Verification, verify
from tenantry.engine import DatabaseError
from tenantry.errors import EnvironmentFault, PopulationError, UsageError


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was loaded, how long each step took (seconds), and what the verification found; `tenants` are all that are there now."""

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
    files: Generated | None = None,
    allow: Collection[str] = (),
    confirm: str | None = None,
    on_progress: OnProgress = quiet,
) -> Seeded:
    """Load all rows of the population: schema where the tables are missing, rows, constraints, statistics, verification.

    Rows are computed, or read from `files`, those of this very population. One transaction: after a failure, or a kill, the database is
    as it was before. Raises PopulationError when the database does not take the rows or does not hold afterwards what it should,
    EnvironmentFault when a file cannot be read, UnsafeTarget for a host that is not allowed.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link:
        with transaction(link):
            load = _Load(link, population, on_progress, files=files)
            seeded = load.run()
        load.settle()
        return seeded


def add_tenants(
    dataset: Dataset,
    more: int,
    dsn: str,
    *,
    rng_seed: int | None = None,
    allow: Collection[str] = (),
    confirm: str | None = None,
    on_progress: OnProgress = quiet,
) -> Seeded:
    """Load the rows of so many more tenants, beside those that were seeded before; all or nothing, as `seed`.

    Raises PopulationError when nothing was seeded, or from another declaration.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link:
        with transaction(link):
            lock(link)
            declared = Population(dataset, 1, rng_seed)
            before = same(link, dataset, declared.rng_seed, remembered(link, dataset))
            load = _Load(link, Population(dataset, before.tenants + more, rng_seed), on_progress, first=before.tenants)
            seeded = load.run()
        load.settle()
        return seeded


def resume(
    population: Population,
    dsn: str,
    *,
    files: Generated | None = None,
    allow: Collection[str] = (),
    confirm: str | None = None,
    on_progress: OnProgress = quiet,
) -> Seeded:
    """Load what is missing of the population, be it all, the tenants beyond those that are there, or nothing, and verify the whole.

    Otherwise as `seed`. Raises PopulationError when what is there was seeded from another declaration, or cleaned in part.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link:
        with transaction(link):
            lock(link)
            dataset, found = population.dataset, remembered(link, population.dataset)
            first = 0 if found is None else same(link, dataset, population.rng_seed, found).tenants
            if first > population.tenants:
                population = Population(dataset, first, population.rng_seed)
            load = _Load(link, population, on_progress, first=first, files=files if first == 0 else None)
            seeded = load.run()
        load.settle()
        return seeded


@dataclass(frozen=True, slots=True)
class Checked:
    """What a database holds of a dataset, verified."""

    dataset: str
    tenants: int
    rng_seed: int
    verification: Verification


def check(
    dataset: Dataset,
    dsn: str,
    *,
    tenants: int | None = None,
    rng_seed: int | None = None,
    allow: Collection[str] = (),
    confirm: str | None = None,
) -> Checked:
    """Verify the tenants that were seeded, or the first `tenants`; nothing is written.

    Raises PopulationError with everything that differs, or when nothing was seeded from this declaration.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link, transaction(link, "BEGIN READ ONLY"):
        population = Population(dataset, tenants, rng_seed)
        if tenants is None:
            population = Population(dataset, same(link, dataset, population.rng_seed, remembered(link, dataset)).tenants, rng_seed)
        check_allowed(link, population.tables(), "SELECT")
        return Checked(dataset.name, population.tenants, population.rng_seed, verify(link, population))


class _Load:
    """The tenants from number `first` on."""

    def __init__(
        self,
        link: Link,
        population: Population,
        on_progress: OnProgress,
        *,
        first: int = 0,
        files: Generated | None = None,
    ) -> None:
        self.link = link
        self.population = population
        self.first = first
        self.files = files
        self.dataset: Dataset = population.dataset
        self.on_progress = on_progress
        self.seconds: dict[str, float] = {}
        self._unsettled: list[str] = []

    def run(self) -> Seeded:
        lock(self.link)
        created, constrained = self._prepare()
        check_sample(self.link, self.population, self.first)
        with self._aside(created):
            rows = {table: self._copy(table, frozen=created) for table in self.population.tables()}
        self._unsettled = [] if created else [table for table, count in rows.items() if count]
        if not constrained and self.dataset.constraints is not None:
            with self._step("constraints"):
                self.link.execute(_script(self.dataset.constraints))
        with self._step("analyze"):
            self.link.execute("; ".join(f"ANALYZE {relation(table)}" for table in rows))
        with self._step("verify"):
            verification = verify(self.link, self.population, loading=True)
        counts = {table: self.population.count(table) for table in rows}
        fault = remember(
            self.link, Seeding(self.dataset.name, spec_hash(self.dataset), self.population.rng_seed, self.population.tenants, counts)
        )
        if fault is not None:
            verification.not_checked.append(f"later, as no note was left: {fault}")
        return Seeded(self.dataset.name, self.population.tenants, self.population.rng_seed, rows, self.seconds, verification)

    def settle(self) -> None:
        """After the transaction: freeze rows in tables that were there, as those in tables of our own are from the start.

        Else the first to read them would have to write, a load among them. Where it is refused, Postgres does it by itself some day.
        """
        if not self._unsettled:
            return
        with self._step("vacuum"), suppress(DatabaseError):
            for table in self._unsettled:
                self.link.execute(f"VACUUM (FREEZE) {relation(table)}")

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
        check_may_create(self.link)
        with self._step("schema"):
            self.link.execute(_script(self.dataset.schema))
        check_tables(self.link, self.dataset)
        return True, False

    def _check_free(self) -> None:
        table = self.dataset.tenant_table
        key, first, last = quoted(self.dataset.owner_column(table)), self.first + 1, self.population.tenants
        found = self.link.number(f"SELECT count(*) FROM {relation(table)} WHERE {key} {self.population.tenant_ids(self.first)}")
        if found:
            which = "the keys of the tenants" if self.dataset.has_uuid_tenants else "the keys"
            low = 0 if self.dataset.has_uuid_tenants else self.dataset.first_key - 1
            what = f"{table} has {found:,} rows with {which} {low + first:,} to {low + last:,} already"
            hint = "if they are the dataset's, remove them first: tenantry clean --yes; if not, give it a first_key above all of them"
            raise PopulationError(what, where=self.link.place, hint=hint)

    @contextmanager
    def _aside(self, created: bool) -> Iterator[None]:
        """Keys and indexes of tables that were there come back when the rows are in; our own have none yet."""
        if created:
            yield
            return
        with ExitStack() as afterwards, set_aside(self.link, self.dataset, self._mostly_ours()):
            yield
            afterwards.enter_context(self._step("keys and indexes"))

    def _mostly_ours(self) -> list[str]:
        """The tables with fewer rows than come now."""
        found = []
        for table in self.population.tables():
            coming = self.population.count(table) - self.population.start(table, self.first)
            if self.link.number(f"SELECT count(*) FROM (SELECT FROM {relation(table)} LIMIT {coming}) t") < coming:
                found.append(table)
        return found

    def _copy(self, table: str, *, frozen: bool) -> int:
        """Stream one table; in a table made by this transaction the rows are frozen at once, which spares a later vacuum."""
        start, stop = self.population.start(table, self.first), self.population.count(table)
        columns = ", ".join(quoted(column) for column in self.population.columns(table))
        options = "FORMAT binary, FREEZE" if frozen else "FORMAT binary"
        statement = f"COPY {relation(table)} ({columns}) FROM STDIN ({options})"

        def progress(rows: int) -> None:
            self.on_progress(table, rows, stop - start)

        progress(0)
        began = time.perf_counter()
        if self.files is None:
            done = self.link.database.copy(self.population, table, statement, start=start, stop=stop, progress=progress)
        else:
            done = self._copy_files(self.files.of_table(table), table, statement, progress)
        self.seconds[table] = time.perf_counter() - began
        progress(done)
        return done

    def _copy_files(self, files: list[Path], table: str, statement: str, progress: Callable[[int], None]) -> int:
        try:
            return self.link.database.copy_files(self.population, table, statement, files=files, progress=progress)
        except OSError as error:
            raise EnvironmentFault(str(error), hint="nothing was loaded; generate the files again") from None


def _script(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(path), hint="correct its path in the dataset") from None
