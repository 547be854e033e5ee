"""A run cut into blocks of time: what is resampled when runs are compared."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

from tenantry.results.histogram import highest_ns, rank
from tenantry.results.run import Run

# Enough to estimate a variance, and each long against the time over which requests depend on one another.
MOST_BLOCKS = 20


class SeriesKey(NamedTuple):
    """A series of a run; the run as a whole has three empty names."""

    scenario: str
    group: str
    name: str


WHOLE = SeriesKey("", "", "")


@dataclass(frozen=True, slots=True)
class Blocks:
    """One series in equally long blocks: requests, failures and the histogram of response times of each.

    `cumulative[k][i]` is how many samples of block i lie in the first k + 1 of `buckets`.
    """

    seconds: float
    requests: tuple[int, ...]
    failures: tuple[int, ...]
    buckets: tuple[int, ...]
    cumulative: tuple[tuple[int, ...], ...]

    @property
    def samples(self) -> tuple[int, ...]:
        """Response times of each block."""
        return self.cumulative[-1] if self.cumulative else (0,) * len(self.requests)

    def quantile(self, weights: tuple[int, ...], q: float) -> float | None:
        """The quantile `q` in seconds when block i is taken `weights[i]` times; None without samples."""
        if not self.buckets:
            return None
        total = sum(map(mul, weights, self.cumulative[-1]))
        if not total:
            return None
        wanted = rank(q, total)
        place = bisect_left(self.cumulative, wanted, key=lambda counts: sum(map(mul, weights, counts)))
        return highest_ns(self.buckets[place]) / 1e9

    def throughput(self, weights: tuple[int, ...]) -> float:
        """Requests per second that did not fail."""
        good: int = sum(map(mul, weights, self.requests)) - sum(map(mul, weights, self.failures))
        return good / (self.seconds * sum(weights))

    def failed_share(self, weights: tuple[int, ...]) -> float | None:
        """Failures by requests; None without requests."""
        requests = sum(map(mul, weights, self.requests))
        return sum(map(mul, weights, self.failures)) / requests if requests else None


def block_length(seconds: int) -> int:
    """Whole seconds of a block, so that there are at most 20."""
    return max(-(-seconds // MOST_BLOCKS), 1)


def cut(run: Run, *, after_s: int = 0) -> dict[SeriesKey, Blocks]:
    """The run as a whole and each series, in blocks from second `after_s` to the last whole block of the load."""
    last = int(run.duration_s)
    length = block_length(max(last - after_s, 1))
    count = (last - after_s) // length
    if count < 1:
        return {}
    span = (after_s, after_s + count * length)
    sent = run.tables.rows(
        f"""SELECT scenario, "group", name, ((second - {after_s}) // {length})::INTEGER, sum(requests)::BIGINT, sum(failures)::BIGINT
            FROM http WHERE second >= ? AND second < ? GROUP BY ALL""",
        span,
        of=("http",),
    )
    times = run.tables.merged("http", "response", lambda label: SeriesKey(*label.series), step=length, span=span)
    series = {SeriesKey(*row[:3]): _Draft(count) for row in sent}
    for scenario, group, name, block, requests, failures in sent:
        for draft in (series[SeriesKey(scenario, group, name)], series.setdefault(WHOLE, _Draft(count))):
            draft.requests[block] += requests
            draft.failures[block] += failures
    for (key, block), merged in times.items():
        for bucket, samples in merged.buckets():
            series[key].times[bucket][block] += samples
            series[WHOLE].times[bucket][block] += samples
    return {key: draft.blocks(length) for key, draft in series.items()}


class _Draft:
    """A series while it is read."""

    def __init__(self, count: int) -> None:
        self.requests, self.failures = [0] * count, [0] * count
        self.times: defaultdict[int, list[int]] = defaultdict(lambda: [0] * count)

    def blocks(self, length: int) -> Blocks:
        buckets = sorted(self.times)
        running, cumulative = [0] * len(self.requests), []
        for bucket in buckets:
            running = [before + more for before, more in zip(running, self.times[bucket], strict=True)]
            cumulative.append(tuple(running))
        return Blocks(float(length), tuple(self.requests), tuple(self.failures), tuple(buckets), tuple(cumulative))
