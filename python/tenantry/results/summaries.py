"""Distributions of durations with what can be said of their percentiles: intervals from slices of the run, or too few samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tenantry.metrics.confidence import half_width, samples_needed, slice_length
from tenantry.results.model import Summary
from tenantry.results.sql import SUMMARY_PERMILLE, quantiles
from tenantry.results.tables import Tables

PERCENTILES = tuple(f"p{permille / 10:g}" for permille in SUMMARY_PERMILLE)
_NEEDED = tuple(samples_needed(permille / 1000) for permille in SUMMARY_PERMILLE)
_SLICES = 32  # a power of two above the most slices, so that a key and a slice are one number

Row = tuple[int, ...]
Where = tuple[str, Sequence[object]]


def summaries(
    tables: Tables, source: str, *, histogram: str, key: str, seconds: int, where: Where = ("true", ()), total: bool = False
) -> dict[int | None, Summary]:
    """A summary per value of the whole number `key` over the rows of `source` that fit `where`; with `total`, None stands for everything.

    `source` is a table or the view `requests` of `http`; `seconds` is the length of the load, which is cut into slices.
    """
    condition, parameters = where

    def rows(expression: str, *, until_s: int | None = None, all_too: bool = False) -> list[Row]:
        cut = f"{condition} AND second < {until_s}" if until_s is not None else condition
        part = f"(SELECT * FROM {source} WHERE {cut})"
        query = quantiles(part, histogram=histogram, key=expression, permille=SUMMARY_PERMILLE, total=all_too)
        return tables.rows(query, parameters, of=("http" if source == "requests" else source,))

    whole = {found: values for found, *values in rows(key, all_too=total)}
    length = slice_length(seconds)
    slices: dict[int | None, list[Row]] = defaultdict(list)
    if length:
        expected = seconds // length
        for both, n, _, _, *found in rows(f"({key}) * {_SLICES} + second // {length}", until_s=expected * length):
            slices[both // _SLICES].append((n, *found))
        if total:
            slices[None] = [(n, *found) for _, n, _, _, *found in rows(f"second // {length}", until_s=expected * length)]
    return {found: _summary(values, slices[found] if length and len(slices[found]) == expected else []) for found, values in whole.items()}


def _summary(row: Sequence[int], slices: list[Row]) -> Summary:
    """A row of `quantiles` without its key, and the (n, quantile_ns...) of each slice; none where a slice has no sample."""
    n, sum_ns, max_ns, *quantiles_ns = row
    p50, p90, p95, p99, p999 = (ns / 1e9 for ns in quantiles_ns)
    few = [name for name, needed in zip(PERCENTILES, _NEEDED, strict=True) if n < needed]
    interval = {}
    for place, (name, ns) in enumerate(zip(PERCENTILES, quantiles_ns, strict=True), 1):
        half = half_width(ns, [one[place] for one in slices])
        if half is not None and name not in few:
            interval[name] = (round(max(ns - half, 0) / 1e9, 9), round((ns + half) / 1e9, 9))
    return Summary(p50, p90, p95, p99, p999, sum_ns / n / 1e9, max_ns / 1e9, n, insufficient=few, interval=interval)
