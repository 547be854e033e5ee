"""The clinic app as tests see it: HTTP on one side, the truth in its database on the other."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg

from tenantry.processes import answers_http, free_port, start
from tenantry_clinic.auth import Identity, issue_token
from tenantry_clinic.db import create_schema

SECRET = "a-secret-of-the-tests-of-32-bytes-or-more"
TODAY = "2026-01-05"
Found = TypeVar("Found")


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

    def with_clinics(self) -> Self:
        """The same database, now with the app's schema and the rows of clinic_rows.sql."""
        asyncio.run(create_schema(self.dsn))
        secret = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"right-password", b"salt", 1000)).decode()
        passwords = f"UPDATE users SET password_hash = 'pbkdf2_sha256$1000$salt${secret}'"
        self.run((Path(__file__).parent / "clinic_rows.sql").read_text(), passwords, "SELECT 1")
        return self


@dataclass(frozen=True)
class Answer:
    """A status, headers with lower-case names, and the body: decoded where it is JSON, else as bytes."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Clinic:
    """The running app and its database. Clinic c of two has users 10(c-1)+1..10c (7 owners, 2 vets, 1 admin), pets 100(c-1)+1..100c."""

    port: int
    database: Database
    folder: Path
    pid: int

    @property
    def files(self) -> Path:
        """Where it keeps uploads."""
        return self.folder / "files"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own; `body` bytes as they are, chunks of bytes without a length, all else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = body if body is None or isinstance(body, bytes | Iterator) else json.dumps(body).encode()
            signed = {"authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, content, {**signed, **(headers or {})}, encode_chunked=isinstance(body, Iterator))
            return _answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, *, clinic: int = 1) -> Answer:
        return self.call("GET", path, token=self.token(clinic))

    def post(self, path: str, body: Any, *, clinic: int = 1) -> Answer:
        return self.call("POST", path, body, token=self.token(clinic))

    def patch(self, path: str, body: Any, *, clinic: int = 1) -> Answer:
        return self.call("PATCH", path, body, token=self.token(clinic))

    def pages(self, path: str, name: str, *, clinic: int = 1) -> Iterator[list[Any]]:
        """The rows of each page, asked for one after the other; `path` has a query already."""
        page, asked = self.get(path, clinic=clinic).body, 1
        yield page[name]
        while page["next"] is not None:
            page, asked = self.get(f"{path}&after={page['next']}", clinic=clinic).body, asked + 1
            assert asked < 1000, "the pages have no end"
            yield page[name]

    @staticmethod
    def token(clinic: int) -> str:
        return issue_token(Identity(clinic, 10 * (clinic - 1) + 1, "owner"), SECRET.encode())


@contextmanager
def serving(database: Database, folder: Path, *, pool: int = 8, **variables: str) -> Iterator[Clinic]:
    """The app as users start it, on this database, with its uploads and its log in `folder`."""
    port = free_port()
    command = [sys.executable, "-m", "tenantry_clinic", "serve", "--port", str(port), "--pool", str(pool)]
    own = {"CLINIC_DSN": database.dsn, "CLINIC_SECRET": SECRET, "CLINIC_TODAY": TODAY, "CLINIC_FILES": str(folder / "files")}
    with start(command, name="the clinic app", log=folder / "app.log", env={**os.environ, **own, **variables}) as app:
        app.wait_until(partial(answers_http, port, "/api/health"))
        yield Clinic(port, database, folder, app.process.pid)


def together(calls: Iterable[Callable[[], Found]]) -> list[Found]:
    """What the calls return, made at once, each by a thread of its own."""
    waiting = list(calls)
    with ThreadPoolExecutor(len(waiting)) as threads:
        return [each.result() for each in [threads.submit(call) for call in waiting]]


def form(
    content: bytes, content_type: str = "application/pdf", name: str = "scan.pdf", field: str = "file"
) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a form with one file."""
    quoted = name.replace("\\", "\\\\").replace('"', "%22")
    head = f'--limit\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\nContent-Type: {content_type}\r\n\r\n'
    return head.encode() + content + b"\r\n--limit--\r\n", {"content-type": "multipart/form-data; boundary=limit"}


def _answer(response: http.client.HTTPResponse) -> Answer:
    content = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    is_json = headers.get("content-type") == "application/json" and content
    return Answer(response.status, headers, json.loads(content) if is_json else content)
