"""Fixtures that several test folders share: one throwaway Postgres a session, new databases in it, the clinic app on one of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tenantry.postgres import Postgres, find_postgres, start_postgres
from tenantry.processes import answers_http, free_port, start
from tenantry_clinic.auth import Identity, issue_token
from tenantry_clinic.db import create_schema

SECRET = "a-secret-of-the-tests"
TODAY = "2026-01-05"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A throwaway server; tests make their own databases in it."""
    with start_postgres(find_postgres(), max_connections=200) as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: Postgres) -> Callable[[], str]:
    """Call it for the owner's DSN of a new, empty database; all of them go with the server."""
    numbers = itertools.count()

    def make() -> str:
        name = f"test_{next(numbers)}"
        Database(postgres.dsn).run(f"CREATE DATABASE {name}")
        return f"{postgres.dsn.rpartition('/')[0]}/{name}"

    return make


@dataclass(frozen=True)
class Database:
    """Plain SQL in a connection of its own, by default as the superuser, whom row-level security does not bind."""

    dsn: str

    def run(self, *statements: str, user: str | None = None) -> list[asyncpg.Record]:
        """Execute statements in one session; the rows of the last one."""

        async def work() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.dsn, user=user)
            try:
                for statement in statements[:-1]:
                    await connection.execute(statement)
                return list(await connection.fetch(statements[-1]))
            finally:
                await connection.close()

        return asyncio.run(work())

    def value(self, *statements: str, user: str | None = None) -> Any:
        return self.run(*statements, user=user)[0][0]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Clinic:
    """The running app and its database. Clinic c of two has users 10(c-1)+1..10c (7 owners, 2 vets, 1 admin), pets 100(c-1)+1..100c."""

    port: int
    database: Database

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """One request on a connection of its own; `body` bytes as they are, else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, content, {"authorization": f"Bearer {token}"} if token else {})
            response = connection.getresponse()
            text = response.read()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, json.loads(text) if text else None)
        finally:
            connection.close()

    def get(self, path: str, *, clinic: int = 1) -> Answer:
        return self.call("GET", path, token=self.token(clinic))

    def post(self, path: str, body: Any, *, clinic: int = 1) -> Answer:
        return self.call("POST", path, body, token=self.token(clinic))

    @staticmethod
    def token(clinic: int) -> str:
        return issue_token(Identity(clinic, 10 * (clinic - 1) + 1, "owner"), SECRET.encode())


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


def _password_row() -> str:
    secret = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"right-password", b"salt", 1000)).decode()
    return f"UPDATE users SET password_hash = 'pbkdf2_sha256$1000$salt${secret}'"
