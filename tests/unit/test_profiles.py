"""Load profiles say what was asked for, and note every fault with the line of the call."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tenantry.plan.profiles import PROFILES, Profile, Stage, constant_rate, constant_vus, ramping_vus
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
            },
        ),
    ],
)
def test_a_profile_as_plain_data_has_every_value(profile: Profile, plain: dict[str, Any]) -> None:
    assert profile.as_dict() == plain


def test_every_profile_has_its_own_kind() -> None:
    assert len({profile.kind for profile in PROFILES}) == len(PROFILES)
