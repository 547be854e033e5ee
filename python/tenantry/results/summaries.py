"""Distributions of durations with what can be said of their percentiles: intervals from slices of the run, or too few samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tenantry.metrics.confidence import half_width, samples_needed, slice_length
from tenantry.results.histogram import highest_ns
from tenantry.results.model import Summary
from tenantry.results.tables import Tables

PERMILLE = (500, 900, 950, 990, 999)
PERCENTILES = tuple(f"p{permille / 10:g}" for permille in PERMILLE)
_NEEDED = tuple(samples_needed(permille / 1000) for permille in PERMILLE)
_BUCKETS = ", ".join(f"min(bucket) FILTER (seen * 1000 >= n * {permille})" for permille in PERMILLE)

Row = Sequence[int]
Where = tuple[str, Sequence[object]]


def summaries(
    tables: Tables, source: str, *, histogram: str, key: str, seconds: int, where: Where = ("true", ()), total: bool = False
) -> dict[int | None, Summary]:
    """A summary per value of the whole number `key` over the rows of `source` that fit `where`; with `total`, None stands for everything.

    `source` is a table or the view `requests` of `http`; `seconds` is the length of the load, which is cut into slices.
    """
    condition, parameters = where
    length = slice_length(seconds)
    count = seconds // length if length else 0
    part = f"CASE WHEN second < {count * length} THEN second // {length} ELSE -1 END" if length else "-1"
    query = _query(f"(SELECT *, {key} AS key, {part} AS slice FROM {source} WHERE {condition})", histogram, total=total)
    whole: dict[int | None, Row] = {}
    slices: dict[int | None, list[Row]] = defaultdict(list)
    for found, number, is_slice, n, sum_ns, max_ns, *buckets in tables.rows(query, parameters, of=(_table(source),)):
        # Quantile q is the highest value of the bucket with rank ceil(q * n), at most the exact maximum.
        values = [min(highest_ns(bucket), max_ns) for bucket in buckets]
        if not is_slice:
            whole[found] = (n, sum_ns, max_ns, *values)
        elif number >= 0:
            slices[found].append(values)
    return {found: _summary(row, slices[found] if len(slices[found]) == count else []) for found, row in whole.items()}


def _table(source: str) -> str:
    return "http" if source == "requests" else source


def _query(source: str, histogram: str, *, total: bool) -> str:
    """Rows of (key, slice, whether it is a slice, n, sum_ns, max_ns, bucket of each quantile), merged once and then added up in levels."""
    levels = [("key",), ("key", "slice"), *([(), ("slice",)] if total else [])]
    sets, with_bucket = (", ".join(f"({', '.join((*level, *more))})" for level in levels) for more in ((), ("bucket",)))
    is_slice = "GROUPING(slice) = 0 AS is_slice"
    return f"""
        WITH base AS (SELECT key, slice, {histogram}_buckets AS buckets, {histogram}_counts AS counts, {histogram}_sum_ns AS sum_ns,
                             {histogram}_max_ns AS max_ns FROM {source} WHERE len({histogram}_buckets) > 0),
        entries AS (SELECT key, slice, unnest(buckets) AS bucket, unnest(counts) AS c FROM base),
        merged AS MATERIALIZED (SELECT key, slice, bucket, sum(c)::BIGINT AS c FROM entries GROUP BY ALL),
        added AS (SELECT key, slice, {is_slice}, bucket, sum(c)::BIGINT AS c FROM merged GROUP BY GROUPING SETS ({with_bucket})),
        ranked AS (SELECT *, sum(c) OVER (PARTITION BY key, slice, is_slice ORDER BY bucket) AS seen,
                   sum(c) OVER (PARTITION BY key, slice, is_slice) AS n FROM added),
        found AS (SELECT key, slice, is_slice, any_value(n)::BIGINT AS n, {_BUCKETS} FROM ranked GROUP BY key, slice, is_slice),
        exact AS (SELECT key, slice, {is_slice}, sum(sum_ns)::BIGINT AS sum_ns, max(max_ns) AS max_ns FROM base
                  GROUP BY GROUPING SETS ({sets}))
        SELECT found.key, found.slice, found.is_slice, n, sum_ns, max_ns, found.* EXCLUDE (key, slice, is_slice, n)
        FROM found JOIN exact ON found.key IS NOT DISTINCT FROM exact.key AND found.slice IS NOT DISTINCT FROM exact.slice
                             AND found.is_slice = exact.is_slice"""


def _summary(row: Row, slices: list[Row]) -> Summary:
    """A row of n, sum_ns, max_ns and quantiles in nanoseconds, and the quantiles of each slice; none where a slice has no sample."""
    n, sum_ns, max_ns, *quantiles_ns = row
    p50, p90, p95, p99, p999 = (ns / 1e9 for ns in quantiles_ns)
    few = [name for name, needed in zip(PERCENTILES, _NEEDED, strict=True) if n < needed]
    interval = {}
    for place, (name, ns) in enumerate(zip(PERCENTILES, quantiles_ns, strict=True)):
        half = half_width(ns, [one[place] for one in slices])
        if half is not None and name not in few:
            interval[name] = (round(max(ns - half, 0) / 1e9, 9), round((ns + half) / 1e9, 9))
    return Summary(p50, p90, p95, p99, p999, sum_ns / n / 1e9, max_ns / 1e9, n, insufficient=few, interval=interval)
