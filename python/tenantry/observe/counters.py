"""What Postgres counts: of the database, its tables, indexes and statements, of writing and of the server, every few seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tenantry.engine import DatabaseError
from tenantry.observe.postgres import OLDEST, Session, is_refused
from tenantry.observe.probe import said
from tenantry.observe.recorder import Recorder
from tenantry.observe.settings import Observing
from tenantry.results.probes import MOST_STATEMENTS

EXTENSION = "pg_stat_statements"
_HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"


class _View(NamedTuple):
    """Where rows come from (`source`: what follows FROM), what makes up the subject of a row, and the first version that has it."""

    name: str
    source: str
    key: tuple[str, ...] = ()
    since: int = OLDEST


# Columns are taken as the server's version has them.
_VIEWS = {
    "database": _View("pg_stat_database", "(SELECT * FROM pg_stat_database WHERE datname = current_database())"),
    "table": _View(
        "pg_stat_user_tables",
        "(SELECT * FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, schemaname, relname))",
        ("schemaname", "relname"),
    ),
    "index": _View(
        "pg_stat_user_indexes",
        "(SELECT * FROM pg_stat_user_indexes JOIN pg_statio_user_indexes USING (relid, indexrelid, schemaname, relname, indexrelname))",
        ("schemaname", "indexrelname"),
    ),
    "function": _View("pg_stat_user_functions", "pg_stat_user_functions", ("schemaname", "funcname")),
    "bgwriter": _View("pg_stat_bgwriter", "pg_stat_bgwriter"),
    "checkpointer": _View("pg_stat_checkpointer", "pg_stat_checkpointer", since=17),
    "wal": _View("pg_stat_wal", "pg_stat_wal"),
    "io": _View(
        "pg_stat_io",
        "(SELECT * FROM pg_stat_io WHERE reads > 0 OR writes > 0 OR hits > 0)",
        ("backend_type", "object", "context"),
        since=16,
    ),
    "lock": _View("pg_stat_lock", "pg_stat_lock", ("locktype",), since=19),
}
_STATEMENTS = """(SELECT s.* FROM {schema}.pg_stat_statements(false) s WHERE s.dbid = {here} AND s.queryid IS NOT NULL
                  ORDER BY s.total_exec_time DESC LIMIT {most})"""
_NO_COUNTER = {"relid", "indexrelid", "funcid", "datid", "userid", "dbid", "queryid"}
_THERE = "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'v' AND relname LIKE 'pg\\_stat%'"
_BEGAN_ANEW = (
    "Postgres has lost its counters meanwhile (a crash, or pg_stat_reset); what it counted between the last look and then is missing"
)
# What goes up and down by itself; all else only falls where it begins anew.
_GAUGES = {
    "database.numbackends",
    *("table.n_live_tup", "table.n_dead_tup", "table.n_mod_since_analyze", "table.n_ins_since_vacuum"),
}
# What cannot be added over the users and levels of a statement.
_NOT_ADDED = ("min_", "max_", "mean_", "stddev_")
PROBE = "postgres.counters"


@dataclass
class Counters:
    """Snapshots of the server's counters: readers take differences. A value that has not changed is not written again.

    Those that begin anew, after a crash or a reset, go on from where they were. A view that cannot be read is left out and told.
    """

    settings: Observing
    recorder: Recorder
    name: str = PROBE
    notes: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    _session: Session | None = None
    _views: dict[str, _View] = field(default_factory=dict)
    _counted: dict[tuple[str, str], float] = field(default_factory=dict)
    _lost: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _first: dict[tuple[str, str], float] = field(default_factory=dict)
    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def every_s(self) -> float:
        return self.settings.counters_s

    def open(self) -> None:
        self._session = Session(self.settings.postgres or "")
        version = self._session.version
        there = {name for (name,) in self._session.rows(_THERE)}
        for view in _VIEWS.values():
            if view.name not in there and version >= view.since:
                self._leave_out(view, f"Postgres {version} does not have it")
        schema = statements_schema(self._session)
        if schema is None:
            self.missing.add(EXTENSION)
        found = {kind: view for kind, view in _VIEWS.items() if view.name in there} | _statements(schema)
        self._views = {kind: view for kind, view in found.items() if view.name not in self.missing}

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def read(self) -> None:
        assert self._session is not None
        at_ns = self.recorder.now_ns()
        values: dict[tuple[str, str], float] = {}
        for kind, view in list(self._views.items()):
            try:
                values |= _values(kind, self._session.objects(view.source), view.key)
            except KeyError as error:
                self._leave_out(view, f"it has no column {error}")
            except DatabaseError as error:
                if not is_refused(error):
                    raise
                self._leave_out(view, said(error))
        values = self._going_on(values)
        changed = {what: value for what, value in values.items() if self._last.get(what) != value}
        self._first = self._first or values
        self._last |= changed
        # The moment itself is a reading: between two of them nothing else has changed.
        self.recorder.readings(at_ns, self.name, {**changed, ("snapshot", ""): float(len(values))})

    def _leave_out(self, view: _View, why: str) -> None:
        self._views = {kind: other for kind, other in self._views.items() if other != view}
        if view.name not in self.missing:
            self.notes.append(f"{view.name} cannot be read: {why}")
        self.missing.add(view.name)

    def _going_on(self, values: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
        counted = {what: before for what, before in self._counted.items() if what[0] not in _GAUGES}
        fallen = {_kind(what) for what, before in counted.items() if values.get(what, 0.0) < before}
        # Of statements, some are among the first in one snapshot and not in the next; what is told of the database never falls by itself.
        if "database" in fallen:
            if _BEGAN_ANEW not in self.notes:
                self.notes.append(_BEGAN_ANEW)
            for what, before in counted.items():
                if _kind(what) in fallen:
                    self._lost[what] += before
                    self._counted[what] = 0.0
        self._counted |= values
        return {what: value + self._lost.get(what, 0.0) for what, value in values.items()}

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


def _kind(what: tuple[str, str]) -> str:
    return what[0].partition(".")[0]


def _statements(schema: str | None) -> dict[str, _View]:
    if schema is None:
        return {}
    info = f"{EXTENSION}_info"
    return {
        "statement": _View(EXTENSION, _STATEMENTS.format(schema=schema, here=_HERE, most=MOST_STATEMENTS), ("queryid",)),
        "statements": _View(info, f"{schema}.{info}"),
    }


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
