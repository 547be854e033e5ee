"""What a run says to a threshold, against values worked out by hand from single samples."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, comb
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.metrics.confidence import lower_rank
from tenantry.metrics.selector import Selectors
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
        return self.at_rank(ceil(Fraction(str(q)) * self.n))

    def at_rank(self, rank: int) -> float:
        return self.values[rank - 1]


class Samples:
    """A run as a list of samples; every question is answered by going through all of them."""

    def __init__(self, samples: list[Sample], duration_s: float, gauges: Mapping[str, float] | None = None) -> None:
        self.samples = samples
        self.duration_s = duration_s
        self.gauges = gauges or {}
        self.asked: list[tuple[int, int | None]] = []
        self.steady: tuple[int, int] | str = "it never settled"
        self.stages = [(0, 5), (5, 10)]

    def within(self, tags: Selectors, start_s: int, end_s: int | None) -> list[Sample]:
        self.asked.append((start_s, end_s))
        fitting = [sample for sample in self.samples if all(tag.fits(getattr(sample, tag.tag)) for tag in tags)]
        return [sample for sample in fitting if start_s <= sample.second and (end_s is None or sample.second < end_s)]

    def trend(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> Distribution | None:
        values = [sample.value for sample in self.within(tags, start_s, end_s)]
        return Distribution(values) if values else None

    def share(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> tuple[int, int]:
        found = self.within(tags, start_s, end_s)
        counted = [sample for sample in found if sample.failed == (metric == "failures")]
        return len(counted), len(found)

    def count(self, metric: str, tags: Selectors, start_s: int, end_s: int | None) -> int | None:
        if not self.within(tags, 0, None):
            return None
        return sum(not sample.failed for sample in self.within(tags, start_s, end_s))

    def value(self, metric: str, tags: Selectors) -> float | None:
        return self.gauges.get(metric)

    def steady_span(self) -> tuple[int, int] | str:
        return self.steady

    def stage_span(self, number: int, runs: Callable[[str], bool]) -> tuple[int, int] | str:
        assert runs("a")
        return self.stages[number - 1]


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


def test_p99_9_of_a_thousand_samples_is_the_999th() -> None:
    samples = [Sample(0, number / 1000) for number in range(1, 1001)]
    assert judge("response_time p99.9 < 999.5ms", samples).observed == 0.999


@pytest.mark.parametrize(("stat", "needed"), [("p50", 5), ("p90", 29), ("p95", 59), ("p99", 299), ("p99.9", 2995)])
def test_one_sample_less_than_a_percentile_needs_is_no_pass(stat: str, needed: int) -> None:
    few, enough = [Sample(0, 0.1)] * (needed - 1), [Sample(0, 0.1)] * needed
    found = judge(f"response_time {stat} < 500ms", few)
    assert (found.result, found.observed, found.samples, found.insufficient) == ("no_data", 0.1, needed - 1, True)
    assert found.note == f"only {needed - 1:,} samples, where {stat} needs {needed:,}"
    assert judge(f"response_time {stat} < 500ms", enough).result == "pass"
    assert not judge(f"response_time {stat} < 500ms", enough).insufficient


# Of n samples, `above` are 1 s and the others 1 ms. P(at least so many of n above the true percentile), worked out by hand.
SURE: list[tuple[str, int, int, Outcome]] = [
    ("p95 < 500ms", 1, 1, "fail"),  # 0.05
    ("p95 < 500ms", 20, 3, "no_data"),  # 0.0755
    ("p95 < 500ms", 20, 4, "fail"),  # 0.0159
    ("p95 <= 1s", 20, 20, "no_data"),
    ("p95 < 1s", 20, 20, "fail"),
    ("p95 > 500ms", 20, 4, "pass"),
    ("p95 > 500ms", 20, 3, "no_data"),
    ("p95 >= 1s", 20, 4, "pass"),
    ("p95 > 1s", 20, 20, "no_data"),
    ("p95 == 1s", 20, 20, "no_data"),
    ("p50 < 500ms", 4, 4, "no_data"),  # 0.0625
    ("p99 < 500ms", 100, 3, "no_data"),  # 0.0794
    ("p99 < 500ms", 100, 4, "fail"),  # 0.0184
    ("max < 500ms", 1, 1, "fail"),
    ("avg > 500ms", 1, 1, "pass"),
]


@pytest.mark.parametrize(("condition", "n", "above", "result"), SURE, ids=[f"{row[0]}, {row[2]} of {row[1]}" for row in SURE])
def test_few_samples_decide_only_what_is_certain_all_the_same(condition: str, n: int, above: int, result: Outcome) -> None:
    samples = [Sample(0, 1.0)] * above + [Sample(0, 0.001)] * (n - above)
    assert judge(f"response_time {condition}", samples).result == result


@pytest.mark.parametrize(("q", "n"), [(0.5, 4), (0.9, 17), (0.95, 1), (0.95, 20), (0.95, 58), (0.99, 100), (0.99, 298), (0.999, 2994)])
def test_the_lower_bound_is_the_highest_rank_that_the_binomial_distribution_allows(q: float, n: int) -> None:
    p = 1 - Fraction(str(q))

    def at_least(above: int) -> Fraction:
        return 1 - sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(above)), Fraction(0))

    rank = lower_rank(n, q)
    assert rank == 0 or at_least(n - rank + 1) <= Fraction(5, 100)
    assert at_least(n - rank) > Fraction(5, 100)


def test_a_window_without_a_sample_is_no_pass_and_the_first_one_is_named() -> None:
    gap = [sample for sample in STEP if sample.second not in (3, 4, 6, 7)]
    found = judge("response_time p50 < 1s over 2s", gap)
    assert (found.result, found.observed, found.note) == ("no_data", 0.1, "no sample in the 2 s from second 3")
    assert judge("response_time p50 < 50ms over 2s", gap).result == "fail", "one that is broken decides all the same"


def test_the_first_window_that_broke_is_named_and_the_worst_one_shown() -> None:
    rising = [Sample(second, second / 100) for second in range(10) for _ in range(5)]
    found = judge("response_time max < 45ms over 2s", rising)
    assert (found.result, found.observed, found.note) == ("fail", 0.09, "first broken in the 2 s from second 4")


def test_a_window_with_too_few_samples_for_its_percentile_is_no_pass() -> None:
    found = judge("response_time p95 < 1s over 5s", STEP)
    assert (found.result, found.insufficient) == ("no_data", True)
    assert found.note == "only 50 samples, where p95 needs 59 in the 5 s from second 0"


@pytest.mark.parametrize(
    ("text", "steady", "asked"),
    [
        ("errors < 5 in steady", (3, 8), (3, 8)),
        ("errors < 5 after steady", (3, 8), (3, None)),
        ("errors < 5 in steady after 2s", (3, 8), (5, 8)),
        ("errors < 5 after 1s after steady", (3, 8), (4, None)),
        ("errors < 5 in stage 2", "none", (5, 10)),
        ("errors < 5 in stage 2 after 2s", "none", (7, 10)),
    ],
)
def test_a_part_of_the_load_is_looked_at_alone(text: str, steady: tuple[int, int] | str, asked: tuple[int, int | None]) -> None:
    source = Samples(STEP, 10)
    source.steady = steady
    assert evaluate(parse_threshold(text), source).result == "fail"
    assert source.asked[-1] == asked


def test_windows_lie_within_their_part_of_the_load() -> None:
    source = Samples(STEP, 10)
    evaluate(parse_threshold("response_time max < 1s over 2s in stage 2 after 1s"), source)
    assert source.asked == [(6, 8), (7, 9), (8, 10)]


def test_without_a_steady_state_nothing_can_be_said_about_it() -> None:
    found = judge("errors < 5 in steady", STEP)
    assert (found.result, found.note, found.observed) == ("no_data", "it never settled", None)


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
        ("failures < 1% and (checks > 94% or throughput > 9/s)", "fail", "failures"),
        ("(failures < 1% or tenant_p95_ratio < 3) and checks > 94%", "no_data", "tenant_p95_ratio"),
    ],
)
def test_conditions_are_joined_and_the_deciding_one_is_shown(text: str, result: Outcome, metric: str) -> None:
    found = judge(text, STEP)
    assert (found.result, found.metric) == (result, metric)


def test_of_an_or_that_fails_every_part_is_told() -> None:
    found = judge("failures < 1% or checks > 99% or throughput > 9/s", STEP)
    assert found.result == "pass"
    found = judge("failures < 1% or checks > 99% or throughput > 10/s", STEP)
    assert (found.metric, found.observed) == ("failures", 0.05)
    assert found.note == (
        "nor did the other part hold: checks rate was 95 %, the limit is > 99 %; "
        "nor did the other part hold: throughput rate was 9.5/s, the limit is > 10.0/s"
    )


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
        "insufficient": False,
        "note": "",
    }
