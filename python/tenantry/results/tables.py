"""The Parquet files of a run folder as tables in memory: a closed set of columns, damaged files left out with a warning.

Rows are deltas: the same key may occur several times, so every query sums. Unfinished files end in `.part` and are never read.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantry.errors import EnvironmentFault
from tenantry.results.stored import ENDLESS, Key, Label, Merged, StoredHistograms

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY = "1GB"
_TAGS = {"tags": "MAP(VARCHAR, VARCHAR)"}
_LATER = ("trace_id", "request", "response")
_REQUEST_KEY = {"second": "INTEGER", "scenario": "VARCHAR", "group": "VARCHAR", "name": "VARCHAR"}


def column_of(tag: str) -> str:
    """The SQL of what a selector names: a column of its own, or a tag of the scripts, empty where a row does not have it."""
    return f'"{tag}"' if tag in ("name", "scenario", "group") else f"coalesce(tags['{tag}'], '')"


def _histogram(name: str) -> dict[str, str]:
    return {f"{name}_sum_ns": "BIGINT", f"{name}_max_ns": "BIGINT"}


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Which files make up a table, the columns that are read, and which of their rows: by default those since the load began.

    With `named`, the table has a further column `filename`: the file that the row stands in. Of histograms a table has the sums and maxima;
    `Tables.merged` reads their buckets.
    """

    files: str
    columns: dict[str, str]
    where: str = "second >= 0"
    named: bool = False


TABLES: dict[str, TableSpec] = {
    "http": TableSpec(
        "series/http-*.parquet",
        {
            **_REQUEST_KEY,
            **_TAGS,
            **dict.fromkeys(("requests", "failures", "bytes_sent", "bytes_received"), "BIGINT"),
            **_histogram("service"),
            **_histogram("response"),
            **dict.fromkeys(
                ("blocked_ns", "dns_ns", "connect_ns", "tls_ns", "send_ns", "wait_ns", "receive_ns", "connections", "resent"), "BIGINT"
            ),
        },
    ),
    "failures": TableSpec("series/failures-*.parquet", {**_REQUEST_KEY, "kind": "VARCHAR", "count": "BIGINT"}),
    "iterations": TableSpec(
        "series/iterations-*.parquet",
        {
            "second": "INTEGER",
            "stream": "VARCHAR",
            "scenario": "VARCHAR",
            **_TAGS,
            **dict.fromkeys(("due", "started", "completed", "failed", "errors", "dropped", "interrupted", "script_ns"), "BIGINT"),
            **_histogram("delay"),
            **_histogram("duration"),
            "vus": "BIGINT",
        },
    ),
    "checks": TableSpec("series/checks-*.parquet", {**_REQUEST_KEY, **_TAGS, "passes": "BIGINT", "fails": "BIGINT"}),
    "server_timing": TableSpec(
        "series/server_timing-*.parquet", {**_REQUEST_KEY, "metric": "VARCHAR", "count": "BIGINT", "sum_ns": "BIGINT", "max_ns": "BIGINT"}
    ),
    "custom": TableSpec(
        "series/custom-*.parquet",
        {
            **_REQUEST_KEY,
            **_TAGS,
            "kind": "VARCHAR",
            "unit": "VARCHAR",
            "n": "BIGINT",
            **dict.fromkeys(("sum", "min", "max", "last"), "DOUBLE"),
            "last_ns": "BIGINT",
            "buckets": "INTEGER[]",
            "counts": "BIGINT[]",
        },
    ),
    "kept_requests": TableSpec(
        "samples/requests-*.parquet",
        {
            "id": "BIGINT",
            **dict.fromkeys(("scenario", "group", "name"), "VARCHAR"),
            "tenant": "INTEGER",
            **dict.fromkeys(("intended_start_ns", "start_ns", "end_ns", "wait_ns"), "BIGINT"),
            "status": "INTEGER",
            **dict.fromkeys(("kind", "detail", "trace_id", "reason"), "VARCHAR"),
            "weight": "DOUBLE",
        },
        where="true",
        named=True,
    ),
    "tenants": TableSpec(
        "tenants.parquet", {"tenant": "INTEGER", **dict.fromkeys(("requests", "failures", "sum_ns", "max_ns"), "BIGINT")}, where="true"
    ),
    "generator": TableSpec(
        "probes/generator-*.parquet",
        {
            "second": "INTEGER",
            **dict.fromkeys(("loop_busy", "io_busy", "process_cpu_s"), "DOUBLE"),
            "rss_bytes": "BIGINT",
            "cores": "DOUBLE",
            **_histogram("hand_over"),
            "open_connections": "BIGINT",
        },
    ),
    "readings": TableSpec(
        "probes/readings-*.parquet",
        {"at_ns": "BIGINT", "probe": "VARCHAR", "metric": "VARCHAR", "subject": "VARCHAR", "value": "DOUBLE"},
        where="true",
    ),
    "activity": TableSpec(
        "probes/activity-*.parquet",
        {
            "at_ns": "BIGINT",
            **dict.fromkeys(("kind", "state", "wait_type", "wait_event", "query_id", "route", "tenant"), "VARCHAR"),
            "sessions": "INTEGER",
            **dict.fromkeys(("transaction_s", "state_s"), "DOUBLE"),
        },
        where="true",
    ),
    "blocking": TableSpec(
        "probes/blocking-*.parquet",
        {
            "at_ns": "BIGINT",
            **dict.fromkeys(("lock", "mode", "relation", "query_id", "route", "tenant"), "VARCHAR"),
            **{f"blocker_{part}": "VARCHAR" for part in ("pid", "state", "wait_type", "wait_event", "query_id", "route", "tenant")},
            "sessions": "INTEGER",
            **dict.fromkeys(("waited_s", "held_s"), "DOUBLE"),
        },
        where="true",
    ),
    "events": TableSpec("events.parquet", {"at_ns": "BIGINT", "kind": "VARCHAR", "text": "VARCHAR"}, where="true"),
}


def process_folders(folder: Path) -> list[Path]:
    """Where the load processes of a run wrote, the first one first: the run folder itself, and a folder in it for each of the others."""
    others = [path for path in folder.glob("process-*") if path.name.removeprefix("process-").isdigit()]
    return [folder, *sorted(others, key=lambda path: int(path.name.removeprefix("process-")))]


@dataclass
class Tables:
    """The tables of one run folder, each read when it is first needed.

    Each has the columns of its files, and `process`: the place of the load process that wrote the row, from 0. Of a run that is `unended`
    (it goes on, or was killed) only the seconds are read that all of its processes have written in full: a rate over others would be wrong.
    """

    folder: Path
    unended: bool = False
    warnings: list[str] = field(default_factory=list)
    _loaded: set[str] = field(default_factory=set)
    _stored: dict[str, StoredHistograms] = field(default_factory=dict)
    _ahead: dict[str, Future[StoredHistograms]] = field(default_factory=dict)
    _damaged: set[Path] = field(default_factory=set)

    @cached_property
    def connection(self) -> DuckDBPyConnection:
        """In memory: what does not fit there goes to a folder that it makes when it needs it and removes when it closes."""
        import duckdb

        spill = str(Path(tempfile.gettempdir()) / f"tenantry-{os.getpid()}-{uuid.uuid4().hex}")
        settings: dict[str, Any] = {"threads": 2, "memory_limit": _MEMORY, "temp_directory": spill, "preserve_insertion_order": False}
        return duckdb.connect(":memory:", config=settings)

    def close(self) -> None:
        if "connection" in vars(self):
            self.connection.close()

    def rows(self, sql: str, parameters: Sequence[object] = (), *, of: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows of a query over the tables named in `of`; raises EnvironmentFault when memory and temporary folder are too small."""
        from duckdb import OutOfMemoryException

        try:
            for table in of:
                self._need(table)
            return self.connection.execute(sql, list(parameters)).fetchall()
        except OutOfMemoryException as error:
            hint = "make room in the folder for temporary files, or set TMPDIR to one with room"
            raise EnvironmentFault(
                "the run is larger than the memory and the temporary folder", where=str(self.folder), hint=hint
            ) from error
        except RuntimeError as error:
            # What DuckDB makes of Ctrl-C.
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from None
            raise

    def merged(
        self, table: str, histogram: str, line: Callable[[Label], Key | None], *, step: int = ENDLESS, span: tuple[int, int] = (0, ENDLESS)
    ) -> dict[tuple[Key, int], Merged]:
        """A histogram of a table (`response` for `response_buckets` and so on, empty for `buckets`), merged by line and place.

        `line` tells which line a row belongs to, None to leave it out. A place is `step` seconds, or whatever else the first column of the
        table counts, from the start of `span`, whose end is excluded. Lines and places without a sample are absent.
        """
        if table not in self._stored:
            ahead = self._ahead.pop(table, None)
            self._stored[table] = ahead.result() if ahead else self._histograms(table)
            for file, reason in self._stored[table].damaged:
                self._warn_of(file, reason)
        return self._stored[table].merged(histogram, line, step, span)

    def read_ahead(self, *tables: str) -> None:
        """Begin to read the histograms of these tables, beside whatever else is asked for until they are needed."""
        if self.unended:
            return
        reader = ThreadPoolExecutor(1)
        wanted = [table for table in tables if table not in self._stored and table not in self._ahead]
        self._ahead |= {table: reader.submit(self._histograms, table) for table in wanted}
        reader.shutdown(wait=False)

    def _histograms(self, table: str) -> StoredHistograms:
        files = [str(file) for folder in process_folders(self.folder) for file in sorted(folder.glob(TABLES[table].files))]
        return StoredHistograms(files, TABLES[table].columns, self._until(table))

    def _warn_of(self, file: Path, reason: str) -> None:
        if file not in self._damaged:
            self._damaged.add(file)
            self.warnings.append(f"{file.relative_to(self.folder)} is damaged and was skipped: {reason}")

    def _need(self, table: str) -> None:
        if table in self._loaded:
            return
        self._loaded.add(table)
        spec = TABLES[table]
        columns = ", ".join(f'"{name}" {kind}' for name, kind in spec.columns.items()) + (", filename VARCHAR" if spec.named else "")
        self.connection.execute(f"CREATE TABLE {table} (process INTEGER, {columns})")
        for process, folder in enumerate(process_folders(self.folder)):
            files = sorted(str(path) for path in folder.glob(spec.files))
            if files and not self._fill(table, process, files):
                for file in files:
                    self._fill(table, process, [file], only=True)
        if (whole := self._until(table)) is not None:
            self.connection.execute(f"DELETE FROM {table} WHERE second >= ?", [whole])

    def _until(self, table: str) -> int | None:
        """Before which second rows count; None where all do."""
        over_time = table != "generator" and "second" in TABLES[table].columns
        return self.whole_seconds() if self.unended and over_time else None

    def whole_seconds(self) -> int | None:
        """How many seconds all processes have written in full; None when that cannot be told."""
        counted = "SELECT min(seconds) FROM (SELECT max(second) + 1 AS seconds FROM generator GROUP BY process)"
        seconds = self.rows(counted, of=("generator",))[0][0]
        return None if seconds is None else int(seconds)

    def _fill(self, table: str, process: int, files: list[str], *, only: bool = False) -> bool:
        """Reads the files into the table, all or none; when it is the `only` file of its call, a failure becomes a warning."""
        from duckdb import Error, OutOfMemoryException

        spec = TABLES[table]
        try:
            columns = ", ".join([*self._present(spec, files[0]), *(["filename"] if spec.named else [])])
            source = f"SELECT {process}, {columns} FROM read_parquet(?, filename = true) WHERE {spec.where}"
            self.connection.execute(f"INSERT INTO {table} {source}", [files])
        except OutOfMemoryException:
            raise
        except Error as error:
            if only:
                self._warn_of(Path(files[0]), str(error).partition("\n")[0])
            return False
        return True

    def _present(self, spec: TableSpec, file: str) -> Iterator[str]:
        """The columns as they are read; what files of an older tenantry do not have yet is empty."""
        later = spec.columns.keys() & _LATER
        if not later:
            yield from (f'"{name}"' for name in spec.columns)
            return
        there = {name for name, *_ in self.connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file]).fetchall()}
        for name in spec.columns:
            yield f'"{name}"' if name not in later or name in there else f"'' AS \"{name}\""

    def exchanges(self, wanted: Sequence[tuple[str, int]]) -> dict[int, tuple[str, str]]:
        """What was sent and what came back, by the number of the request, from the files that each is in."""
        from duckdb import Error

        files, numbers = sorted({file for file, _ in wanted}), [number for _, number in wanted]
        if not files:
            return {}
        sql = """SELECT id, any_value(request), any_value(response) FROM read_parquet(?)
                 WHERE list_contains(?, id) AND request <> '' GROUP BY id"""
        try:
            return {number: (sent, came) for number, sent, came in self.connection.execute(sql, [files, numbers]).fetchall()}
        except Error:
            # Files of an older tenantry do not have them.
            return {}
