"""Four simple methods that the diagnosis has to beat; each ranks classes for a run, given the run without the fault beside it.

They see the same readings, folded to one number per second, and the same table of what a reading stands for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles

import duckdb

Series = Mapping[str, list[float]]
# What each reading stands for, if it is the one that sticks out.
MEANS = {
    "Lock:transactionid": "hot_row_lock",
    "Lock:tuple": "hot_row_lock",
    "Lock:advisory": "advisory_lock",
    "Lock:relation": "ddl_lock",
    "IO:DataFileRead": "small_shared_buffers",
    "IO:BufFileRead": "sort_spill",
    "IO:BufFileWrite": "sort_spill",
    "IO:BuffileRead": "sort_spill",
    "IO:BuffileWrite": "sort_spill",
    "IO:WALSync": "wal_checkpoints",
    "IO:WalSync": "wal_checkpoints",
    "LWLock:WALWrite": "wal_checkpoints",
    "executing": "missing_index",
    "idle in transaction": "idle_in_transaction",
    "idle": "connection_leak",
    "timing pool": "app_pool_small",
    "timing db": "missing_index",
    "timing ext": "slow_external_call",
    "timing app": "app_cpu",
    "loop lag": "event_loop_blocking",
    "app cpu": "app_cpu",
    "bytes": "large_json",
    "failures": "external_rate_limit",
    "deadlocks": "deadlocks",
    "sessions started": "connection_churn",
}
CLASSES = sorted(set(MEANS.values()))


def series(folder: Path) -> dict[str, list[float]]:
    """Readings of a run per second, by name."""
    found: dict[str, list[float]] = {}
    with duckdb.connect() as connection:
        for query in (_WAITS, _TIMING, _LAG, _CPU, _BYTES, _COUNTERS):
            try:
                rows = connection.execute(query.format(folder=folder)).fetchall()
            except duckdb.Error:
                continue  # a run without such files
            for name, value in rows:
                found.setdefault(name, []).append(float(value or 0))
    return {name: values for name, values in found.items() if name in MEANS}


_WAITS = """SELECT CASE WHEN state <> 'active' THEN state WHEN wait_type = '' THEN 'executing' ELSE wait_type || ':' || wait_event END
    AS name, sum(sessions) / 10.0 FROM '{folder}/probes/activity-*.parquet' WHERE kind = 'client backend'
    GROUP BY name, at_ns // 1000000000"""
_TIMING = """SELECT 'timing ' || metric, sum(sum_ns) / sum(count) FROM '{folder}/series/server_timing-*.parquet' GROUP BY metric, second"""
_LAG = (
    """SELECT 'loop lag', avg(value) FROM '{folder}/probes/readings-*.parquet' WHERE metric = 'loop.lag_s' GROUP BY at_ns // 1000000000"""
)
_CPU = """SELECT 'app cpu', max(value) - min(value) FROM '{folder}/probes/readings-*.parquet'
    WHERE metric = 'process.cpu_s' AND subject = 'app' GROUP BY at_ns // 2000000000"""
_BYTES = """SELECT unnest(['bytes', 'failures']), unnest([sum(bytes_received) / sum(requests), sum(failures) / sum(requests)])
    FROM '{folder}/series/http-*.parquet' GROUP BY second"""
_COUNTERS = """SELECT CASE metric WHEN 'database.deadlocks' THEN 'deadlocks' ELSE 'sessions started' END, max(value) - min(value)
    FROM '{folder}/probes/readings-*.parquet' WHERE metric IN ('database.deadlocks', 'database.sessions') GROUP BY metric"""


def _named(scores: Mapping[str, float]) -> list[str]:
    """Classes by the highest score of their readings."""
    best: dict[str, float] = {}
    for name, score in scores.items():
        best[MEANS[name]] = max(best.get(MEANS[name], 0.0), score)
    return sorted((name for name, score in best.items() if score > 0), key=lambda name: -best[name])


def largest_wait(wrong: Series, healthy: Series) -> list[str]:
    """By what most sessions do."""
    kinds = {name: values for name, values in wrong.items() if ":" in name or name in ("executing", "idle in transaction")}
    return _named({name: sum(values) for name, values in kinds.items()})


def largest_z(wrong: Series, healthy: Series) -> list[str]:
    """By the difference of the means, in standard deviations of the healthy run."""
    scores = {}
    for name, values in wrong.items():
        before = healthy.get(name, [0.0])
        mean = sum(before) / len(before)
        spread = (sum((value - mean) ** 2 for value in before) / len(before)) ** 0.5
        scores[name] = abs(sum(values) / len(values) - mean) / (spread + 0.05 * abs(mean) + 1e-6)
    return _named(scores)


def baro(wrong: Series, healthy: Series) -> list[str]:
    """By the largest deviation from the healthy median, in interquartile ranges (BARO, Pham et al. 2024, its scorer)."""
    scores = {}
    for name, values in wrong.items():
        before = sorted(healthy.get(name, [0.0, 0.0])) * (1 if len(healthy.get(name, ())) > 1 else 2)
        low, _, high = quantiles(before, n=4) if len(before) > 1 else (before[0],) * 3
        scores[name] = max(abs(value - median(before)) for value in values) / (high - low + 1e-6)
    return _named(scores)


def dice(wrong: Series, healthy: Series) -> list[str]:
    """Any order."""
    return random.Random(str(sorted(wrong))).sample(CLASSES, len(CLASSES))


METHODS: dict[str, Callable[[Series, Series], list[str]]] = {
    "random": dice,
    "largest wait": largest_wait,
    "largest z-score": largest_z,
    "BARO": baro,
}
