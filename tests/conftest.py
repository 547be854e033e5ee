"""Fixtures that several test folders share: one throwaway Postgres a session, new databases in it, the clinic app on one of them; a server
that knows the truth; a shell that knows what its commands left behind."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from commandline import Shell
from running_clinic import SECRET, Clinic, Database
from truth import TruthServer

from tenantry.postgres import Postgres, find_postgres, start_postgres
from tenantry.processes import answers_http, free_port, start
from tenantry_clinic.db import create_schema

TODAY = "2026-01-05"


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
    """The app as users start it, on a database with the rows of clinic_rows.sql."""
    dsn = new_database()
    asyncio.run(create_schema(dsn))
    database = Database(dsn)
    database.run((Path(__file__).parent / "db" / "clinic_rows.sql").read_text(), _password_row(), "SELECT 1")
    port = free_port()
    command = [sys.executable, "-m", "tenantry_clinic", "serve", "--port", str(port), "--pool", "8"]
    env = {**os.environ, "CLINIC_DSN": dsn, "CLINIC_SECRET": SECRET, "CLINIC_TODAY": TODAY}
    with start(command, name="the clinic app", log=tmp_path_factory.mktemp("clinic") / "app.log", env=env) as app:
        app.wait_until(partial(answers_http, port, "/api/health"))
        yield Clinic(port, database)


@pytest.fixture
def truth() -> Iterator[TruthServer]:
    with TruthServer() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Shell(tmp_path) as shell:
        yield shell


def _password_row() -> str:
    secret = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"right-password", b"salt", 1000)).decode()
    return f"UPDATE users SET password_hash = 'pbkdf2_sha256$1000$salt${secret}'"
