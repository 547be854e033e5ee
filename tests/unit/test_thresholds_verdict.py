"""What a run says to a threshold, against values worked out by hand from single samples."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.thresholds.evaluate import ThresholdResult, evaluate
from tenantry.thresholds.parser import parse_threshold
from tenantry.types import Outcome


class Sample(NamedTuple):
    second: int
    value: float
    failed: bool = False
    name: str = "GET /a"
    scenario: str = "a"


class Distribution:
    def __init__(self, values: list[float]) -> None:
        self.values = sorted(values)
        self.n = len(values)
        self.avg = sum(values) / len(values)
        self.max = max(values)

    def quantile(self, q: float) -> float:
        """The value of rank ceil(q * n), with q taken as the decimal that it prints as."""
        return self.values[ceil(Fraction(str(q)) * self.n) - 1]


class Samples:
    """A run as a list of samples; every question is answered by going through all of them."""

    def __init__(self, samples: list[Sample], duration_s: float, gauges: Mapping[str, float] | None = None) -> None:
        self.samples = samples
        self.duration_s = duration_s
        self.gauges = gauges or {}
        self.asked: list[tuple[int, int | None]] = []

    def within(self, tags: Mapping[str, str], start_s: int, end_s: int | None) -> list[Sample]:
        self.asked.append((start_s, end_s))
        fitting = [sample for sample in self.samples if all(getattr(sample, tag) == value for tag, value in tags.items())]
        return [sample for sample in fitting if start_s <= sample.second and (end_s is None or sample.second < end_s)]

    def trend(self, metric: str, tags: Mapping[str, str], start_s: int, end_s: int | None) -> Distribution | None:
        values = [sample.value for sample in self.within(tags, start_s, end_s)]
        return Distribution(values) if values else None

    def share(self, metric: str, tags: Mapping[str, str], start_s: int, end_s: int | None) -> tuple[int, int]:
        found = self.within(tags, start_s, end_s)
        counted = [sample for sample in found if sample.failed == (metric == "failures")]
        return len(counted), len(found)

    def count(self, metric: str, tags: Mapping[str, str], start_s: int, end_s: int | None) -> int | None:
        if not self.within(tags, 0, None):
            return None
        return sum(not sample.failed for sample in self.within(tags, start_s, end_s))

    def value(self, metric: str) -> float | None:
        return self.gauges.get(metric)


def judge(text: str, samples: list[Sample], duration_s: float = 10, **gauges: float) -> ThresholdResult:
    return evaluate(parse_threshold(text), Samples(samples, duration_s, gauges))


# Ten seconds, ten requests each: 10 ms in the first five seconds, 100 ms after; every tenth of the last five seconds fails.
STEP = [Sample(second, 0.010 if second < 5 else 0.100, failed=second >= 5 and number == 0) for second in range(10) for number in range(10)]

TABLE: list[tuple[str, Outcome, float | None, int]] = [
    ("response_time p50 <= 10ms", "pass", 0.010, 100),
    ("response_time p50 < 10ms", "fail", 0.010, 100),
    ("response_time p51 < 50ms", "fail", 0.100, 100),
    ("response_time avg < 60ms", "pass", 0.055, 100),
    ("response_time max < 60ms", "fail", 0.100, 100),
    ("response_time count == 100", "pass", 100, 100),
    ("response_time p50 < 50ms after 5s", "fail", 0.100, 50),
    ("response_time p50 < 50ms over 2s", "fail", 0.100, 20),
    ("response_time p50 > 5ms over 2s", "pass", 0.010, 20),
    ("failures < 6%", "pass", 0.05, 100),
    ("failures < 6% over 5s", "fail", 0.10, 50),
    ("failures count < 5", "fail", 5, 100),
    ("failures count < 2 over 1s", "pass", 1, 10),
    ("checks > 94%", "pass", 0.95, 100),
    ("checks > 94% over 1s", "fail", 0.9, 10),
    ("throughput > 9.4/s", "pass", 9.5, 95),
    ("throughput > 9.4/s over 2s", "fail", 9.0, 18),
    ("throughput > 9.4/s after 5s", "fail", 9.0, 45),
    ("requests > 94", "pass", 95, 95),
    ('response_time{name="GET /b"} p95 < 5ms', "no_data", None, 0),
    ("failures{scenario=b} < 1%", "no_data", None, 0),
    ("throughput{scenario=b} > 1/s", "no_data", None, 0),
    ("response_time p95 < 1s after 10s", "no_data", None, 0),
    ("throughput > 1/s after 10s", "no_data", None, 0),
    ("failures < 50% over 11s", "no_data", None, 0),
    ("tenant_p95_ratio < 3", "no_data", None, 0),
]


@pytest.mark.parametrize(("text", "result", "observed", "samples"), TABLE, ids=[row[0] for row in TABLE])
def test_a_step_in_the_middle_of_a_run(text: str, result: Outcome, observed: float | None, samples: int) -> None:
    found = judge(text, STEP)
    assert (found.result, found.samples) == (result, samples)
    assert found.observed == (None if observed is None else pytest.approx(observed))
    assert found.text == text


def test_nothing_at_all_is_never_a_pass() -> None:
    for text in ("response_time p95 < 500ms", "failures < 1%", "checks > 0%", "throughput >= 0/s", "errors == 0", "failures < 1% over 1s"):
        assert judge(text, []).result == "no_data"


def test_none_of_something_that_is_there_is_zero() -> None:
    found = judge("throughput >= 0/s", [Sample(0, 0.1, failed=True)])
    assert (found.result, found.observed) == ("pass", 0)


def test_a_gauge_is_compared_as_it_is() -> None:
    assert judge("tenant_p95_ratio < 3", [], tenant_p95_ratio=2.5).result == "pass"
    assert judge("tenant_p95_ratio < 3", [], tenant_p95_ratio=3.0).result == "fail"


def test_one_sample_gives_a_result_and_says_so() -> None:
    found = judge("response_time p99.9 < 500ms", [Sample(0, 0.1)])
    assert (found.result, found.samples) == ("pass", 1)


def test_p99_9_of_a_thousand_samples_is_the_999th() -> None:
    samples = [Sample(0, number / 1000) for number in range(1, 1001)]
    assert judge("response_time p99.9 < 999.5ms", samples).observed == 0.999


@pytest.mark.parametrize(
    ("text", "result", "metric"),
    [
        ("failures < 6% and checks > 94%", "pass", "failures"),
        ("failures < 6% and checks > 99%", "fail", "checks"),
        ("failures < 1% or checks > 94%", "pass", "checks"),
        ("failures < 1% or checks > 99%", "fail", "failures"),
        ("failures < 6% and tenant_p95_ratio < 3", "no_data", "tenant_p95_ratio"),
        ("failures < 1% and tenant_p95_ratio < 3", "fail", "failures"),
        ("failures < 1% or tenant_p95_ratio < 3", "no_data", "tenant_p95_ratio"),
        ("failures < 6% or tenant_p95_ratio < 3", "pass", "failures"),
        ("failures < 1% and checks > 94% or throughput > 9/s", "pass", "throughput"),
    ],
)
def test_conditions_are_joined_and_the_deciding_one_is_shown(text: str, result: Outcome, metric: str) -> None:
    found = judge(text, STEP)
    assert (found.result, found.metric) == (result, metric)


@pytest.mark.parametrize(("duration_s", "last_end"), [(10, 10), (10.4, 10), (9.6, 10), (9.4, 9), (3, 3)])
def test_windows_slide_by_one_second_to_the_end_of_the_load(duration_s: float, last_end: int) -> None:
    source = Samples(STEP, duration_s)
    evaluate(parse_threshold("response_time p50 < 1s over 2s after 1s"), source)
    assert source.asked == [(start, start + 2) for start in range(1, last_end - 1)]


def test_a_last_second_that_was_not_full_does_not_lower_the_rate() -> None:
    samples = [Sample(second, 0.01) for second in range(9) for _ in range(10)] + [Sample(9, 0.01)] * 6
    assert judge("throughput > 9.9/s over 1s", samples, duration_s=9.6).result == "pass"


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 50)), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from(["<", ">"]),
)
def test_the_worst_window_is_that_of_a_search_through_all(rows: list[tuple[int, int]], over: int, after: int, op: str) -> None:
    samples = [Sample(second, float(value)) for second, value in rows]
    windows = [[value for second, value in rows if start <= second < start + over] for start in range(after, 8 - over + 1)]
    largest = [max(window) for window in windows if window]
    found = judge(f"response_time max {op} 25s over {over}s after {after}s", samples, duration_s=8)
    assert found.observed == ((max(largest) if op == "<" else min(largest)) if largest else None)


def test_a_result_as_plain_data_has_the_fields_of_the_report() -> None:
    assert judge("failures < 6%", STEP).as_dict() == {
        "text": "failures < 6%",
        "metric": "failures",
        "stat": "rate",
        "op": "<",
        "limit": 0.06,
        "observed": 0.05,
        "unit": "share",
        "samples": 100,
        "result": "pass",
    }
