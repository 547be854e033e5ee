"""Sparse HDR histograms: bucket numbers, their values, and quantiles of merged counts.

The layout is that of HdrHistogram (Gil Tene) with three significant digits over microseconds: bucket `i` below 2048 is the value `i`;
above, buckets double in width every 1024 numbers, so that none is wider than 1/1024 of its value. Durations are whole nanoseconds outside.
The sketch of a tenant is coarser: bucket `i` covers `1.04**i` up to `1.04**(i + 1)` microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache

HALF = 1024
LONGEST_US = 600_000_000
SKETCH_BASE = 1.04
_BLOCK = 128


def bucket_of(us: int) -> int:
    """The bucket that holds `us` microseconds; durations above ten minutes share the last one."""
    us = min(us, LONGEST_US)
    shift = max(us.bit_length() - HALF.bit_length(), 0)
    return shift * HALF + (us >> shift)


_LAST_BUCKET = bucket_of(LONGEST_US)


def lowest_us(bucket: int) -> int:
    """The lowest value of a bucket, in microseconds."""
    if bucket < 2 * HALF:
        return bucket
    return (bucket % HALF + HALF) << (bucket // HALF - 1)


def highest_us(bucket: int) -> int:
    """The highest value of a bucket, in microseconds."""
    if bucket < 2 * HALF:
        return bucket
    return ((bucket % HALF + HALF + 1) << (bucket // HALF - 1)) - 1


def highest_ns(bucket: int) -> int:
    """The highest duration that a bucket holds, in nanoseconds."""
    return highest_us(bucket) * 1000 + 999


def rank(q: float, n: int) -> int:
    """Which of `n` sorted values is the quantile `q`, counted from 1: ceil(q * n), with `q` taken as the decimal it was written as."""
    exact = _decimal(q)
    return min(max(-(-exact.numerator * n // exact.denominator), 1), n)


@cache
def _decimal(q: float) -> Fraction:
    return Fraction(q).limit_denominator(1_000_000)


class Counts:
    """Counts per bucket that can grow and shrink; blocks of buckets are summed as well, so that a rank is found quickly."""

    __slots__ = ("_blocks", "_buckets", "n")

    def __init__(self) -> None:
        self.n = 0
        self._buckets = [0] * (_LAST_BUCKET + 1)
        self._blocks = [0] * (_LAST_BUCKET // _BLOCK + 1)

    def add(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Add a sparse histogram: buckets with their counts."""
        for bucket, count in pairs:
            self._buckets[bucket] += count
            self._blocks[bucket // _BLOCK] += count
            self.n += count

    def subtract(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Take a sparse histogram away that was added before."""
        self.add((bucket, -count) for bucket, count in pairs)

    def copy(self) -> Counts:
        twin = Counts.__new__(Counts)
        twin.n, twin._buckets, twin._blocks = self.n, self._buckets.copy(), self._blocks.copy()
        return twin

    def bucket_at(self, wanted: int) -> int:
        """The bucket that holds the value of rank `wanted`, from 1 to `n`."""
        seen = block = 0
        while seen + self._blocks[block] < wanted:
            seen += self._blocks[block]
            block += 1
        bucket = block * _BLOCK
        while seen + self._buckets[bucket] < wanted:
            seen += self._buckets[bucket]
            bucket += 1
        return bucket


class Distribution:
    """Merged counts of durations with their exact sum and maximum. Never empty."""

    __slots__ = ("_counts", "_max_ns", "_sum_ns")

    def __init__(self, counts: Counts, *, sum_ns: int, max_ns: int) -> None:
        self._counts = counts
        self._sum_ns = sum_ns
        self._max_ns = max_ns

    @property
    def n(self) -> int:
        """The number of samples."""
        return self._counts.n

    @property
    def avg(self) -> float:
        """The exact mean in seconds."""
        return self._sum_ns / self.n / 1e9

    @property
    def max(self) -> float:
        """The exact maximum in seconds."""
        return self._max_ns / 1e9

    def quantile(self, q: float, /) -> float:
        """The highest value, in seconds, of the bucket that holds rank ceil(q * n), but never above the exact maximum."""
        return self.at_rank(rank(q, self.n))

    def at_rank(self, wanted: int, /) -> float:
        """The highest value, in seconds, of the bucket that holds rank `wanted` (1 to `n`), but never above the exact maximum."""
        return min(highest_ns(self._counts.bucket_at(wanted)), self._max_ns) / 1e9


def sketch_value_s(bucket: int, max_ns: int) -> float:
    """The value of a bucket of a tenant's sketch, in seconds: at most 2 % off any in it, and never above the exact maximum.

    The middle of a bucket between `low` and `low * base` that is equally far from both ends, relative to them, is `2 * low * base / (base
    + 1)`: `(base - 1) / (base + 1)` off (Masson, Rim and Lee, DDSketch, PVLDB 12, 2019).
    """
    us = 2 * SKETCH_BASE ** (bucket + 1) / (SKETCH_BASE + 1)
    return min(us * 1e3, max_ns) / 1e9
