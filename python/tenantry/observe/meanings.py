"""What the metrics of known libraries mean: the pool of connections, the event loop's lag, the requests in flight."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tenantry.observe.exposition import Sample

Key = tuple[str, str]
_NO_GAUGE = ("counter", "histogram", "summary")
_POOL_LABELS = ("pool", "pool_name", "db_client_connection_pool_name", "db_client_connections_pool_name", "hikaricp", "db_name", "database")
_WORKER_LABELS = ("pid", "worker_pid", "worker", "process_id", "worker_id")
_WORKER_METRIC = re.compile(r"(?:.*_)?(?:worker|process)_?pid")
_NO_POOL_OF_CONNECTIONS = re.compile(r"thread|memory|executor|buffer|jvm|http|redis|worker_pool", re.IGNORECASE)
_GO = r"go_sql(?:_stats)?_(?:connections_)?"
_OTEL = r"db_client_connections?_"
# In the order of preference, each with the value of the label `state` (or one whose name ends so) that the sample must have, if any.
_POOL_NAMES = tuple(
    (what, re.compile(pattern), state)
    for what, pattern, state in (
        ("limit", rf"hikaricp_connections_max|{_OTEL}max|{_GO}max_open(?:_connections)?", ""),
        ("limit", r"(?:.*_)?pool_(?:max|max_size|limit|capacity)", ""),
        ("size", r"(?:.*_)?pool_size", ""),
        ("size", rf"hikaricp_connections|{_GO}open(?:_connections)?", ""),
        ("size", r"(?:.*_)?pool_(?:total|total_count|connections|open|connections_open)", ""),
        ("in_use", rf"{_OTEL}(?:count|usage)", "used"),
        ("in_use", rf"hikaricp_connections_active|{_GO}in_use(?:_connections)?", ""),
        ("in_use", r"(?:.*_)?pool_(?:connections_)?(?:in_use|inuse|used|busy|active|checked_?out|acquired)(?:_count|_connections)?", ""),
        ("idle", rf"{_OTEL}(?:count|usage)", "idle"),
        ("idle", rf"hikaricp_connections_idle|{_GO}idle(?:_connections)?", ""),
        ("idle", r"(?:.*_)?pool_(?:connections_)?(?:idle|available|free|checked_?in)(?:_count|_connections)?", ""),
        ("waiting", rf"hikaricp_connections_pending|{_OTEL}pending_requests|prisma_client_queries_wait", ""),
        ("waiting", r"(?:.*_)?pool_(?:requests_)?(?:waiting|pending|waiters)(?:_count|_requests|_clients)?", ""),
    )
)
_POOL_WAIT = re.compile(
    rf"(?:hikaricp_connections_acquire|{_OTEL}wait_time|(?:.*_)?pool_(?:wait|acquire|checkout)(?:_time|_duration)?)_(?:milli)?seconds"
)
_LAG = re.compile(r"(?:.*_)?event_?loop_(?:lag|delay)(?:_(p99|max|mean|min|stddev|p50|p90))?_(milli)?seconds")
_LAG_ORDER = ("p99", "max", "")
_IN_FLIGHT = re.compile(
    r"(?:.*_)?(?:requests?_(?:in_flight|in_progress|inflight|inprogress|active)|in_?flight_requests|active_requests)(?:_current)?"
)


def worker(samples: Iterable[Sample]) -> str:
    """The process that answered, as a metric of its own tells; empty where none does."""
    return next((f"{sample.value:.0f}" for sample in samples if _WORKER_METRIC.fullmatch(sample.name)), "")


def worker_of(sample: Sample, answered: str) -> str:
    """The process that a sample is of: one that its labels name, or the one that answered."""
    return next((sample.labels[label] for label in _WORKER_LABELS if label in sample.labels), answered)


@dataclass
class Meanings:
    """Recognises samples. Of histograms it remembers the last scrape of each worker: what counts is what came since."""

    _last: dict[Key, dict[float, float]] = field(default_factory=dict)

    def of(self, samples: Sequence[Sample], answered: str) -> dict[Key, float]:
        """Readings by common names: `pool.size`, `pool.in_use`, `pool.idle`, `pool.waiting`, `pool.wait_s`, `loop.lag_s`, `in_flight`."""
        values: dict[Key, float] = {}
        values |= _pools(samples, answered)
        values |= _in_flight(samples, answered)
        values |= self._lag(samples, answered)
        values |= self._waits(samples, answered)
        return {key: value for key, value in values.items() if math.isfinite(value)}

    def _lag(self, samples: Sequence[Sample], answered: str) -> dict[Key, float]:
        """The 99th percentile since the last scrape, or what the app gives as such, or the greatest, or the last."""
        gauges: dict[str, dict[str, float]] = defaultdict(dict)
        buckets: dict[Key, dict[float, float]] = defaultdict(dict)
        for sample in samples:
            name = _LAG.fullmatch(sample.family)
            if name is None:
                continue
            scale = 1e-3 if name[2] else 1.0
            if sample.kind == "histogram":
                if sample.name.endswith("_bucket") and (bound := _number(sample.labels.get("le"))) is not None:
                    buckets[sample.family, worker_of(sample, answered)][bound * scale] = sample.value
            elif (what := name[1] or "") in _LAG_ORDER:
                kept = gauges[worker_of(sample, answered)]
                kept[what] = max(sample.value * scale, kept.get(what, 0.0))
        values = {("loop.lag_s", who): next(told[what] for what in _LAG_ORDER if what in told) for who, told in gauges.items()}
        for (family, who), counts in buckets.items():
            if (p99 := quantile(self._grown((family, who), counts), 0.99)) is not None:
                values["loop.lag_s", who] = p99
        return values

    def _waits(self, samples: Sequence[Sample], answered: str) -> dict[Key, float]:
        """The mean time that somebody waited for a connection since the last scrape."""
        sums: dict[Key, dict[float, float]] = defaultdict(lambda: {0.0: 0.0, 1.0: 0.0})
        for sample in samples:
            name = _POOL_WAIT.fullmatch(sample.family)
            part = next((part for part in ("_sum", "_count") if sample.name.endswith(part)), None)
            if name is None or part is None:
                continue
            scale = 1e-3 if "milliseconds" in sample.family and part == "_sum" else 1.0
            sums[sample.family, _subject(sample, answered)][0.0 if part == "_sum" else 1.0] += sample.value * scale
        values: dict[Key, float] = {}
        for (family, subject), now in sums.items():
            since = self._grown((family, subject), now)
            if since.get(1.0, 0.0) > 0:
                values["pool.wait_s", subject] = since[0.0] / since[1.0]
        return values

    def _grown(self, key: Key, now: dict[float, float]) -> dict[float, float]:
        """What was added since the last scrape; nothing the first time, and all of it after a restart."""
        before = self._last.get(key)
        self._last[key] = now
        if before is None:
            return {}
        restarted = any(now[part] < before.get(part, 0.0) for part in now)
        return now if restarted else {part: value - before.get(part, 0.0) for part, value in now.items()}


def quantile(cumulative: Mapping[float, float], q: float) -> float | None:
    """The upper bound of the bucket with this quantile; the highest finite bound for what lies beyond. None without values."""
    bounds = sorted(cumulative)
    count = cumulative[bounds[-1]] if bounds else 0.0
    if count <= 0:
        return None
    within = next(bound for bound in bounds if cumulative[bound] >= q * count)
    finite = [bound for bound in bounds if math.isfinite(bound)]
    return within if math.isfinite(within) else max(finite, default=None)


def _pools(samples: Sequence[Sample], answered: str) -> dict[Key, float]:
    found: dict[str, dict[str, tuple[int, str, float]]] = defaultdict(dict)
    for sample in samples:
        for rank, what in _pool_meanings(sample):
            kept = found[_subject(sample, answered)]
            before = kept.get(what)
            if before is None or rank < before[0]:
                kept[what] = rank, sample.name, sample.value
            elif sample.name == before[1]:
                kept[what] = rank, sample.name, before[2] + sample.value
    values: dict[Key, float] = {}
    for subject, told in found.items():
        whole = _completed({what: value for what, (_, _, value) in told.items()})
        values |= {(f"pool.{what}", subject): value for what, value in whole.items()}
    return values


def _pool_meanings(sample: Sample) -> Iterator[tuple[int, str]]:
    if sample.kind in _NO_GAUGE or _NO_POOL_OF_CONNECTIONS.search(sample.name):
        return
    told = next((value for label, value in sample.labels.items() if label == "state" or label.endswith("_state")), "")
    for rank, (what, pattern, state) in enumerate(_POOL_NAMES):
        if state in ("", told) and pattern.fullmatch(sample.name):
            yield rank, what


def _completed(told: dict[str, float]) -> dict[str, float]:
    """The most connections that the pool may have as its size, and what others leave."""
    size, limit = told.get("size"), told.pop("limit", None)
    if "in_use" not in told and size is not None and "idle" in told:
        told["in_use"] = max(size - told["idle"], 0.0)
    if limit:
        told["size"] = limit
    elif size is None and "in_use" in told and "idle" in told:
        told["size"] = told["in_use"] + told["idle"]
    return told


def _in_flight(samples: Sequence[Sample], answered: str) -> dict[Key, float]:
    values: dict[Key, float] = defaultdict(float)
    for sample in samples:
        if sample.kind not in _NO_GAUGE and _IN_FLIGHT.fullmatch(sample.name):
            values["in_flight", worker_of(sample, answered)] += sample.value
    return dict(values)


def _subject(sample: Sample, answered: str) -> str:
    """Worker and pool."""
    pool = next((sample.labels[label] for label in _POOL_LABELS if label in sample.labels), "")
    return " ".join(part for part in (worker_of(sample, answered), pool) if part)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
