"""What Postgres counts: of the database, its tables, indexes and statements, of writing and of the server, every few seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tenantry.observe.postgres import Session
from tenantry.observe.recorder import Recorder
from tenantry.observe.settings import Observing
from tenantry.results.probes import MOST_STATEMENTS

_HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
# Source of the rows, and what makes up the subject of a row. Columns are taken as the server's version has them.
_VIEWS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "database": ("pg_stat_database", "(SELECT * FROM pg_stat_database WHERE datname = current_database())", ()),
    "table": (
        "pg_stat_user_tables",
        "(SELECT t.*, s.heap_blks_read, s.heap_blks_hit, s.idx_blks_read, s.idx_blks_hit, s.toast_blks_read, s.toast_blks_hit"
        " FROM pg_stat_user_tables t JOIN pg_statio_user_tables s USING (relid))",
        ("schemaname", "relname"),
    ),
    "index": (
        "pg_stat_user_indexes",
        "(SELECT i.*, s.idx_blks_read, s.idx_blks_hit FROM pg_stat_user_indexes i JOIN pg_statio_user_indexes s USING (indexrelid))",
        ("schemaname", "indexrelname"),
    ),
    "function": ("pg_stat_user_functions", "pg_stat_user_functions", ("schemaname", "funcname")),
    "bgwriter": ("pg_stat_bgwriter", "pg_stat_bgwriter", ()),
    "checkpointer": ("pg_stat_checkpointer", "pg_stat_checkpointer", ()),
    "wal": ("pg_stat_wal", "pg_stat_wal", ()),
    "io": ("pg_stat_io", "(SELECT * FROM pg_stat_io WHERE reads > 0 OR writes > 0 OR hits > 0)", ("backend_type", "object", "context")),
    "lock": ("pg_stat_lock", "pg_stat_lock", ("locktype",)),
}
_STATEMENTS = """(SELECT s.* FROM {schema}.pg_stat_statements(false) s WHERE s.dbid = {here} AND s.queryid IS NOT NULL
                  ORDER BY s.total_exec_time DESC LIMIT {most})"""
_NO_COUNTER = {"relid", "indexrelid", "funcid", "datid", "userid", "dbid", "queryid"}
_READABLE = """SELECT relname, has_table_privilege(oid, 'SELECT') FROM pg_class
               WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'v' AND relname LIKE 'pg\\_stat%'"""
# What cannot be added over the users and levels of a statement.
_NOT_ADDED = ("min_", "max_", "mean_", "stddev_")
PROBE = "postgres.counters"


@dataclass
class Counters:
    """Snapshots of the server's counters, as they are: readers take differences. A value that has not changed is not written again."""

    settings: Observing
    recorder: Recorder
    name: str = PROBE
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _session: Session | None = None
    _views: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    _first: dict[tuple[str, str], float] = field(default_factory=dict)
    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def every_s(self) -> float:
        return self.settings.counters_s

    def open(self) -> None:
        self._session = Session(self.settings.postgres or "")
        self._views, self.missing = _views(self._session)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def read(self) -> None:
        assert self._session is not None
        at_ns = self.recorder.now_ns()
        values: dict[tuple[str, str], float] = {}
        for kind, (source, key) in self._views.items():
            values |= _values(kind, self._session.objects(source), key)
        changed = {what: value for what, value in values.items() if self._last.get(what) != value}
        self._first = self._first or values
        self._last |= changed
        # The moment itself is a reading: between two of them nothing else has changed.
        self.recorder.readings(at_ns, self.name, {**changed, ("snapshot", ""): float(len(values))})

    def grown(self, metric: str) -> dict[str, float]:
        """By how much a counter has grown since the first snapshot, by subject, the most first."""
        now = {what: value - self._first.get(what, 0.0) for what, value in self._last.items() if what[0] == metric}
        return {subject: by for (_, subject), by in sorted(now.items(), key=lambda item: -item[1]) if by > 0}


def statements_schema(session: Session) -> str | None:
    """Where pg_stat_statements lives and can be read; None when it is missing, or not preloaded."""
    found = session.rows(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'pg_stat_statements'"
    )
    preloaded = session.rows(
        "SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries' AND setting LIKE '%pg_stat_statements%'"
    )
    return str(found[0][0]) if found and preloaded else None


def _views(session: Session) -> tuple[dict[str, tuple[str, tuple[str, ...]]], list[str]]:
    """The views that this server has and this role may read, and those that it may not."""
    readable = {str(name): may == "t" for name, may in session.rows(_READABLE)}
    views = {kind: (source, key) for kind, (view, source, key) in _VIEWS.items() if readable.get(view)}
    missing = sorted(view for view, _, _ in _VIEWS.values() if readable.get(view) is False)
    schema = statements_schema(session)
    if schema is None:
        missing.append("pg_stat_statements")
    else:
        views["statement"] = (_STATEMENTS.format(schema=schema, here=_HERE, most=MOST_STATEMENTS), ("queryid",))
    return views, missing


def _values(kind: str, rows: list[dict[str, Any]], key: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """The numbers of the rows by metric and subject; what several rows tell of one subject is added up."""
    values: defaultdict[tuple[str, str], float] = defaultdict(float)
    for row in rows:
        subject = ".".join(str(row[part]) for part in key)
        for column, value in row.items():
            counts = isinstance(value, (int, float)) and not isinstance(value, bool) and column not in _NO_COUNTER
            if counts and not column.startswith(_NOT_ADDED):
                values[f"{kind}.{column}", subject] += float(value)
    return dict(values)
