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
_WANTED = ", ".join(f"({permille})" for permille in PERMILLE)
_BUCKETS = ", ".join(f"max(bucket) FILTER (q = {permille})" for permille in PERMILLE)
_BLOCK = 128

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
    base = f"(SELECT *, {key} AS key, {part} AS slice FROM {source} WHERE ({condition}) AND len({histogram}_buckets) > 0)"
    _merge(tables, base, histogram, parameters, of=_table(source))
    whole: dict[int | None, Row] = {}
    slices: dict[int | None, list[Row]] = defaultdict(list)
    for level in (("key",), ("key", "slice"), *([(), ("slice",)] if total else [])):
        for found, number, n, sum_ns, max_ns, *buckets in tables.rows(_quantiles(level), of=()):
            # Quantile q is the highest value of the bucket with rank ceil(q * n), at most the exact maximum.
            values = [min(highest_ns(bucket), max_ns) for bucket in buckets]
            if "slice" not in level:
                whole[found] = (n, sum_ns, max_ns, *values)
            elif number >= 0:
                slices[found].append(values)
    return {found: _summary(row, slices[found] if len(slices[found]) == count else []) for found, row in whole.items()}


def _table(source: str) -> str:
    return "http" if source == "requests" else source


def _merge(tables: Tables, base: str, histogram: str, parameters: Sequence[object], *, of: str) -> None:
    """Fill two temporary tables: counts per key, slice and bucket, and the exact sums and maxima per key and slice."""
    merged = f"""CREATE OR REPLACE TEMP TABLE merged AS
        SELECT key, slice, bucket, bucket // {_BLOCK} AS block, sum(c)::BIGINT AS c
        FROM (SELECT key, slice, unnest({histogram}_buckets) AS bucket, unnest({histogram}_counts) AS c FROM {base}) GROUP BY ALL"""
    exact = f"""CREATE OR REPLACE TEMP TABLE exact AS
        SELECT key, slice, sum({histogram}_sum_ns)::BIGINT AS sum_ns, max({histogram}_max_ns) AS max_ns FROM {base} GROUP BY ALL"""
    for sql in (merged, exact):
        tables.rows(sql, parameters, of=(of,))


def _quantiles(level: Sequence[str]) -> str:
    """Rows of (key, slice, n, sum_ns, max_ns, bucket of each quantile), merged over what is not in `level` and null there.

    Buckets are first counted in blocks of 128; only those of the blocks that hold a quantile are then told apart, as in
    `tenantry.results.sql`.
    """
    keys = "".join(f"{column}, " for column in level)
    within = f"PARTITION BY {', '.join(level)}" if level else ""
    same = "".join(f" AND {{0}}.{column} = {{1}}.{column}" for column in level)
    shown = ", ".join(f"found.{column}" if column in level else f"NULL AS {column}" for column in ("key", "slice"))
    return f"""
        WITH blocks AS (SELECT {keys}block, sum(c)::BIGINT AS c FROM merged GROUP BY ALL),
        running AS (SELECT *, sum(c) OVER ({within} ORDER BY block) AS seen, sum(c) OVER ({within}) AS n FROM blocks),
        target AS MATERIALIZED (SELECT {keys}q, n, min(block) AS block, min(seen - c) AS before
                                FROM running, (VALUES {_WANTED}) AS wanted(q) WHERE seen * 1000 >= n * q GROUP BY {keys}q, n),
        near AS (SELECT DISTINCT {keys}block FROM target),
        inside AS (SELECT {"".join(f"merged.{column}, " for column in level)}merged.block, bucket, sum(c)::BIGINT AS c
                   FROM merged JOIN near ON merged.block = near.block{same.format("merged", "near")} GROUP BY ALL),
        fine AS (SELECT *, sum(c) OVER (PARTITION BY {keys}block ORDER BY bucket) AS seen FROM inside),
        found AS (SELECT {"".join(f"target.{column}, " for column in level)}q, any_value(n)::BIGINT AS n, min(bucket) AS bucket
                  FROM target JOIN fine ON fine.block = target.block{same.format("fine", "target")}
                  WHERE (before + fine.seen) * 1000 >= n * q GROUP BY {"".join(f"target.{column}, " for column in level)}q),
        sums AS (SELECT {keys}sum(sum_ns)::BIGINT AS sum_ns, max(max_ns) AS max_ns FROM exact GROUP BY {", ".join(level) or "()"})
        SELECT {shown}, any_value(n), any_value(sum_ns), any_value(max_ns), {_BUCKETS}
        FROM found JOIN sums ON true{same.format("found", "sums")}
        GROUP BY {", ".join(f"found.{column}" for column in level) or "()"} HAVING count(*) > 0"""


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
