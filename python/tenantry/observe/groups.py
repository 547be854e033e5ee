"""Which processes of this machine are the app, Postgres, the pooler, the generator and the observer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tenantry.engine import Database
from tenantry.observe import sockets
from tenantry.observe.processes import Process, family, named
from tenantry.observe.settings import Observing

APP, POSTGRES, PGBOUNCER, GENERATOR, OBSERVER = "app", "postgres", "pgbouncer", "generator", "observer"
# Where the sockets of others may not be seen, their names still are.
_NAMES = {POSTGRES: ("postgres", "postmaster"), PGBOUNCER: ("pgbouncer",)}
_SCHEMES = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Where somebody listens on this machine: a port, and for Postgres maybe a folder of Unix sockets."""

    group: str
    port: int
    folder: str = ""


def places(settings: Observing) -> Iterator[Place]:
    """Those of the watched places that are on this machine."""
    address = urlsplit(settings.target)
    if address.hostname and sockets.is_here(address.hostname):
        yield Place(APP, address.port or _SCHEMES.get(address.scheme, 80))
    for group, dsn in ((POSTGRES, settings.postgres), (PGBOUNCER, settings.pgbouncer)):
        if dsn is None:
            continue
        host, port = Database.hosts(dsn)[0], _port(dsn)
        if host.startswith("/") or sockets.is_here(host):
            yield Place(group, port, host if host.startswith("/") else "")


def heads(root: Path, where: Place, known: Mapping[int, Process]) -> set[int]:
    """The processes that listen there; by name where that may not be seen and leaves no choice."""
    found = {pid for pids in sockets.owners(root, _inodes(root, where)).values() for pid in pids}
    if not found and where.group in _NAMES:
        alike = named(known, _NAMES[where.group])
        found = set(alike) if len(alike) == 1 else set()
    return found


def members(roots: Mapping[str, set[int]], known: Mapping[int, Process], *, loads: bool) -> dict[str, set[int]]:
    """The processes of each group. What the generator has started may be the app, or Postgres: those are not counted as its own."""
    found = {OBSERVER: {os.getpid()} & known.keys()}
    taken = set(found[OBSERVER])
    for group in (POSTGRES, PGBOUNCER, APP):
        found[group] = family(roots.get(group, ()), known, but=taken)
        taken |= found[group]
    if loads:
        found[GENERATOR] = family([os.getppid()], known, but=taken)
    return {group: pids for group, pids in found.items() if pids}


def _inodes(root: Path, where: Place) -> list[str]:
    inodes = [listener.inode for listener in sockets.listeners(root, [where.port])]
    return inodes + (sockets.unix_listeners(root, f"{where.folder}/.s.PGSQL.{where.port}") if where.folder else [])


def _port(dsn: str) -> int:
    """The port of `host:port/database`, whatever the host is."""
    host = ",".join(Database.hosts(dsn))
    return int(Database.place(dsn).removeprefix(f"{host}:").partition("/")[0])
