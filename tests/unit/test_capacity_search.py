"""The search finds the capacity of an app that is known, whatever it is, and says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.capacity.find import Found, Measured, find
from tenantry.capacity.search import Bounds, Range, most_steps, next_rate
from tenantry.capacity.steps import Step
from tenantry.errors import Exit, Interrupted, TargetError


def step(rate: Fraction, verdict: str, *, code: int = 0, reason: str = "all thresholds were met", failed: tuple[str, ...] = ()) -> Step:
    return Step(
        rate=float(rate),
        achieved_rate=float(rate),
        throughput=float(rate),
        requests=100,
        failures=0,
        response_p95_s=0.1,
        response_p99_s=0.2,
        service_avg_s=0.05,
        concurrency=float(rate) * 0.05,
        verdict=verdict,
        exit=code,
        reason=reason,
        failed=failed,
        from_s=5,
        to_s=25.0,
        run="run",
    )


def app_of(capacity: float, seen: list[Fraction]) -> Callable[[Fraction], Measured]:
    """An app that meets its thresholds up to `capacity` per second."""

    def measure(rate: Fraction) -> Measured:
        seen.append(rate)
        met = rate <= capacity
        return Measured(step(rate, "pass") if met else step(rate, "fail", code=10, failed=("response_time p95 < 0.1s (was 1.2 s)",)))

    return measure


@given(capacity=st.floats(5, 9000), start=st.integers(1, 5), precision=st.floats(0.01, 0.5))
def test_the_capacity_is_found_within_the_precision(capacity: float, start: int, precision: float) -> None:
    seen: list[Fraction] = []
    within = Range(start=Fraction(start), most=Fraction(10_000), precision=precision)
    found = find(app_of(capacity, seen), within)
    passed, failed = found.bounds.passed, found.bounds.failed
    assert found.end == "found" and passed is not None and failed is not None
    assert passed <= capacity < failed, "the true capacity lies between the two"
    assert failed <= passed * (1 + Fraction(precision)) or _next_to_each_other(passed, failed)
    assert len(seen) == len(set(seen)) <= most_steps(within) + 1


def _next_to_each_other(passed: Fraction, failed: Fraction) -> bool:
    """No rate of three significant digits between them."""
    return float(f"{(float(passed) * float(failed)) ** 0.5:.3g}") in (float(passed), float(failed))


@given(capacity=st.floats(1, 9000))
def test_rates_only_rise_until_one_fails_and_then_stay_between_the_bounds(capacity: float) -> None:
    seen: list[Fraction] = []
    find(app_of(capacity, seen), Range(start=Fraction(1), most=Fraction(10_000), precision=0.05))
    first = next(place for place, rate in enumerate(seen) if rate > capacity)
    assert seen[: first + 1] == sorted(seen[: first + 1])
    bounds = Bounds()
    for rate in seen:
        assert bounds.passed is None or bounds.passed < rate
        assert bounds.failed is None or rate < bounds.failed
        bounds = bounds.with_outcome(rate, rate <= capacity)


RANGE = Range(start=Fraction(10), most=Fraction(100), precision=0.05)


def test_an_app_that_can_do_all_that_was_asked_passes_the_highest_rate_itself() -> None:
    seen: list[Fraction] = []
    found = find(app_of(1e6, seen), RANGE)
    assert seen == [10, 20, 40, 80, 100]
    assert (found.end, found.exit, found.bounds.passed) == ("most_passed", Exit.PASS, Fraction(100))
    assert "the limit lies above" in found.reason


def test_when_even_the_lowest_rate_fails_nothing_else_is_tried() -> None:
    seen: list[Fraction] = []
    found = find(app_of(5, seen), RANGE)
    assert (seen, found.end, found.exit, found.bounds.passed) == ([Fraction(10)], "lowest_failed", Exit.THRESHOLD, None)
    assert "even the lowest rate failed: at 10.0/s response_time p95 < 0.1s (was 1.2 s) failed" in found.reason


def test_a_search_that_failed_later_passes_the_highest_rate_below_the_lowest_that_failed() -> None:
    bounds = Bounds().with_outcome(Fraction(10), True).with_outcome(Fraction(40), False).with_outcome(Fraction(30), False)
    assert bounds == Bounds(Fraction(10), Fraction(30))
    assert next_rate(bounds, RANGE) == Fraction("17.3"), "the geometric middle, in three digits"


def ends(then: Callable[[Fraction], Measured]) -> Found:
    """A search whose first two steps pass."""
    return find(lambda rate: Measured(step(rate, "pass")) if rate <= 20 else then(rate), RANGE)


def test_an_invalid_step_is_no_limit_of_the_app_and_ends_the_search() -> None:
    found = ends(lambda rate: Measured(step(rate, "invalid", code=12, reason="start delay p99 was 9 ms")))
    assert (found.end, found.exit, found.bounds) == ("invalid", Exit.INVALID, Bounds(Fraction(20)))
    for part in (
        "no limit of the app",
        "at 40.0/s start delay p99 was 9 ms",
        "until then the highest rate that met all thresholds is 20.0/s",
    ):
        assert part in found.reason


def test_a_step_without_data_ends_the_search_with_its_code() -> None:
    found = ends(lambda rate: Measured(step(rate, "no_data", code=15, reason="1 of 2 thresholds never got a sample")))
    assert (found.end, found.exit) == ("no_data", Exit.NO_DATA)


def test_a_step_that_is_to_be_repeated_does_not_count() -> None:
    answers = iter([Measured(step(Fraction(40), "invalid", code=12), again=True), Measured(step(Fraction(40), "pass"))])
    found = ends(lambda rate: next(answers) if rate == 40 else Measured(step(rate, "pass")))
    assert found.end == "most_passed"
    assert [(one.rate, one.verdict) for one in found.steps[2:4]] == [(40, "invalid"), (40, "pass")]


def raising(error: BaseException) -> Callable[[Fraction], Measured]:
    def measure(rate: Fraction) -> Measured:
        raise error

    return measure


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("before the load")])
def test_ctrl_c_between_steps_keeps_what_was_found(error: BaseException) -> None:
    found = ends(raising(error))
    assert (found.end, found.exit, found.bounds.passed, len(found.steps)) == ("interrupted", Exit.INTERRUPTED, Fraction(20), 2)
    assert found.reason == "interrupted; until then the highest rate that met all thresholds is 20.0/s"


def test_ctrl_c_in_a_step_keeps_the_step_but_does_not_count_it() -> None:
    found = ends(lambda rate: Measured(step(rate, "pass", code=130)))
    assert (found.end, found.exit, found.bounds.passed, len(found.steps)) == ("interrupted", Exit.INTERRUPTED, Fraction(20), 3)


def test_an_app_that_went_away_ends_the_search_as_unhealthy() -> None:
    found = ends(raising(TargetError("the target cannot be reached: Connection refused")))
    assert (found.end, found.exit) == ("unreachable", Exit.TARGET)
    assert "cannot be reached" in found.reason


def test_what_comes_before_the_first_step_is_raised() -> None:
    with pytest.raises(TargetError):
        find(raising(TargetError("refused")), RANGE)


def test_when_only_virtual_users_were_lacking_the_reason_says_so() -> None:
    starved = ("started_rate >= 39.6/s after 5s (was 20/s)",)
    found = ends(lambda rate: Measured(step(rate, "fail", code=10, failed=starved)))
    assert "--set max_vus=N" in found.reason
