"""Too few server connections in the pooler between app and Postgres."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.processes import free_port
from tenantry_clinic.db import Database
from tenantry_clinic.faults._distance import ROUND_TRIP_MS, at, distant
from tenantry_clinic.faults._model import Fault, Ground, NotPossible, Show
from tenantry_clinic.faults._processes import process
from tenantry_clinic.settings import APP_ROLE

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

SETTINGS = """
[databases]
* = host={server.hostname} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
stats_users = {role}
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 1000
"""


def pgbouncer() -> str | None:
    """The path of the program, where there is one."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@asynccontextmanager
async def _pooler(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    command = pgbouncer()
    if command is None:
        raise NotPossible("there is no PgBouncer: apt-get install pgbouncer")
    folder, port = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tenantry-pooler-")), free_port()
    try:
        async with distant(ground.dsn) as dsn:
            _configure(folder, SETTINGS.format(server=urlsplit(dsn), port=port, folder=folder, role=APP_ROLE, size=int(value)))
            other_than_root = ["-u", "nobody"] if os.geteuid() == 0 else []
            async with process([command, *other_than_root, folder / "pooler.ini"], name="PgBouncer", port=port):
                yield {"CLINIC_DSN": at(ground.dsn, port)}
    finally:
        await asyncio.to_thread(partial(shutil.rmtree, folder))


def _configure(folder: Path, settings: str) -> None:
    (folder / "pooler.ini").write_text(settings)
    (folder / "users").write_text(f'"{APP_ROLE}" "{os.environ.get("CLINIC_DB_PASSWORD", "")}"\n')
    (folder / "users").chmod(0o600)
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "nobody")


def _without_prepared_statements(blueprint: Blueprint, value: float) -> None:
    blueprint.open_database = partial(Database.connect, statement_cache_size=0)


fault = Fault(
    summary=f"PgBouncer has too few connections to a Postgres {ROUND_TRIP_MS:g} ms away",
    parameter="server connections (default_pool_size)",
    default=2,
    least=1,
    healthy=20,
    symptom="SHOW POOLS has cl_waiting > 0 and sv_active at the limit; BEGIN takes long, the statements after it do not; Postgres is idle",
    remedy="default_pool_size = 20 in pgbouncer.ini",
    shown=Show("mixed", "60/s"),
    app=_without_prepared_statements,
    beside=_pooler,
)
