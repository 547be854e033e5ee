"""Histograms against sorted values and against HdrHistogram's own definition."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runfolder import hdr_bucket

from tenantry.results.histogram import (
    LONGEST_US,
    Counts,
    Distribution,
    bucket_of,
    highest_us,
    lowest_us,
    rank,
    sketch_value_s,
)

STATS = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)


def filled(values_ns: list[int]) -> Distribution:
    counts = Counts()
    counts.add((hdr_bucket(ns // 1000), 1) for ns in values_ns)
    return Distribution(counts, sum_ns=sum(values_ns), max_ns=max(values_ns))


@given(st.integers(0, LONGEST_US))
def test_buckets_are_those_of_hdr_histogram(us: int) -> None:
    assert bucket_of(us) == hdr_bucket(us)


@given(st.integers(0, LONGEST_US))
def test_a_bucket_holds_its_values_and_is_no_wider_than_a_thousandth(us: int) -> None:
    low, high = lowest_us(bucket_of(us)), highest_us(bucket_of(us))
    assert low <= us <= high
    assert high - low <= us / 1000


def test_buckets_leave_no_gap() -> None:
    last = bucket_of(LONGEST_US)
    assert all(highest_us(bucket) + 1 == lowest_us(bucket + 1) for bucket in range(last))


def test_values_beyond_ten_minutes_share_the_last_bucket() -> None:
    assert bucket_of(10 * LONGEST_US) == bucket_of(LONGEST_US)


@pytest.mark.parametrize(
    ("q", "n", "wanted"),
    [
        (0.95, 20, 19),
        (0.95, 21, 20),
        (0.99, 100, 99),
        (0.999, 1000, 999),
        (99.9 / 100, 1000, 999),
        (0.07, 100, 7),
        (0.5, 1, 1),
        (1.0, 7, 7),
    ],
)
def test_the_rank_is_that_of_exact_decimals(q: float, n: int, wanted: int) -> None:
    assert rank(q, n) == wanted


@given(st.lists(st.integers(0, 700 * 10**9), min_size=1, max_size=400), st.sampled_from(STATS))
def test_quantiles_are_those_of_the_sorted_values_within_a_bucket(values: list[int], q: float) -> None:
    exact = sorted(values)[math.ceil(round(q * len(values), 9)) - 1]
    capped = min(exact, LONGEST_US * 1000)
    found = round(filled(values).quantile(q) * 1e9)
    assert capped <= found or exact == found
    assert found <= max(capped * 1.001, capped + 1000)


def test_mean_and_maximum_are_exact() -> None:
    values = [1_234_567, 7_654_321, 700 * 10**9]
    found = filled(values)
    assert (found.n, found.avg, found.max) == (3, sum(values) / 3 / 1e9, 700.0)


@given(st.lists(st.integers(0, 10**9), max_size=100), st.lists(st.integers(0, 10**9), min_size=1, max_size=100))
def test_what_is_subtracted_again_leaves_no_trace(passing: list[int], staying: list[int]) -> None:
    counts, buckets = Counts(), [(hdr_bucket(ns // 1000), 1) for ns in passing]
    counts.add(buckets)
    counts.add((hdr_bucket(ns // 1000), 1) for ns in staying)
    counts.subtract(buckets)
    expected = filled(staying)
    found = Distribution(counts, sum_ns=sum(staying), max_ns=max(staying))
    assert [found.quantile(q) for q in STATS] == [expected.quantile(q) for q in STATS]


def test_the_value_of_a_tenants_bucket_is_within_two_percent_of_those_in_it() -> None:
    rng = random.Random(5)
    for _ in range(50):
        values = sorted(round(rng.lognormvariate(17, 1)) for _ in range(rng.randrange(20, 300)))
        for ns in values:
            found = sketch_value_s(math.floor(math.log(ns / 1000, 1.04)), max_ns=values[-1])
            assert abs(found - ns / 1e9) <= 0.02 * ns / 1e9
