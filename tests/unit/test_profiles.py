"""Load profiles say what was asked for, and note every fault with the line of the call."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tenantry.plan.profiles import (
    PROFILES,
    Profile,
    RateStage,
    Stage,
    constant_rate,
    constant_vus,
    per_vu_iterations,
    poisson_rate,
    ramping_rate,
    ramping_vus,
    shared_iterations,
)
from tenantry.units import NS

BAD: list[tuple[str, Callable[[], Profile], str]] = [
    ("no virtual user", lambda: constant_vus(0, "5m"), "vus is 0"),
    ("a negative number of virtual users", lambda: constant_vus(-3, "5m"), "vus is -3"),
    ("half a virtual user", lambda: constant_vus(1.5, "5m"), "vus 1.5 is not a whole number"),  # type: ignore[arg-type]
    ("True virtual users", lambda: constant_vus(True, "5m"), "vus True is not a whole number"),
    ("no time at all", lambda: constant_vus(5, "0s"), "duration is zero"),
    ("a negative duration", lambda: constant_vus(5, "-5m"), "duration '-5m' is negative"),
    ("a negative number of seconds", lambda: constant_vus(5, -5), "duration -5 is not a duration"),
    ("a duration without unit", lambda: constant_vus(5, "5"), "duration '5' is not understood"),
    ("a duration that is nothing", lambda: constant_vus(5, None), "duration None is not a duration"),  # type: ignore[arg-type]
    ("a negative graceful stop", lambda: constant_vus(5, "5m", graceful_stop="-1s"), "graceful_stop '-1s' is negative"),
    ("no stages", lambda: ramping_vus(), "has no stages"),
    ("a stage that is no pair", lambda: ramping_vus(("2m",)), "stage 1 is ('2m',)"),  # type: ignore[arg-type]
    ("a stage with a negative target", lambda: ramping_vus(("2m", 5), ("2m", -5)), "target of stage 2 is -5"),
    ("a stage with a bad duration", lambda: ramping_vus(("2x", 5)), "duration of stage 1 '2x'"),
    ("stages without time", lambda: ramping_vus(("0s", 5)), "all stages of ramping_vus have duration zero"),
    ("stages without virtual users", lambda: ramping_vus(("2m", 0), ("1m", 0)), "never has a virtual user"),
    ("a negative start", lambda: ramping_vus(("2m", 5), start=-1), "start is -1"),
    ("a rate of zero", lambda: constant_rate("0/s", "5m", max_vus=5), "rate is zero"),
    ("a negative rate", lambda: constant_rate("-5/s", "5m", max_vus=5), "rate '-5/s' is negative"),
    ("a rate without unit", lambda: constant_rate("50", "5m", max_vus=5), "rate '50' is not understood"),
    ("no virtual users for a rate", lambda: constant_rate("50/s", "5m", max_vus=0), "max_vus is 0"),
    ("no time for a rate", lambda: constant_rate("50/s", "0s", max_vus=5), "duration is zero"),
    ("a negative ramp-down", lambda: ramping_vus(("2m", 5), graceful_ramp_down="-1s"), "graceful_ramp_down '-1s' is negative"),
    ("no iterations", lambda: shared_iterations(0, vus=1), "iterations is 0"),
    ("half an iteration", lambda: shared_iterations(1.5, vus=1), "iterations 1.5 is not"),  # type: ignore[arg-type]
    ("nobody to share iterations", lambda: shared_iterations(10, vus=0), "vus is 0"),
    ("fewer iterations than virtual users", lambda: shared_iterations(9, vus=10), "9 iterations for 10 virtual users"),
    ("no time for iterations", lambda: shared_iterations(10, vus=1, max_duration="0s"), "max_duration is zero"),
    ("no iterations for each", lambda: per_vu_iterations(-1, vus=1), "iterations is -1"),
    ("nobody to have iterations", lambda: per_vu_iterations(10, vus=0), "vus is 0"),
    ("negative time for iterations", lambda: per_vu_iterations(10, vus=1, max_duration="-1m"), "max_duration '-1m' is negative"),
    ("a ramp of rates without stages", lambda: ramping_rate(max_vus=5), "has no stages"),
    ("a stage of a rate that is no pair", lambda: ramping_rate("1m", max_vus=5), "stage 1 is '1m'"),  # type: ignore[arg-type]
    ("a stage with a negative rate", lambda: ramping_rate(("1m", "-5/s"), max_vus=5), "target of stage 1 '-5/s' is negative"),
    ("a stage with a rate without unit", lambda: ramping_rate(("1m", "5"), max_vus=5), "target of stage 1 '5' is not understood"),
    ("a stage of a rate with a bad duration", lambda: ramping_rate(("1x", "5/s"), max_vus=5), "duration of stage 1 '1x'"),
    ("stages of a rate without time", lambda: ramping_rate(("0s", "5/s"), max_vus=5), "all stages of ramping_rate have duration zero"),
    ("rates of zero", lambda: ramping_rate(("1m", "0/s"), ("1m", 0), max_vus=5), "never starts an iteration"),
    ("rates that reach one at the very end", lambda: ramping_rate(("1s", "1/s"), start="1/s", max_vus=5), "never starts an iteration"),
    ("a negative start of a rate", lambda: ramping_rate(("1m", "5/s"), start="-1/s", max_vus=5), "start '-1/s' is negative"),
    ("no virtual users for a ramp", lambda: ramping_rate(("1m", "5/s"), max_vus=0), "max_vus is 0"),
    ("a random rate of zero", lambda: poisson_rate("0/s", "5m", max_vus=5), "rate is zero"),
    ("no time for a random rate", lambda: poisson_rate("5/s", "0s", max_vus=5), "duration is zero"),
    ("a rate beyond all bounds", lambda: constant_rate("99999999/ms", "1s", max_vus=5), "too high or too fine"),
    ("a rate that is too fine", lambda: poisson_rate("0.00000000001/s", "1s", max_vus=5), "too high or too fine"),
    (
        "more made before than there may be",
        lambda: constant_rate("5/s", "1s", max_vus=5, pre_allocated_vus=6),
        "pre_allocated_vus is 6, more than max_vus, 5",
    ),
    ("none made before", lambda: poisson_rate("5/s", "1s", max_vus=5, pre_allocated_vus=0), "pre_allocated_vus is 0"),
    ("a load for years", lambda: constant_vus(1, "30000h"), "constant_vus lasts 1,250 days"),
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_wrong_value_is_noted_with_the_place_of_the_call(make: Callable[[], Profile], message: str) -> None:
    faults = make().faults
    assert [message in fault.what for fault in faults] == [True], faults
    line = make.__code__.co_firstlineno
    assert faults[0].where.endswith(f"test_profiles.py:{line}")
    assert faults[0].hint


def test_all_faults_of_one_call_are_noted() -> None:
    faults = constant_rate("0/s", "-1s", max_vus=0, graceful_stop="soon").faults
    assert [fault.what.split()[0] for fault in faults] == ["rate", "duration", "max_vus", "graceful_stop"]


def test_constant_vus_keeps_its_virtual_users_for_its_duration() -> None:
    profile = constant_vus(50, "5m")
    assert (profile.vus, profile.max_vus, profile.duration_ns, profile.graceful_stop_ns) == (50, 50, 300 * NS, 30 * NS)
    assert not profile.is_open
    assert not profile.faults


def test_ramping_vus_takes_as_long_as_its_stages_and_has_the_largest_target() -> None:
    profile = ramping_vus(("2m", 50), ("0s", 80), ("1m", 0), start=10)
    assert profile.stages == (Stage(120 * NS, 50), Stage(0, 80), Stage(60 * NS, 0))
    assert (profile.start, profile.duration_ns, profile.max_vus) == (10, 180 * NS, 80)


def test_constant_rate_is_exact() -> None:
    profile = constant_rate("100/m", "1h30m", max_vus=200, graceful_stop="5s")
    assert profile.rate == Fraction(5, 3)
    assert (profile.duration_ns, profile.max_vus, profile.graceful_stop_ns, profile.is_open) == (5400 * NS, 200, 5 * NS, True)
    assert profile.as_dict()["rate"] == "5/3"


@pytest.mark.parametrize(
    ("profile", "plain"),
    [
        (constant_vus(2, "1s"), {"kind": "constant_vus", "vus": 2, "duration_ns": NS, "graceful_stop_ns": 30 * NS}),
        (
            ramping_vus(("1s", 3)),
            {
                "kind": "ramping_vus",
                "stages": [{"duration_ns": NS, "target": 3}],
                "start": 0,
                "duration_ns": NS,
                "max_vus": 3,
                "graceful_stop_ns": 30 * NS,
                "graceful_ramp_down_ns": 30 * NS,
            },
        ),
        (
            shared_iterations(1000, vus=10),
            {"kind": "shared_iterations", "iterations": 1000, "vus": 10, "max_duration_ns": 600 * NS, "graceful_stop_ns": 30 * NS},
        ),
        (
            per_vu_iterations(100, vus=10, max_duration="1m", graceful_stop=0),
            {"kind": "per_vu_iterations", "iterations": 100, "vus": 10, "max_duration_ns": 60 * NS, "graceful_stop_ns": 0},
        ),
        (
            ramping_rate(("5s", "10/s"), ("0s", "50/s"), ("1m", "50/m"), start="1/m", max_vus=200, pre_allocated_vus=20),
            {
                "kind": "ramping_rate",
                "stages": [
                    {"duration_ns": 5 * NS, "target": "10"},
                    {"duration_ns": 0, "target": "50"},
                    {"duration_ns": 60 * NS, "target": "5/6"},
                ],
                "start": "1/60",
                "duration_ns": 65 * NS,
                "max_vus": 200,
                "pre_allocated_vus": 20,
                "graceful_stop_ns": 30 * NS,
            },
        ),
        (
            poisson_rate("50/s", "5m", max_vus=200),
            {
                "kind": "poisson_rate",
                "rate": "50",
                "rate_per_s": 50.0,
                "duration_ns": 300 * NS,
                "max_vus": 200,
                "pre_allocated_vus": 200,
                "graceful_stop_ns": 30 * NS,
            },
        ),
    ],
)
def test_a_profile_as_plain_data_has_every_value(profile: Profile, plain: dict[str, Any]) -> None:
    assert profile.as_dict() == plain


@pytest.mark.parametrize(
    ("profile", "due"),
    [
        (constant_vus(2, "1s"), None),
        (ramping_vus(("1s", 2)), None),
        (shared_iterations(1000, vus=10), 1000),
        (per_vu_iterations(100, vus=10), 1000),
        (constant_rate("3/s", "1s", max_vus=1), 3),
        (constant_rate("3/s", "1.1s", max_vus=1), 4),
        (ramping_rate(("5s", "10/s"), max_vus=1), 24),
        (ramping_rate(("5s", "10/s"), ("0s", "50/s"), ("1m", "50/s"), max_vus=1), 3024),
        (poisson_rate("3/s", "1.5s", max_vus=1), Fraction(9, 2)),
    ],
)
def test_the_iterations_that_are_due_are_known_where_a_schedule_says_so(profile: Profile, due: object) -> None:
    assert profile.iterations_due == due


def test_a_ramp_of_rates_keeps_its_stages_exactly() -> None:
    profile = ramping_rate(("5s", "100/m"), ("0s", 50), start="7/h", max_vus=200)
    assert profile.stages == (RateStage(5 * NS, Fraction(5, 3)), RateStage(0, Fraction(50)))
    assert (profile.start, profile.duration_ns, profile.is_open) == (Fraction(7, 3600), 5 * NS, True)


def test_every_profile_has_its_own_kind() -> None:
    assert len({profile.kind for profile in PROFILES}) == len(PROFILES)
