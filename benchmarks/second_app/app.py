"""The second app, a parcel depot in Node.js: its database, its processes, and how to start it with a fault."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg

from tenantry.postgres import find_postgres, start_postgres
from tenantry.processes import accepts_tcp, answers_http, free_port, start

HERE = Path(__file__).parent
SERVICE = HERE / "service"
ORGS = 300
SEEDED = "depot_seeded"
LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Running:
    """The depot as it runs: where it answers, its process, its database as the role `depot_watch` (pg_monitor) and as the superuser."""

    url: str
    pid: int
    observer_dsn: str
    owner_dsn: str
    log: Path


def install() -> Path:
    """Install the packages where they are not; the Node.js to run the depot with. Raises RuntimeError when that fails."""
    done = subprocess.run(["bash", HERE / "install.sh"], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the second app cannot be installed: {done.stderr.strip()}")
    return Path(done.stdout.splitlines()[-1])


class Depot:
    """A throwaway Postgres with a seeded database, of which each `running` depot gets a copy."""

    def __init__(self, *, orgs: int = ORGS, settings: Mapping[str, str] | None = None, parent: Path | None = None) -> None:
        self.orgs, self._settings, self._parent = orgs, settings or {}, parent
        self._stack, self._copies = ExitStack(), itertools.count()
        self.server_dsn = ""

    def __enter__(self) -> Self:
        self._node = install()
        with self._stack:
            postgres = self._stack.enter_context(start_postgres(find_postgres(), settings=self._settings, parent=self._parent))
            self.server_dsn = postgres.dsn
            self._execute(f"CREATE DATABASE {SEEDED}")
            self._execute(
                _sql("schema"), Template(_sql("seed")).substitute(ORGS=self.orgs), _sql("keys"), "VACUUM ANALYZE", database=SEEDED
            )
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *ended: object) -> None:
        self._stack.close()

    def faults(self) -> dict[str, dict[str, Any]]:
        """What each fault is in words, by its name."""
        told = subprocess.run([self._node, SERVICE / "main.js", "--list"], capture_output=True, text=True, timeout=30, check=True)
        found: dict[str, dict[str, Any]] = json.loads(told.stdout)
        return found

    @contextmanager
    def running(self, *faults: str, distance_ms: float = 0) -> Iterator[Running]:
        """The depot on a copy of the seeded database, with faults as NAME or NAME=VALUE, until the end of the block.

        With `distance_ms`, each round trip to the database takes so much longer.
        """
        with ExitStack() as stack:
            database = stack.enter_context(self._copy())
            folder = Path(tempfile.mkdtemp(prefix="tenantry-depot-"))
            stack.callback(partial(shutil.rmtree, folder, ignore_errors=True))
            carrier = self._stub(stack, folder, "carrier_stub.js")
            near = urlsplit(self.server_dsn).port
            far = self._stub(stack, folder, "distance_stub.js", near, distance_ms) if distance_ms else near
            port = free_port()
            environment = {
                **os.environ,
                "DEPOT_URL": f"postgresql://depot_api@127.0.0.1:{far}/{database}",
                "DEPOT_OWNER_URL": self.dsn(database),
                "DEPOT_CARRIER": f"http://127.0.0.1:{carrier}",
            }
            given = [word for fault in faults for word in ("--fault", fault)]
            command: list[str | Path] = [self._node, SERVICE / "main.js", "--port", str(port), *given]
            app = stack.enter_context(start(command, name="the second app", log=folder / "app.log", env=environment))
            app.wait_until(partial(answers_http, port, "/healthz"), timeout_s=LIMIT_S)
            observer = f"postgresql://depot_watch@127.0.0.1:{near}/{database}"
            yield Running(f"http://127.0.0.1:{port}", app.process.pid, observer, self.dsn(database), app.log)

    def dsn(self, database: str) -> str:
        """The superuser's, of one database."""
        return f"{self.server_dsn.rpartition('/')[0]}/{database}"

    def _stub(self, stack: ExitStack, folder: Path, script: str, *arguments: object) -> int:
        """Run one of the stubs; the port that it listens on."""
        port = free_port()
        command: list[str | Path] = [self._node, SERVICE / script, str(port), *map(str, arguments)]
        child = stack.enter_context(start(command, name=script, log=folder / f"{script}.log"))
        child.wait_until(partial(accepts_tcp, port))
        return port

    @contextmanager
    def _copy(self) -> Iterator[str]:
        name = f"depot_{next(self._copies)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {SEEDED}")
        try:
            yield name
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, *statements: str, database: str = "postgres") -> None:
        asyncio.run(_execute(self.dsn(database), *statements))


def _sql(name: str) -> str:
    return (HERE / f"{name}.sql").read_text()


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement, timeout=LIMIT_S)
    finally:
        await connection.close()
