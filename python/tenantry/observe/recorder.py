"""What the probes read, gathered from their threads and written to files that grow: the newest one is written anew with more rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry.datasets.database import literal
from tenantry.results.tables import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WRITTEN = ("readings", "activity", "blocking")
MOST_ROWS = 500_000
# Bytes of a file after which the next one begins: few enough that to write it anew costs next to nothing.
LARGE = 256 << 10


class Recorder:
    """Rows of all probes. Times are nanoseconds since the start of the load on the machine's monotonic clock, which no clock step moves."""

    def __init__(self, folder: Path, zero_ns: int) -> None:
        self._folder = folder
        self._zero_ns = zero_ns
        self._lock = threading.Lock()
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in WRITTEN}
        self._numbers = dict.fromkeys(WRITTEN, 0)
        self._database: DuckDBPyConnection | None = None
        self.lost = 0

    def now_ns(self) -> int:
        """Time since the start of the load."""
        return time.monotonic_ns() - self._zero_ns

    def readings(self, at_ns: int, probe: str, values: Mapping[tuple[str, str], float]) -> None:
        """Take values of one moment, by metric and subject."""
        self._add("readings", [(at_ns, probe, metric, subject, value) for (metric, subject), value in values.items()])

    def activity(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows of `activity` (see docs/run-folder.md)."""
        self._add("activity", rows)

    def blocking(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows of `blocking`."""
        self._add("blocking", rows)

    def _add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._lock:
            kept = self._rows[table]
            kept.extend(rows)
            if len(kept) > MOST_ROWS:
                self.lost += len(kept) - MOST_ROWS
                del kept[MOST_ROWS:]

    def write(self) -> None:
        """Write what has come since the last time. Raises OSError or DuckDB's error; what was not written is tried again."""
        for table in WRITTEN:
            with self._lock:
                rows, self._rows[table] = self._rows[table], []
            if not rows:
                continue
            try:
                self._write(table, rows)
            except BaseException:
                with self._lock:
                    self._rows[table] = rows + self._rows[table]
                raise

    def _write(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        columns = TABLES[table].columns
        path = self._folder / TABLES[table].files.replace("*", f"{self._numbers[table]:06d}")
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        database = self._connection()
        database.begin()
        try:
            declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            database.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} ({declared})")
            taken = ", ".join(f"unnest(?::{kind}[])" for kind in columns.values())
            database.execute(f"INSERT INTO {table} SELECT {taken}", [list(column) for column in zip(*rows, strict=True)])
            database.execute(f"COPY {table} TO {literal(str(part))} (FORMAT parquet)")
            part.replace(path)
        except BaseException:
            database.rollback()
            raise
        if path.stat().st_size >= LARGE:
            database.execute(f"DROP TABLE {table}")
            self._numbers[table] += 1
        database.commit()

    def _connection(self) -> DuckDBPyConnection:
        if self._database is None:
            import duckdb

            self._database = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "200MB"})
        return self._database
