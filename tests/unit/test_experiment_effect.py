"""What three blocks of a load say of a change: an effect, none, or that it cannot be told."""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate
from random import Random

import pytest

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey
from tenantry.diagnose.tried import Figure
from tenantry.experiment.effect import Measured, Side, from_to, measured
from tenantry.results.histogram import bucket_of

RECORDS, HEALTH = SeriesKey("visit", "", "GET /records"), SeriesKey("visit", "", "GET /health")


def block(*levels_ms: float, rng: Random, each: int = 60, failed: int = 0, key: SeriesKey = RECORDS) -> Side:
    """A second for each level, with log-normal response times around it."""
    seconds = [[bucket_of(int(level * 1000 * math.exp(rng.gauss(0, 0.4)))) for _ in range(each)] for level in levels_ms]
    buckets = sorted({bucket for second in seconds for bucket in second})
    counts = [Counter(second) for second in seconds]
    running = zip(*([*accumulate(counted[bucket] for bucket in buckets)] for counted in counts), strict=True)
    made = Blocks(1.0, (each,) * len(seconds), (failed,) * len(seconds), tuple(buckets), tuple(running))
    return {key: made, WHOLE: made}


def effect(first: float, changed: float, last: float, *, seed: int = 1, seconds: int = 14, failed: int = 0) -> Measured:
    rng = Random(seed)
    sides = [block(*[level] * seconds, rng=rng) for level in (first, changed, last)]
    if failed:
        sides[1] = block(*[changed] * seconds, rng=rng, failed=failed)
    return measured(*sides, names={"GET /records"})


def p95(found: Measured) -> Figure:
    return next(figure for figure in found.series[0].figures if figure.figure == "p95")


def test_a_change_that_makes_it_four_times_as_fast_is_an_effect_of_that_size() -> None:
    found = effect(200, 50, 200)
    figure = p95(found)
    assert (found.outcome, found.series[0].name) == ("better", "GET /records")
    assert figure.low is not None and figure.change is not None and figure.high is not None
    assert figure.low < -0.75 < figure.high < -0.6
    assert figure.first == pytest.approx(figure.last, rel=0.2)


def test_blocks_of_four_seconds_are_enough_for_a_large_effect() -> None:
    assert effect(200, 50, 200, seconds=4).outcome == "better"
    assert effect(200, 50, 200, seconds=3).outcome == "cannot tell"


def test_a_change_that_does_nothing_is_rarely_an_effect_and_mostly_none() -> None:
    outcomes = Counter(effect(200, 200, 200, seed=seed).outcome for seed in range(40))
    assert outcomes["better"] + outcomes["worse"] <= 1
    assert outcomes["no effect"] >= 30


def test_a_change_that_makes_it_slower_is_worse() -> None:
    assert effect(50, 100, 50).outcome == "worse"


def test_what_gets_faster_without_the_change_as_well_cannot_be_told() -> None:
    found = effect(200, 140, 100)
    assert found.outcome == "cannot tell"
    assert "without the change p95 itself went " in found.why


def test_p50_decides_where_single_hiccups_hide_p95() -> None:
    rng = Random(5)
    calm, hiccups = [200.0] * 10, [*[40.0] * 9, 250.0]
    found = measured(block(*calm, rng=rng), block(*hiccups, rng=rng), block(*calm, rng=rng), names=None)
    assert (found.outcome, found.decided_by) == ("better", "p50")


def test_a_drift_that_is_small_against_the_effect_does_not_hide_it() -> None:
    assert effect(220, 40, 180).outcome == "better"


def test_fast_failures_are_no_success() -> None:
    found = effect(200, 10, 200, failed=6)
    assert found.outcome == "worse"
    assert "10 % more of the requests fail" in found.why


def test_the_request_that_takes_most_time_without_the_change_is_compared() -> None:
    rng = Random(3)
    side = block(*[100.0] * 10, rng=rng)
    side |= {HEALTH: block(*[1.0] * 10, rng=rng, key=HEALTH)[HEALTH]}
    assert measured(side, side, side, names=set()).series[0].name == "GET /records"
    assert measured(side, side, side, names={"GET /health"}).series[0].name == "GET /health"
    assert [each.name for each in measured(side, side, side, names=None).series] == [""]


@pytest.mark.parametrize(
    ("times", "expected"), [((0.8124, 0.19), "812 -> 190 ms"), ((2.55, 0.0129), "2.55 s -> 12.9 ms"), ((3, 1), "3.00 -> 1.00 s")]
)
def test_two_times_share_their_unit_where_they_can(times: tuple[float, float], expected: str) -> None:
    assert from_to(*times) == expected


def test_without_requests_nothing_can_be_told() -> None:
    assert measured({}, {}, {}, names=None).outcome == "cannot tell"
