"""Fixtures that several test folders share: one throwaway Postgres a session, new databases in it, the clinic app on one of them; a server
that knows the truth; a shell that knows what its commands left behind."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from commandline import Shell
from running_clinic import Clinic, Database, serving
from truth import TruthServer

from tenantry.postgres import Postgres, find_postgres, start_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A throwaway server; tests make their own databases in it."""
    with start_postgres(find_postgres(), max_connections=200, parent=roomy_memory()) as server:
        yield server


def roomy_memory() -> Path | None:
    """The file system in memory, if there is plenty: making and removing some hundred databases takes a tenth of the time there."""
    place, wanted = Path("/dev/shm"), 8_000_000_000
    return place if place.is_dir() and min(shutil.disk_usage(place).free, psutil.virtual_memory().available) > wanted else None


@pytest.fixture(scope="session")
def new_database(postgres: Postgres) -> Callable[[], str]:
    """Call it for the owner's DSN of a new, empty database; all of them go with the server."""
    numbers = itertools.count()

    def make() -> str:
        name = f"test_{next(numbers)}"
        Database(postgres.dsn).run(f"CREATE DATABASE {name}")
        return f"{postgres.dsn.rpartition('/')[0]}/{name}"

    return make


@pytest.fixture(scope="session")
def clinic(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The app as users start it, on a database with the rows of clinic_rows.sql; its tests share it."""
    with serving(Database(new_database()).with_clinics(), tmp_path_factory.mktemp("clinic")) as clinic:
        yield clinic


@pytest.fixture(scope="module")
def own_clinic(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The same for the tests of one module alone."""
    with serving(Database(new_database()).with_clinics(), tmp_path_factory.mktemp("clinic")) as clinic:
        yield clinic


@pytest.fixture
def truth() -> Iterator[TruthServer]:
    with TruthServer() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path) as shell:
        yield shell
