"""The Universal Scalability Law is recovered from points whose law is known, and uncertainty is told."""

from __future__ import annotations

from math import sqrt
from random import Random

import pytest

from tenantry.capacity.usl import Fit, Point, fit

LEVELS = (0.5, 1, 2, 4, 8, 16, 32, 48, 64, 96)
Law = tuple[float, float, float]


def x(law: Law, n: float) -> float:
    """Throughput by the formula as it is published."""
    lam, sigma, kappa = law
    return lam * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))


def points(law: Law, *, noise: float = 0.0, rng: Random | None = None, levels: tuple[float, ...] = LEVELS) -> list[Point]:
    rng = rng or Random(1)
    return [Point(n, x(law, n) * (1 + rng.gauss(0, noise))) for n in levels]


def fitted(given: list[Point], **options: int) -> Fit:
    found = fit(given, **options)
    assert isinstance(found, Fit), found
    return found


@pytest.mark.parametrize("law", [(100.0, 0.05, 0.001), (995.6, 0.02, 0.0002), (40.0, 0.5, 0.01), (10.0, 0.0, 0.0005)])
def test_exact_points_give_their_law_back(law: Law) -> None:
    found = fitted(points(law))
    assert (found.lam.value, found.sigma.value, found.kappa.value) == pytest.approx(law, rel=1e-6, abs=1e-9)
    peak = sqrt((1 - law[1]) / law[2])
    assert found.peak.value == pytest.approx(peak, rel=1e-6)
    assert found.most.value == pytest.approx(x(law, peak), rel=1e-6)


def test_noisy_points_give_their_law_back_about() -> None:
    law = (200.0, 0.04, 0.002)
    found = fitted(points(law, noise=0.03, rng=Random(7)))
    assert found.lam.value == pytest.approx(200, rel=0.1)
    assert found.peak.value == pytest.approx(sqrt(0.96 / 0.002), rel=0.15)
    assert found.note == ""


def test_intervals_hold_the_truth_about_19_times_in_20() -> None:
    law, rng = (200.0, 0.04, 0.002), Random(11)
    peak = sqrt((1 - law[1]) / law[2])
    held = {"lambda": 0, "sigma": 0, "kappa": 0, "peak": 0}
    runs = 100
    for run in range(runs):
        found = fitted(points(law, noise=0.05, rng=rng), rng_seed=run, resamples=200)
        truth = {"lambda": (found.lam, law[0]), "sigma": (found.sigma, law[1]), "kappa": (found.kappa, law[2]), "peak": (found.peak, peak)}
        for name, (estimate, true) in truth.items():
            held[name] += estimate.low <= true <= estimate.high
    assert all(0.88 * runs <= count <= runs for count in held.values()), held


def test_the_same_points_give_the_same_intervals() -> None:
    given = points((200.0, 0.04, 0.002), noise=0.05)
    assert fitted(given) == fitted(given)


def test_an_app_that_scales_without_loss_has_no_peak_and_the_note_says_so() -> None:
    found = fitted(points((50.0, 0.0, 0.0), noise=0.02, rng=Random(3)))
    assert found.kappa.low == 0 and found.as_dict()["peak_concurrency"]
    assert "do not show a peak" in found.note


def test_steps_far_below_the_peak_do_not_determine_it() -> None:
    found = fitted(points((50.0, 0.05, 0.0001), noise=0.05, rng=Random(5), levels=(0.5, 1, 2, 3, 4, 5)))
    assert found.note, "a peak of 97 cannot be known from steps up to 5"


def test_a_peak_beyond_all_steps_is_called_extrapolated() -> None:
    found = fitted(points((50.0, 0.05, 0.001), levels=(1, 2, 4, 8, 16, 24)))
    assert found.peak.value == pytest.approx(30.8, rel=0.01)
    assert "extrapolated" in found.note


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([Point(1, 10), Point(2, 19), Point(4, 35), Point(8, 60)], "4 steps measured something, and the law needs 5"),
        ([Point(n, 10.0) for n in (4, 4.1, 4.2, 4.3, 4.4)], "all steps had about the same concurrency"),
        ([Point(0, 0)] * 9, "0 steps measured something"),
    ],
)
def test_points_that_cannot_tell_give_a_reason_in_place_of_a_law(given: list[Point], why: str) -> None:
    found = fit(given)
    assert isinstance(found, str) and why in found
