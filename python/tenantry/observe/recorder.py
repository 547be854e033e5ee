"""What the probes read, gathered from their threads and written in closed chunks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry.results.tables import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WRITTEN = ("readings", "activity", "blocking")
MOST_ROWS = 500_000


class Recorder:
    """Rows of all probes. Times are nanoseconds since the start of the load on the machine's monotonic clock, which no clock step moves."""

    def __init__(self, folder: Path, zero_ns: int) -> None:
        self._folder = folder
        self._zero_ns = zero_ns
        self._lock = threading.Lock()
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in WRITTEN}
        self._chunk = -1
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
        # Also where one table of a chunk fails, the others are not written over.
        self._chunk += 1
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
        spec = TABLES[table]
        path = self._folder / spec.files.replace("*", f"{self._chunk:06d}")
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        columns = ", ".join(f'unnest(?::{kind}[]) AS "{name}"' for name, kind in spec.columns.items())
        database = self._connection()
        database.execute(f"CREATE OR REPLACE TEMP TABLE chunk AS SELECT {columns}", [list(column) for column in zip(*rows, strict=True)])
        quoted = str(part).replace("'", "''")
        database.execute(f"COPY chunk TO '{quoted}' (FORMAT parquet)")
        part.replace(path)

    def _connection(self) -> DuckDBPyConnection:
        if self._database is None:
            import duckdb

            self._database = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "200MB"})
        return self._database
