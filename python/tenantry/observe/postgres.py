"""A connection of a probe to Postgres: read only, short of time, recognisable."""

from __future__ import annotations

import json
import os
from typing import Any

from tenantry.engine import Database, DatabaseError

# The versions that are known; a newer one is read as far as it is like them.
OLDEST, NEWEST = 14, 18
NAME = "tenantry observe"
# At the end: Postgres 18 counts a statement without the comments before it.
MARK = f"/* {NAME} */"
# What takes longer is given up: nobody waits for a probe.
_SETTINGS = f"""SET application_name = '{NAME}'; SET statement_timeout = '3s'; SET lock_timeout = '100ms';
SET default_transaction_read_only = on; SET jit = off"""
_CONNECT_TIMEOUT_S = 3


class Session:
    """An open connection; every value it tells is text, or JSON."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(_hurried(dsn), password=os.environ.get("PGPASSWORD"))
        self._database.execute(_SETTINGS)

    def rows(self, sql: str) -> list[list[str | None]]:
        """The rows of a query."""
        return self._database.query(f"{sql} {MARK}")

    @property
    def version(self) -> int:
        """The server's major version."""
        return int(self.rows("SHOW server_version_num")[0][0] or 0) // 10_000

    def execute(self, sql: str) -> None:
        """Run statements."""
        self._database.execute(f"{sql} {MARK}")

    def value(self, sql: str) -> Any:
        """The one value of a query, read as JSON; None without a row."""
        rows = self.rows(sql)
        return json.loads(rows[0][0]) if rows and rows[0][0] is not None else None

    def objects(self, source: str) -> list[dict[str, Any]]:
        """The rows of `source` (what follows FROM) as objects, whatever columns this version has."""
        return [json.loads(row[0]) for row in self.rows(f"SELECT to_jsonb(observed) FROM {source} AS observed") if row[0] is not None]

    def close(self) -> None:
        """End the connection."""
        self._database.close()


def is_refused(error: DatabaseError) -> bool:
    """Whether the server answers, and will answer so each time: no right, no such view or column, an extension that is not loaded."""
    return str(error.args[0]).startswith("42") or error.args[0] in ("0A000", "55000")


def _hurried(dsn: str) -> str:
    """The same, given up soon where nobody answers, unless it says itself how long to wait."""
    if "connect_timeout" in dsn:
        return dsn
    if "://" not in dsn:
        return f"{dsn} connect_timeout={_CONNECT_TIMEOUT_S}"
    return f"{dsn}{'&' if '?' in dsn else '?'}connect_timeout={_CONNECT_TIMEOUT_S}"
