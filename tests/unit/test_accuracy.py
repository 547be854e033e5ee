"""How the benchmarks judge accuracy and memory: against times and lines that are known."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
MS = 1_000_000


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.accuracy.truth")


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.soak")


def test_the_epoch_is_that_of_the_request_that_came_soonest_after_its_time(truth: ModuleType) -> None:
    # 400/s: one each 2.5 ms from 1,000 ms on; the second one came 1 ms late, the third was answered 30 ms after its arrival.
    seen = truth.parse("0 1000000000 1005000000\n1 1003500000 1008500000\n2 1005000000 1035000000\n")
    assert truth.epoch_ns(seen, 400) == 1_000 * MS
    assert truth.start_delay_ns(seen, 400) == [0, MS, 0]
    assert truth.service_ns(seen) == [5 * MS, 5 * MS, 30 * MS]
    assert truth.response_ns(seen, 400) == [5 * MS, 6 * MS, 30 * MS]


def test_intended_starts_are_exact_for_rates_that_do_not_divide_a_second(truth: ModuleType) -> None:
    assert [truth.intended_ns(number, 3) for number in (0, 1, 2, 3)] == [0, 333_333_333, 666_666_666, 1_000_000_000]


def test_quantiles_are_values_of_the_nearest_rank(truth: ModuleType) -> None:
    found = truth.quantiles([number * MS for number in range(1000, 0, -1)])
    assert found == {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


@pytest.mark.parametrize(
    ("true", "reported", "system", "within"),
    [
        (0.001, 0.001049, 0.0, True),
        (0.001, 0.001051, 0.0, False),
        (0.001, 0.001051, 0.00001, True),
        (1.0, 1.0099, 0.0, True),
        (1.0, 1.011, 0.0, False),
        (1.0, 0.989, 0.0, False),
    ],
)
def test_within_is_one_percent_or_50_microseconds(truth: ModuleType, true: float, reported: float, system: float, within: bool) -> None:
    assert truth.Error("p50", true, reported, system).is_within == within


def test_growth_is_the_slope_after_the_first_tenth(soak: ModuleType) -> None:
    # Fills up by 50 MB at first, then grows by 1 byte in 10 requests, so by 1 MB in ten million.
    counts = list(range(0, 20_000_001, 100_000))
    held = [50_000_000 + count // 10 if count >= 2_000_000 else 25 * count for count in counts]
    assert soak.Memory(counts, held, 20_000_000).growth_bytes == pytest.approx(1_000_000, rel=0.001)
    assert soak.slope([(1.0, 5.0)]) == 0.0
