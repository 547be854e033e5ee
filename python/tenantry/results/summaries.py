"""Distributions of durations with what can be said of their percentiles: intervals from slices of the run, or too few samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from tenantry.metrics.confidence import half_width, samples_needed, slice_length
from tenantry.results.histogram import rank
from tenantry.results.model import Summary
from tenantry.results.stored import ENDLESS, Label, Line, Merged, regrouped
from tenantry.results.tables import Tables

PERMILLE = (500, 900, 950, 990, 999)
PERCENTILES = tuple(f"p{permille / 10:g}" for permille in PERMILLE)
_NEEDED = tuple(samples_needed(permille / 1000) for permille in PERMILLE)


def summaries(
    tables: Tables, table: str, histogram: str, *, lines: Callable[[Label], tuple[Line, ...]], seconds: int
) -> dict[Line, Summary]:
    """A summary of a table's histogram for each of the `lines` that rows belong to; `seconds` is the length of the load, which is cut into
    slices.
    """
    length = slice_length(seconds)
    count = seconds // length if length else 0
    finest = tables.merged(table, histogram, lines, step=length or ENDLESS)
    slices: defaultdict[Line, list[list[int]]] = defaultdict(list)
    for (line, place), found in regrouped(finest, lambda key: ((each, key[1]) for each in key[0])).items():
        if place < count:
            slices[line].append(quantiles(found, PERMILLE))
    whole = regrouped(finest, lambda key: key[0])
    return {line: _summary(found, slices[line] if len(slices[line]) == count else []) for line, found in whole.items()}


def quantiles(found: Merged, permille: Sequence[int]) -> list[int]:
    """In nanoseconds: quantile q is the highest value of the bucket that holds rank ceil(q * n), at most the exact maximum."""
    return [found.at_rank(rank(one / 1000, found.n)) for one in permille]


def _summary(found: Merged, slices: list[list[int]]) -> Summary:
    """With the quantiles of each slice; none where a slice has no sample."""
    quantiles_ns = quantiles(found, PERMILLE)
    p50, p90, p95, p99, p999 = (ns / 1e9 for ns in quantiles_ns)
    few = [name for name, needed in zip(PERCENTILES, _NEEDED, strict=True) if found.n < needed]
    interval = {}
    for place, (name, ns) in enumerate(zip(PERCENTILES, quantiles_ns, strict=True)):
        half = half_width(ns, [one[place] for one in slices])
        if half is not None and name not in few:
            interval[name] = (round(max(ns - half, 0) / 1e9, 9), round((ns + half) / 1e9, 9))
    return Summary(p50, p90, p95, p99, p999, found.sum_ns / found.n / 1e9, found.max_ns / 1e9, found.n, insufficient=few, interval=interval)
