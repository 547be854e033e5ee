"""Readings of probes on the time line of a run, in groups that belong on one chart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tenantry.results.side import highest_average
from tenantry.results.tables import Tables

FACTS = "probes/facts.json"
# Of how many statements a snapshot keeps the counters.
MOST_STATEMENTS = 500
_NS = 1_000_000_000
_MOST_WAITS = 6
Column = list[float | None]


class Axis(NamedTuple):
    """The points of the time line: how many, and seconds between them."""

    points: int
    step_s: int


def read_facts(folder: Path) -> dict[str, Any]:
    """What the observer of a run wrote down once; empty where there was none, or its file cannot be read."""
    try:
        found = msgspec.json.decode((folder / FACTS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def setting(facts: Mapping[str, Any], name: str) -> float | None:
    """A whole number among the settings of Postgres; None where it is not known."""
    told = ((facts.get("postgres") or {}).get("settings") or {}).get(name) or {}
    return float(told["setting"]) if str(told.get("setting", "")).isdigit() else None


def connections_in_use(tables: Tables) -> float | None:
    """The share of the app's pool, or of the connections that Postgres allows, whichever is nearer to its end, in its worst 10 s."""
    rows = tables.rows(
        """WITH each AS (SELECT at_ns // 1_000_000_000 AS second, metric, subject, avg(value) AS value FROM readings
                         WHERE at_ns >= 0 AND metric IN ('pool.in_use', 'pool.size', 'sessions.all') GROUP BY ALL)
           SELECT sum(value) FILTER (metric = 'pool.in_use') / nullif(sum(value) FILTER (metric = 'pool.size'), 0),
                  sum(value) FILTER (metric = 'sessions.all') / ? FROM each GROUP BY second ORDER BY second""",
        [setting(read_facts(tables.folder), "max_connections")],
        of=("readings",),
    )
    shares = [highest_average([row[limit] for row in rows if row[limit] is not None]) for limit in (0, 1)]
    return max((round(share, 6) for share in shares if share is not None), default=None)


def charts(tables: Tables, axis: Axis) -> list[dict[str, Any]]:
    """Groups with `title`, `unit`, `caption`, `lines` (`label`, `values`) and `limits`; none when nothing was observed."""
    if not axis.points:
        return []
    gauges = _gauges(tables, axis)
    made = [_connections(gauges), _waits(tables, axis), _processors(tables, axis, gauges), _loop(gauges)]
    return [group for group in made if group["lines"]]


def _connections(gauges: Mapping[str, Column]) -> dict[str, Any]:
    names = {
        "sessions active": "active sessions",
        "sessions idle in transaction": "idle in transaction",
        "sessions idle": "idle sessions",
        "pool.in_use ": "pool: in use",
        "pool.waiting ": "pool: requests waiting",
    }
    size = max((value for value in gauges.get("pool.size ", ()) if value is not None), default=None)
    return {
        "title": "Connections to Postgres",
        "unit": "count",
        "caption": "Sessions of the database by state, and the app's pool, where it tells.",
        "lines": [{"label": label, "values": gauges[name]} for name, label in names.items() if name in gauges],
        "limits": [{"label": "size of the pool", "value": size}] if size is not None else [],
    }


def _waits(tables: Tables, axis: Axis) -> dict[str, Any]:
    """What sessions at work waited for, the most frequent first."""
    rows = tables.rows(
        """SELECT at_ns // ? AS point, CASE WHEN wait_type = '' THEN 'executing' ELSE wait_type || ':' || wait_event END AS wait,
                  sum(sessions)::DOUBLE FROM activity
           WHERE kind = 'client backend' AND state = 'active' AND wait_type <> 'Client' AND at_ns >= 0 GROUP BY ALL""",
        [axis.step_s * _NS],
        of=("activity",),
    )
    samples = _samples(tables, axis)
    lines: defaultdict[str, Column] = defaultdict(lambda: [0.0 if count else None for count in samples])
    for point, wait, sessions in rows:
        if point < axis.points and samples[point]:
            lines[wait][point] = sessions / samples[point]
    most = Counter({wait: sum(value or 0.0 for value in values) for wait, values in lines.items()}).most_common(_MOST_WAITS)
    told = [{"label": wait, "values": lines[wait]} for wait, _ in most]
    caption = "Sessions at work by what they wait for; those that execute wait for nothing."
    return {"title": "Sessions at work", "unit": "count", "caption": caption, "lines": told, "limits": []}


def _samples(tables: Tables, axis: Axis) -> list[int]:
    """How often somebody looked at the sessions, per point."""
    counted = [0] * axis.points
    for point, count in tables.rows(
        "SELECT at_ns // ?, count(*) FROM readings WHERE metric = 'sessions' AND subject = '' AND at_ns >= 0 GROUP BY 1",
        [axis.step_s * _NS],
        of=("readings",),
    ):
        if point < axis.points:
            counted[point] = count
    return counted


def _processors(tables: Tables, axis: Axis, gauges: Mapping[str, Column]) -> dict[str, Any]:
    rows = tables.rows(
        """SELECT subject, at_ns // ? AS point, arg_max(value, at_ns) FROM readings
           WHERE metric = 'process.cpu_s' AND subject NOT LIKE '%:%' AND at_ns >= 0 GROUP BY ALL ORDER BY subject, point""",
        [axis.step_s * _NS],
        of=("readings",),
    )
    lines = _cores(rows, axis)
    cores = next((value for value in gauges.get("cpu.cores ", ()) if value is not None), None)
    return {
        "title": "Processors",
        "unit": "count",
        "caption": "Cores that each part of this machine used.",
        "lines": [{"label": subject, "values": values} for subject, values in lines.items()],
        "limits": [{"label": "cores", "value": cores}] if cores is not None else [],
    }


def _cores(rows: Sequence[tuple[str, int, float]], axis: Axis) -> dict[str, Column]:
    """From processor seconds at the end of each point to cores in use."""
    lines: dict[str, Column] = {}
    before: dict[str, tuple[int, float]] = {}
    for subject, point, seconds in rows:
        if subject in before and point < axis.points:
            at, then = before[subject]
            for between in range(at + 1, point + 1):
                lines.setdefault(subject, [None] * axis.points)[between] = max(seconds - then, 0.0) / ((point - at) * axis.step_s)
        before[subject] = (point, seconds)
    return lines


def _loop(gauges: Mapping[str, Column]) -> dict[str, Any]:
    values = gauges.get("loop.lag_s ")
    return {
        "title": "Event loop of the app",
        "unit": "s",
        "caption": "How late its timers were.",
        "lines": [{"label": "lag", "values": values}] if values else [],
        "limits": [],
    }


def _gauges(tables: Tables, axis: Axis) -> dict[str, Column]:
    """Gauges by metric and, of sessions, state; the app's workers are added up, the worst of their loops counts."""
    found: dict[str, Column] = {}
    for name, point, value in tables.rows(
        """WITH each AS (
               SELECT metric, subject, at_ns // ? AS point, avg(value) AS value FROM readings
               WHERE at_ns >= 0 AND (metric IN ('pool.size', 'pool.in_use', 'pool.waiting', 'loop.lag_s', 'cpu.cores')
                                     OR (metric = 'sessions' AND subject <> '')) GROUP BY ALL)
           SELECT metric || ' ' || CASE metric WHEN 'sessions' THEN subject ELSE '' END AS name, point,
                  CASE metric WHEN 'loop.lag_s' THEN max(value) ELSE sum(value) END FROM each GROUP BY metric, name, point""",
        [axis.step_s * _NS],
        of=("readings",),
    ):
        if point < axis.points:
            found.setdefault(name, [None] * axis.points)[point] = value
    return found
