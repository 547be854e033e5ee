"""The clinic app as tests see it: HTTP on one side, the truth in its database on the other."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from tenantry_clinic.auth import Identity, issue_token

SECRET = "a-secret-of-the-tests-of-32-bytes-or-more"


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
    """A status, headers with lower-case names, and the decoded JSON."""

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
