"""What was seen, in short: a pure function of the folder that an observer wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tenantry.observe.activity import IN_USE
from tenantry.results.probes import read_facts, setting
from tenantry.results.tables import Tables

MOST_WAITS = 12
MOST_STATEMENTS = 10
SCHEMA = 1
HIGHEST = (
    *("pool.in_use", "pool.size", "pool.waiting", "loop.lag_s", "in_flight", "listener.queue"),
    *("pooler.cl_waiting", "pooler.maxwait_s", "pooler.sv_active"),
)
_BUSY = ", ".join(f"'{state}'" for state in IN_USE)
# Between first and last: a counter that has not changed is written once.
_GROWN = """
WITH bounds AS (SELECT min(at_ns) AS first FROM readings WHERE probe = 'postgres.counters'),
     grown AS (SELECT metric, subject, arg_max(value, at_ns) - coalesce(min(value) FILTER (at_ns = first), 0) AS value
               FROM readings, bounds WHERE metric IN ('statement.total_exec_time', 'statement.calls', 'statement.rows') GROUP BY ALL)
SELECT subject, sum(value) FILTER (metric = 'statement.total_exec_time') / 1e3 AS time_s,
       sum(value) FILTER (metric = 'statement.calls'), sum(value) FILTER (metric = 'statement.rows')
FROM grown GROUP BY subject HAVING time_s > 0 ORDER BY time_s DESC"""
_RATES = """
SELECT subject, (max(value) - min(value)) / nullif(max(at_ns) - min(at_ns), 0) * 1e9 FROM readings
WHERE metric = ? AND subject NOT LIKE '%:%' GROUP BY subject ORDER BY 2 DESC"""


def summary(folder: Path) -> dict[str, Any]:
    """The document of `tenantry observe` (see docs/observe.md); a part of what was not watched is None, or empty."""
    facts = read_facts(folder)
    with closing(Tables(folder)) as tables:
        length_s = _value(tables, "SELECT max(at_ns) / 1e9 FROM readings")
        return {
            "schema": SCHEMA,
            "folder": str(folder),
            "length_s": length_s,
            "sessions": _sessions(tables, facts),
            "statements": list(_statements(tables, facts)),
            "highest": _highest(tables),
            "host": _host(tables),
            "processes": {group: cores for group, cores in tables.rows(_RATES, ["process.cpu_s"], of=("readings",)) if cores is not None},
            "probes": list(_probes(facts)),
            "cost": _cost(facts, length_s),
        }


def _sessions(tables: Tables, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """How many sessions were at work on average, and what they waited for; the most connections against those allowed."""
    samples, most = _row(
        tables, "SELECT count(*), max(value) FROM readings WHERE probe = 'postgres.activity' AND metric = 'sessions' AND subject = ''"
    )
    if not samples:
        return None
    waits = f"""SELECT wait_type, wait_event, sum(sessions) / ? FROM activity WHERE state IN ({_BUSY}) GROUP BY ALL ORDER BY 3 DESC"""
    found = [
        {"wait_type": kind or "CPU", "wait_event": event, "sessions": float(mean)}
        for kind, event, mean in tables.rows(waits, [samples], of=("activity",))
    ]
    idle = "SELECT coalesce(sum(sessions), 0) / ? FROM activity WHERE state LIKE 'idle in transaction%'"
    allowed = setting(facts, "max_connections")
    return {
        "samples": samples,
        "active": sum(wait["sessions"] for wait in found),
        "idle_in_transaction": float(tables.rows(idle, [samples], of=("activity",))[0][0]),
        "waits": found[:MOST_WAITS],
        "most_connections": most,
        "max_connections": allowed,
    }


def _statements(tables: Tables, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that took most time: as Postgres counted it or, without pg_stat_statements, by how often they were met."""
    known = (facts.get("postgres") or {}).get("statements") or {}
    # Those without a text are the observer's own.
    counted = [row for row in tables.rows(_GROWN, of=("readings",)) if not known or row[0] in known][:MOST_STATEMENTS]
    for number, time_s, calls, rows in counted:
        yield {"query_id": number, "text": known.get(number), "time_s": time_s, "calls": calls, "rows": rows}
    if counted:
        return
    met = f"""
        WITH samples AS (SELECT count(*) AS n, max(at_ns) / 1e9 AS length_s FROM readings
                         WHERE probe = 'postgres.activity' AND metric = 'sessions' AND subject = '')
        SELECT query_id, sum(sessions) / any_value(n) * any_value(length_s) FROM activity, samples
        WHERE state IN ({_BUSY}) AND query_id <> '' GROUP BY query_id ORDER BY 2 DESC LIMIT ?"""
    for number, time_s in tables.rows(met, [MOST_STATEMENTS], of=("readings", "activity")):
        yield {"query_id": number, "text": known.get(number), "time_s": time_s, "calls": None, "rows": None}


def _highest(tables: Tables) -> dict[str, float]:
    """The highest value of some gauges of the pools and the app."""
    listed = ", ".join(f"'{name}'" for name in HIGHEST)
    found = tables.rows(f"SELECT metric, max(value) FROM readings WHERE metric IN ({listed}) GROUP BY metric", of=("readings",))
    return {metric: value for metric, value in found if value is not None}


def _host(tables: Tables) -> dict[str, float] | None:
    """Cores of the machine, and how many of them were busy on average."""
    cores = _value(tables, "SELECT max(value) FROM readings WHERE metric = 'cpu.cores'")
    if cores is None:
        return None
    busy = tables.rows(_RATES, ["cpu.busy_s"], of=("readings",))
    least = _value(tables, "SELECT min(value) FROM readings WHERE metric = 'memory.available_bytes'")
    return {"cores": cores, "busy_cores": (busy[0][1] if busy else None) or 0.0, "least_available_bytes": least or 0.0}


def _probes(facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, account in (facts.get("probes") or {}).items():
        yield {"name": name, **account}


def _cost(facts: Mapping[str, Any], length_s: float | None) -> dict[str, Any]:
    """What watching took: of this machine, and of Postgres in the observer's own statements."""
    cpu_s = (facts.get("observer") or {}).get("cpu_s")
    own = (facts.get("postgres") or {}).get("cost") or {}
    return {
        "cpu_s": cpu_s,
        "cpu_share": cpu_s / length_s if cpu_s is not None and length_s else None,
        "postgres_s": own.get("exec_s"),
        "postgres_calls": own.get("calls"),
        "postgres_share": own["exec_s"] / length_s if "exec_s" in own and length_s else None,
    }


def _value(tables: Tables, sql: str) -> float | None:
    value = _row(tables, sql)[0]
    return None if value is None else float(value)


def _row(tables: Tables, sql: str) -> Sequence[Any]:
    return tables.rows(sql, of=("readings",))[0]
