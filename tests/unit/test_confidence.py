"""Percentiles and what can be said of them: how many samples they need, and intervals that hold for requests that depend on one another."""

import math
import random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runfolder import SECOND, Request, RunFolder

from tenantry.metrics.confidence import half_width, samples_needed, slice_length
from tenantry.results import open_run

RUNS = 400
SAMPLES = 4000


@pytest.mark.parametrize(("q", "n"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995), (0.9999, 29956)])
def test_a_percentile_needs_so_many_samples(q: float, n: int) -> None:
    assert samples_needed(q) == n


@given(st.floats(0.01, 0.9999))
def test_it_is_the_smallest_number_whose_largest_sample_is_a_bound(q: float) -> None:
    n = samples_needed(q)
    assert 1 - q**n >= 0.95
    assert n == 1 or 1 - q ** (n - 1) < 0.95 + 1e-12


def t_quantile(freedom: int) -> float:
    """The two-sided 95 % point of Student's t, by integrating its density until 0.475 is reached on one side."""
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    step, at, area = 1e-4, 0.0, 0.0
    while area < 0.475:
        at += step
        area += step * scale * (1 + (at - step / 2) ** 2 / freedom) ** (-(freedom + 1) / 2)
    return at


@pytest.mark.parametrize("slices", range(10, 20))
def test_the_interval_of_alternating_slices_is_that_of_students_t(slices: int) -> None:
    values = [9.0 if place % 2 else 11.0 for place in range(slices)]
    assert half_width(10.0, values) == pytest.approx(t_quantile(slices - 1) / math.sqrt(slices - 1), rel=1e-3)


def test_fewer_slices_than_ten_have_no_interval() -> None:
    assert half_width(1.0, [1.0] * 9) is None


@pytest.mark.parametrize("seconds", [10, 11, 19, 20, 25, 59, 60, 3600])
def test_a_run_is_cut_into_ten_to_nineteen_slices_of_equal_length(seconds: int) -> None:
    assert 10 <= seconds // slice_length(seconds) <= 19


def autocorrelated(rng: random.Random, phi: float) -> list[float]:
    """An AR(1) series with log-normal values: each value remembers the one before by `phi`."""
    value, noise, found = rng.gauss(), math.sqrt(1 - phi * phi), []
    for _ in range(SAMPLES):
        value = phi * value + noise * rng.gauss()
        found.append(math.exp(value))
    return found


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[math.ceil(q * len(values) - 1e-9) - 1]


def covered(phi: float, q: float) -> tuple[float, float]:
    """How often the interval from slices, and that of the binomial distribution over single requests, hold the true quantile."""
    rng, truth = random.Random(17), math.exp(NormalDist().inv_cdf(q))
    reach = 1.96 * math.sqrt(SAMPLES * q * (1 - q))
    low, high = math.floor(SAMPLES * q - reach), math.ceil(SAMPLES * q + reach)
    from_slices = binomial = 0
    for _ in range(RUNS):
        values = autocorrelated(rng, phi)
        slices = [quantile(values[at : at + SAMPLES // 10], q) for at in range(0, SAMPLES, SAMPLES // 10)]
        overall, ordered = quantile(values, q), sorted(values)
        from_slices += abs(overall - truth) <= (half_width(overall, slices) or 0)
        binomial += ordered[low - 1] <= truth <= ordered[high]
    return from_slices / RUNS, binomial / RUNS


@pytest.mark.parametrize(("phi", "q"), [(0.0, 0.95), (0.8, 0.5), (0.8, 0.95)])
def test_the_interval_from_slices_holds_where_that_of_independent_requests_fails(phi: float, q: float) -> None:
    from_slices, binomial = covered(phi, q)
    assert 0.91 <= from_slices <= 0.99
    assert binomial > 0.9 if phi == 0 else binomial < 0.75


def requests(seconds: int, rate: int, *, gap: range = range(0)) -> list[Request]:
    """Response times that rise by 1 ms per second."""
    times = [number * SECOND // rate for number in range(seconds * rate) if number // rate not in gap]
    return [Request(at, at, at + 10_000_000 + at // SECOND * 1_000_000) for at in times]


def test_intervals_of_a_stored_run_come_from_slices_of_equal_length(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = requests(25, 40)
    with open_run(RunFolder(requests=made, elapsed_s=25.0).write(tmp_path_factory.mktemp("run"))) as run:
        found = run.totals.response_time_s
        of_series = run.series[0].response_time_s
    assert found is not None and of_series is not None
    slices = [[request.response_ns for request in made if request.end_ns // SECOND // 2 == number] for number in range(12)]
    for name, q in {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}.items():
        overall = quantile([float(request.response_ns) for request in made], q)
        half = half_width(overall, [quantile(list(map(float, values)), q) for values in slices])
        assert half is not None
        assert found.interval[name] == pytest.approx(((overall - half) / 1e9, (overall + half) / 1e9), rel=0.003)
    assert found.insufficient == of_series.insufficient == ["p99.9"]
    assert found.interval == of_series.interval
    assert "p99.9" not in found.interval


def test_a_load_shorter_than_ten_seconds_or_with_an_empty_slice_has_no_intervals(tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = {9.0: requests(9, 40), 20.0: requests(20, 40, gap=range(6, 10))}
    for seconds, made in runs.items():
        with open_run(RunFolder(requests=made, elapsed_s=seconds).write(tmp_path_factory.mktemp("run"))) as run:
            assert run.totals.response_time_s is not None
            assert run.totals.response_time_s.interval == {}
            assert run.totals.response_time_s.insufficient == ["p99.9"]
