"""Slices in pairs: the test against an independent computation, and what drifts or is missing."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from itertools import accumulate
from random import Random

import pytest

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey
from tenantry.compare.judge import paired
from tenantry.compare.paired import PairedFigure, Side, compare_pairs
from tenantry.compare.runs import ComparedSeries, conclude
from tenantry.results.histogram import bucket_of, highest_ns

LIST = SeriesKey("visit", "", "GET /list")


def side(times_us: list[int], *, failures: int = 0, seconds: float = 10.0, key: SeriesKey = LIST) -> Side:
    """A slice of one block with these response times."""
    counts = Counter(map(bucket_of, times_us))
    buckets = sorted(counts)
    cumulative = tuple((total,) for total in accumulate(counts[bucket] for bucket in buckets))
    blocks = Blocks(seconds, (len(times_us),), (failures,), tuple(buckets), cumulative)
    return {key: blocks, WHOLE: blocks}


def drawn(rng: Random, level_us: float, count: int = 400) -> list[int]:
    return [int(level_us * math.exp(rng.gauss(0, 0.3))) for _ in range(count)]


def drifting(rng: Random, factor: float, pairs: int = 10) -> list[tuple[Side, Side]]:
    """Pairs on a machine that becomes slower by a tenth from each to the next; the new one takes `factor` times as long."""
    levels = [10_000 * 1.1**number for number in range(pairs)]
    return [(side(drawn(rng, level)), side(drawn(rng, level * factor))) for level in levels]


def figures(rows: tuple[ComparedSeries, ...], key: SeriesKey = WHOLE) -> dict[str, PairedFigure]:
    (row,) = [row for row in rows if (row.scenario, row.group, row.name) == key]
    return {figure.figure: figure for figure in row.figures if isinstance(figure, PairedFigure)}


def test_the_paired_test_is_that_of_students_own_data() -> None:
    # The additional hours of sleep of ten patients, Biometrika 6 (1908); R: t.test(extra ~ group, sleep, paired = TRUE)
    found = paired([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert found.value == pytest.approx(1.58)
    assert found.p == pytest.approx(0.002833, rel=1e-3)
    assert (found.low, found.high) == pytest.approx((0.7001142, 2.4598858), rel=1e-6)


@pytest.mark.parametrize(("changes", "p"), [([0.0, 0.0, 0.0], 1.0), ([0.1, 0.1, 0.1], 0.0)])
def test_changes_that_are_all_the_same_are_certain(changes: list[float], p: float) -> None:
    found = paired(changes)
    assert found.p == p
    assert found.low == found.high == pytest.approx(changes[0])


def test_a_drift_that_is_larger_than_the_difference_does_not_hide_it() -> None:
    rows = compare_pairs(drifting(Random(1), 1.15), floor=0.05)
    p50 = figures(rows)["p50"]
    assert conclude(rows)[0] == "worse"
    assert p50.judgement == "worse"
    assert p50.low is not None and p50.high is not None and p50.low < 0.15 < p50.high


def test_a_drift_alone_is_no_difference() -> None:
    answers = [conclude(compare_pairs(drifting(Random(seed), 1.0), floor=0.05))[0] for seed in range(40)]
    assert sum(answer in ("worse", "better") for answer in answers) <= 2


def test_values_are_geometric_means_and_changes_those_of_each_pair() -> None:
    pairs = drifting(Random(2), 1.3, pairs=4)
    p95 = figures(compare_pairs(pairs, floor=0.05), LIST)["p95"]
    rng = Random(2)
    old: list[float] = []
    new: list[float] = []
    for number in range(4):
        for found, factor in ((old, 1.0), (new, 1.3)):
            times = sorted(drawn(rng, 10_000 * 1.1**number * factor))
            found.append(highest_ns(bucket_of(times[math.ceil(0.95 * 400) - 1])) / 1e9)
    assert p95.old == pytest.approx(statistics.geometric_mean(old))
    assert p95.new == pytest.approx(statistics.geometric_mean(new))
    assert p95.pairs == pytest.approx([b / a - 1 for a, b in zip(old, new, strict=True)])
    assert p95.change == pytest.approx(statistics.geometric_mean(new) / statistics.geometric_mean(old) - 1)


def test_failures_are_compared_in_points() -> None:
    pairs = [(side([1000] * 500, failures=5), side([1000] * 500, failures=20 + number)) for number in range(5)]
    failed = figures(compare_pairs(pairs, floor=0.05))["failures"]
    assert failed.judgement == "worse"
    assert failed.change == pytest.approx(0.034)
    assert failed.pairs == pytest.approx([0.03, 0.032, 0.034, 0.036, 0.038])


@pytest.mark.parametrize(
    ("pairs", "figure", "why"),
    [
        ([(side([1000] * 400), side([1000] * 400))] * 2, "p50", "fewer than 3 pairs"),
        ([(side([1000] * 400), side([1000] * 99))] * 5, "p99", "too few samples in some slices"),
        (
            [(side([1000] * 110), side([1000] * 110))] * 2 + [(side([1000] * 50), side([1000] * 50))],
            "p99",
            "too few samples in some slices",
        ),
        ([(side([1000] * 100, failures=100), side([1000] * 100))] * 5, "throughput", "without a value in some slices"),
    ],
)
def test_what_cannot_be_compared_says_why(pairs: list[tuple[Side, Side]], figure: str, why: str) -> None:
    found = figures(compare_pairs(pairs, floor=0.05))[figure]
    assert (found.judgement, found.why, found.pairs, found.change) == ("cannot tell", why, (), None)


def test_only_series_that_all_slices_have_are_compared() -> None:
    other = SeriesKey("visit", "", "GET /rare")
    pairs = [(side([1000] * 400), side([1000] * 400)) for _ in range(3)]
    pairs[0][0].update({other: pairs[0][0][LIST]})
    assert {row.name for row in compare_pairs(pairs, floor=0.05)} == {"", "GET /list"}
    assert compare_pairs([], floor=0.05) == ()


def test_the_effect_size_has_the_sign_of_the_change() -> None:
    effects = {row.name: row.effect_size for row in compare_pairs(drifting(Random(3), 1.3), floor=0.05)}
    assert 0.2 < (effects[""] or 0) < 0.7
