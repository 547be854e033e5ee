"""A test that goes on, from what it has written so far: each row is read once, whoever looks."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tenantry.results.histogram import highest_ns, rank
from tenantry.results.tables import process_folders

SHOWN_S = 120
RECENT_S = 5
_LATE_S = 30
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_FRESH_S = 1.0
_NAMES = ("due", "started", "dropped", "requests", "failures")
# The rows that a file has gained: `?` are the file, the rows that were read before, and those that are there now.
_NEW = "read_parquet(?, file_row_number = true) WHERE file_row_number >= ? AND file_row_number < ? AND second >= 0"
_ROWS = "SELECT num_rows FROM parquet_file_metadata(?)"
_HTTP = f"""SELECT second, sum(requests)::BIGINT, sum(failures)::BIGINT, max(response_max_ns)
    FROM {_NEW} GROUP BY second"""
_TIMES = f"""WITH entries AS (SELECT second, unnest(response_buckets) AS bucket, unnest(response_counts) AS c FROM {_NEW})
    SELECT second, bucket, sum(c)::BIGINT FROM entries GROUP BY ALL"""
_ITERATIONS = f"""SELECT second, sum(due)::BIGINT, sum(started)::BIGINT, sum(dropped)::BIGINT
    FROM {_NEW} GROUP BY second"""
_WHOLE = f"SELECT max(second) + 1 FROM {_NEW}"

Column = list[float | None]


@dataclass(slots=True)
class _Second:
    counts: Counter[str] = field(default_factory=Counter)
    buckets: Counter[int] = field(default_factory=Counter)
    max_ns: int = 0


class _New(NamedTuple):
    """Rows of a file: from `start` until before `stop`."""

    file: str
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """How a test stands: `elapsed_s` seconds that all processes have written in full, counts since the start, the last seconds as columns.

    `recent` has the rates per second of the last `RECENT_S` seconds, `times` their quantiles in seconds.
    """

    elapsed_s: int
    totals: dict[str, int]
    recent: dict[str, float]
    times: dict[str, float | None]
    columns: dict[str, Column]


class Watch:
    """Reads what a run folder has gained since the last look. Safe for several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_rows: Counter[Path] = Counter()
        self._seconds: defaultdict[int, _Second] = defaultdict(_Second)
        self._before: Counter[str] = Counter()
        self._whole: dict[int, int] = {}
        self._lock = threading.Lock()
        self._last: tuple[float, Moment] | None = None

    def look(self) -> Moment:
        """The figures of this moment, at most a second old."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > _FRESH_S:
                self._read()
                self._last = time.monotonic(), self._moment()
            return self._last[1]

    def _read(self) -> None:
        import duckdb

        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            for process, folder in enumerate(process_folders(self._folder)):
                # First what says how far the others go, so that none of those seconds is missed.
                for (whole,) in self._rows(connection, folder, "probes/generator-*.parquet", _WHOLE):
                    self._whole[process] = max(self._whole.get(process, 0), whole or 0)
                self._whole.setdefault(process, 0)
                self._add_requests(connection, folder)
                for second, *counts in self._rows(connection, folder, "series/iterations-*.parquet", _ITERATIONS):
                    self._seconds[second].counts.update(dict(zip(_NAMES[:3], counts, strict=True)))

    def _add_requests(self, connection: Any, folder: Path) -> None:
        new = self._new(connection, folder, "series/http-*.parquet")
        for second, requests, failures, max_ns in self._asked(connection, _HTTP, new):
            found = self._seconds[second]
            found.counts.update({"requests": requests, "failures": failures})
            found.max_ns = max(found.max_ns, max_ns or 0)
        for second, bucket, count in self._asked(connection, _TIMES, new):
            self._seconds[second].buckets[bucket] += count

    def _rows(self, connection: Any, folder: Path, files: str, sql: str) -> Iterable[tuple[Any, ...]]:
        return self._asked(connection, sql, self._new(connection, folder, files))

    def _new(self, connection: Any, folder: Path, files: str) -> list[_New]:
        """What was written since the last look. Files grow at their end; only the newest one that was seen can have grown."""
        found, there = [], sorted(folder.glob(files))
        seen = [path for path in there if path in self._read_rows]
        for path in [*seen[-1:], *(path for path in there if path not in self._read_rows)]:
            for (rows,) in self._asked(connection, _ROWS, [_New(str(path))]):
                found.append(_New(str(path), self._read_rows[path], rows))
                self._read_rows[path] = rows
        return [new for new in found if new.start < new.stop]

    @staticmethod
    def _asked(connection: Any, sql: str, files: Sequence[_New]) -> list[tuple[Any, ...]]:
        """The rows of a query over files; a damaged one has none."""
        import duckdb

        rows: list[tuple[Any, ...]] = []
        for file in files:
            with suppress(duckdb.Error):
                rows += connection.execute(sql, list(file)[: sql.count("?")]).fetchall()
        return rows

    def _moment(self) -> Moment:
        whole = min(self._whole.values(), default=0)
        shown = [self._seconds.get(second, _Second()) for second in range(max(whole - SHOWN_S, 0), whole)]
        last = shown[-RECENT_S:]
        self._fold(whole - SHOWN_S - _LATE_S)
        inside = [one for second, one in self._seconds.items() if second < whole]
        totals = {name: self._before[name] + sum(one.counts[name] for one in inside) for name in _NAMES}
        columns: dict[str, Column] = {name: [float(one.counts[name]) for one in shown] for name in _NAMES}
        columns |= {name: [_quantile([one], q) for one in shown] for name, q in _QUANTILES.items()}
        recent = {name: sum(one.counts[name] for one in last) / len(last) if last else 0.0 for name in _NAMES}
        return Moment(whole, totals, recent, {name: _quantile(last, q) for name, q in _QUANTILES.items()}, columns)

    def _fold(self, until: int) -> None:
        """Keep only the counts of seconds that are shown no more: a test may go on for days."""
        for second in [second for second in self._seconds if second < until]:
            self._before.update(self._seconds.pop(second).counts)


def _quantile(seconds: Sequence[_Second], q: float) -> float | None:
    """In seconds, by the rule of the run folder: the highest value of the bucket with that rank, at most the exact maximum."""
    merged: Counter[int] = Counter()
    for one in seconds:
        merged.update(one.buckets)
    n = merged.total()
    if not n:
        return None
    wanted, seen = rank(q, n), 0
    for bucket in sorted(merged):
        seen += merged[bucket]
        if seen >= wanted:
            return min(highest_ns(bucket), max(one.max_ns for one in seconds)) / 1e9
    return None
