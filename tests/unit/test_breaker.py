"""The error breaker: it looks at a full window, and only at what failed in it."""

import pytest

from tenantry.errors import UsageError
from tenantry.plan.breaker import Breaker, breaker_share
from tenantry.units import NS

Counts = tuple[float, int, int]


def tripped(rows: list[Counts], share: float = 0.9, window_s: int = 60) -> list[float]:
    """At which of the moments (seconds, requests so far, failures so far) it trips."""
    breaker = Breaker(share, window_s * NS)
    return [
        at
        for at, requests, failures in rows
        if breaker.trips({"elapsed_ns": round(at * NS), "requests": requests, "failures": failures}) is not None
    ]


def steady(seconds: range, *, rate: int = 10, failing: range = range(0)) -> list[Counts]:
    return [(at, at * rate, sum(rate for second in range(at) if second in failing)) for at in seconds]


def test_it_trips_once_everything_has_failed_for_a_whole_window() -> None:
    assert tripped(steady(range(100), failing=range(100)))[0] == 60


def test_it_does_not_trip_when_the_app_recovers_within_the_window() -> None:
    assert tripped(steady(range(200), failing=range(50))) == []


def test_it_trips_in_the_middle_of_a_run_when_nine_of_ten_failed() -> None:
    assert tripped(steady(range(200), failing=range(70, 200)))[0] == 124, "54 of the 60 seconds"


def test_a_share_just_below_does_not_trip() -> None:
    assert tripped([(at, at * 1000, at * 899) for at in range(100)]) == []
    assert tripped([(at, at * 1000, at * 900) for at in range(100)])[0] == 60


def test_without_a_request_nothing_has_failed() -> None:
    assert tripped([(at, 5, 5) for at in range(200)]) == [], "all five before the first look"


def test_a_look_four_times_a_second_changes_nothing() -> None:
    rows = [(at / 4, at * 3, at * 3) for at in range(400)]
    assert tripped(rows, window_s=5)[0] == 5


def test_switched_off_it_never_trips() -> None:
    assert tripped(steady(range(200), failing=range(200)), share=breaker_share("off", "breaker_share")) == []


def test_it_says_what_it_saw() -> None:
    breaker = Breaker(0.5, 2 * NS)
    breaker.trips({"elapsed_ns": 0, "requests": 0, "failures": 0})
    told = breaker.trips({"elapsed_ns": 2 * NS, "requests": 2000, "failures": 1500})
    assert told == "75.0 % of 2,000 requests failed in the last 2 s"


@pytest.mark.parametrize(("value", "share"), [("90%", 0.9), ("12.5 %", 0.125), (0.5, 0.5), (1, 1.0), ("0.01", 0.01), ("off", 0.0)])
def test_a_share_is_a_percentage_a_number_or_off(value: object, share: float) -> None:
    assert breaker_share(value, "breaker_share") == share


@pytest.mark.parametrize("value", ["0%", 0, "101%", 1.5, -0.5, "most", "", "%", "90%x", True, None, "1/0", "9" * 100])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        breaker_share(value, "breaker_share")
    assert "breaker_share" in caught.value.what and "90%" in caught.value.hint
