"""Change points: planted ones are found where they are, steady series have none, and the distance is that of the paper."""

from __future__ import annotations

import statistics
from random import Random

import pytest

from tenantry.compare.trend import LEAST, _widest, change_points


def steps(rng: Random, *parts: tuple[int, float], noise: float = 0.05) -> list[float]:
    return [level * rng.gauss(1, noise) for count, level in parts for _ in range(count)]


def energy(values: list[float], at: int) -> float:
    """The energy distance of both sides of `at`, written out."""
    left, right = values[:at], values[at:]
    m, n = len(left), len(right)
    across = statistics.fmean(abs(one - other) for one in left for other in right)
    inside = [sum(abs(one - other) for one in side for other in side) / len(side) ** 2 for side in (left, right)]
    return m * n / (m + n) * (2 * across - sum(inside))


@pytest.mark.parametrize("seed", range(20))
def test_a_series_is_parted_where_the_energy_distance_is_largest(seed: int) -> None:
    rng = Random(seed)
    values = [rng.lognormvariate(0, 1) for _ in range(rng.randint(2 * LEAST, 40))]
    places = range(LEAST, len(values) - LEAST + 1)
    found = _widest(values)
    assert found is not None
    assert energy(values, found) == pytest.approx(max(energy(values, at) for at in places))


def test_planted_changes_are_found_within_one_run() -> None:
    missed = 0
    for seed in range(50):
        found = [point.at for point in change_points(steps(Random(seed), (20, 100.0), (15, 130.0), (20, 90.0)))]
        missed += not (len(found) == 2 and abs(found[0] - 20) <= 1 and abs(found[1] - 35) <= 1)
    assert missed <= 1


def test_a_change_tells_both_means() -> None:
    (point,) = change_points(steps(Random(1), (12, 100.0), (12, 150.0)))
    assert point.before == pytest.approx(100, rel=0.05)
    assert point.after == pytest.approx(150, rel=0.05)
    assert point.change == pytest.approx(0.5, abs=0.1)
    assert point.p < 1e-6


def test_steady_series_have_no_change() -> None:
    found = [change_points(steps(Random(seed), (60, 100.0))) for seed in range(200)]
    assert sum(bool(points) for points in found) <= 10


def test_what_is_certain_but_small_is_no_change() -> None:
    values = steps(Random(2), (30, 100.0), (30, 103.0), noise=0.002)
    assert change_points(values) == []
    assert [point.at for point in change_points(values, floor=0.01)] == [30]


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 5, [1.0] * 50, [0.0] * 20])
def test_short_and_constant_series_have_none(values: list[float]) -> None:
    assert change_points(values) == []


def test_a_jump_between_constants_is_found() -> None:
    assert [point.at for point in change_points([1.0] * 10 + [2.0] * 10)] == [10]
