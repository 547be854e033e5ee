"""PgBouncer's console: its pools twice a second, what it counts every two, its settings once.

It knows no harmless SET and no extended protocol, so this is a bare connection. Its role must be one of `stats_users`.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenantry.engine import Database, DatabaseError
from tenantry.observe.linux import Values
from tenantry.observe.probe import Pace
from tenantry.observe.recorder import Recorder

Row = Mapping[str, str | None]

STATS_S = 2.0
MOST_POOLS = 50
CONSOLE = "pgbouncer"
OTHERS = "others"
_SETTINGS = """
    pool_mode default_pool_size min_pool_size reserve_pool_size reserve_pool_timeout max_client_conn max_db_connections
    max_user_connections max_prepared_statements query_wait_timeout query_timeout transaction_timeout idle_transaction_timeout
    server_lifetime server_idle_timeout server_reset_query so_reuseport client_tls_sslmode server_tls_sslmode auth_type listen_port
"""
_DATABASE = ("name", "database", "pool_size", "min_pool_size", "reserve_pool", "reserve_pool_size", "pool_mode", "max_connections")
_LISTS = {
    "used_clients": "pooler.clients",
    "free_clients": "pooler.free_clients",
    "login_clients": "pooler.login_clients",
    "used_servers": "pooler.servers",
    "free_servers": "pooler.free_servers",
}


@dataclass
class Pooler:
    """Watches the pools."""

    dsn: str = field(repr=False)
    recorder: Recorder
    name: str = "pgbouncer"
    every_s: float = 0.5
    notes: list[str] = field(default_factory=list)
    _console: Database | None = None
    _stats: Pace = field(default_factory=lambda: Pace(STATS_S))

    def open(self) -> None:
        self._console = console(self.dsn)

    def close(self) -> None:
        if self._console is not None:
            self._console.close()
        self._console = None

    def read(self) -> None:
        assert self._console is not None
        at_ns = self.recorder.now_ns()
        values = pools(self._console.records("SHOW POOLS"))
        with self._stats.turn(time.monotonic()) as due:
            if due:
                values |= counted(self._console.records("SHOW STATS")) | lists(self._console.records("SHOW LISTS"))
        self.recorder.readings(at_ns, self.name, values)


def console(dsn: str) -> Database:
    """A connection to the console. Raises DatabaseError, also for a DSN of another database."""
    try:
        opened = Database(dsn, password=os.environ.get("PGPASSWORD"))
        opened.records("SHOW VERSION")
        return opened
    except DatabaseError as error:
        if not error.args[0]:
            raise  # nobody there
        hint = f"is this the console of PgBouncer, database {CONSOLE!r}, and the role one of its stats_users?"
        raise DatabaseError(error.args[0], f"{error.args[1]}; {hint}", *error.args[2:]) from error


def facts(dsn: str) -> dict[str, Any]:
    """Version, settings and databases."""
    opened = console(dsn)
    try:
        version = opened.records("SHOW VERSION")
        settings = {row.get("key"): row.get("value") for row in opened.records("SHOW CONFIG")}
        databases = [row for row in opened.records("SHOW DATABASES") if row.get("name") != CONSOLE]
        return {
            "version": next((value for row in version for value in row.values() if value), ""),
            "settings": {name: settings[name] for name in _SETTINGS.split() if name in settings},
            "databases": [{name: row[name] for name in _DATABASE if name in row} for row in databases[:MOST_POOLS]],
        }
    finally:
        opened.close()


def pools(rows: Sequence[Row]) -> Values:
    """Clients and servers of each pool by what they do, and how long the first in the queue has waited; without the console's own.

    What no pool of its own is told for is in `others`, so that the sum over all subjects is that of all pools.
    """
    told = [(f"{row.get('database')}/{row.get('user')}", _pool(row)) for row in rows if row.get("database") != CONSOLE]
    told.sort(key=lambda pool: (-pool[1].get("cl_waiting", 0.0), -pool[1].get("cl_active", 0.0)))
    values: defaultdict[tuple[str, str], float] = defaultdict(float)
    for place, (pool, numbers) in enumerate(told):
        for name, value in numbers.items():
            key = (f"pooler.{name}", pool if place < MOST_POOLS else OTHERS)
            values[key] = max(values[key], value) if name == "maxwait_s" else values[key] + value
    return {**values, ("pooler.pools", ""): float(len(told))}


def counted(rows: Sequence[Row]) -> Values:
    """The totals of each database, as they are; times in microseconds."""
    return {
        (f"pooler.{name}", str(row.get("database"))): value
        for row in rows
        if row.get("database") != CONSOLE
        for name, value in _numbers(row, (name for name in row if name.startswith("total_"))).items()
    }


def lists(rows: Sequence[Row]) -> Values:
    """How many clients and servers there are; cheaper than to list ten thousand of them."""
    told = {row.get("list"): row for row in rows}
    found = {new: _numbers(told[old], ["items"]) for old, new in _LISTS.items() if old in told}
    return {(name, ""): numbers["items"] for name, numbers in found.items() if numbers}


def _pool(row: Row) -> dict[str, float]:
    numbers = _numbers(row, (name for name in row if name.startswith(("cl_", "sv_"))))
    wait = _numbers(row, ("maxwait", "maxwait_us"))
    return {**numbers, "maxwait_s": wait.get("maxwait", 0.0) + wait.get("maxwait_us", 0.0) / 1e6}


def _numbers(row: Row, names: Iterable[str]) -> dict[str, float]:
    words = {name: row.get(name) or "" for name in names}
    return {name: float(word) for name, word in words.items() if word.isdigit()}
