"""`--set` changes a plan, and nothing that does not fit is taken silently."""

from fractions import Fraction

import pytest

from tenantry.errors import UsageError, UsageErrors
from tenantry.plan.overrides import override, parse_overrides
from tenantry.plan.plan import Plan, Stream
from tenantry.plan.profiles import (
    ConstantRate,
    ConstantVus,
    Profile,
    constant_rate,
    constant_vus,
    per_vu_iterations,
    poisson_rate,
    ramping_rate,
    ramping_vus,
    shared_iterations,
)
from tenantry.units import NS

RAMP = ramping_vus(("2m", 50), ("1m", 0))
RATE = constant_rate("50/s", "5m", max_vus=200)
VUS = constant_vus(50, "5m")
SHARED = shared_iterations(1000, vus=10)
RAMP_RATE = ramping_rate(("1m", "50/s"), max_vus=200)
POISSON = poisson_rate("50/s", "5m", max_vus=200)
MADE = constant_rate("50/s", "5m", max_vus=200, pre_allocated_vus=100)


def plan(**profiles: Profile) -> Plan:
    streams = tuple(Stream(name, profile, ((name, 1.0),)) for name, profile in profiles.items())
    return Plan(
        name="mixed",
        target="http://127.0.0.1:1",
        streams=streams,
        scenarios=tuple(profiles),
        thresholds=(),
        dataset=None,
        tenants=None,
        rng_seed=1,
        request_timeout_ns=60 * NS,
        connect_timeout_ns=10 * NS,
    )


def changed(profile: Profile, **overrides: str) -> Profile:
    result, faults = override(plan(only=profile), overrides)
    assert not faults, faults
    return result.streams[0].profile


def refused(profiles: dict[str, Profile], overrides: dict[str, object]) -> list[UsageError]:
    return override(plan(**profiles), overrides)[1]


def test_the_settings_of_a_profile_change() -> None:
    rate = changed(RATE, rate="200/s", duration="30s", max_vus="7", graceful_stop="0s")
    assert rate == ConstantRate(rate=Fraction(200), duration_ns=30 * NS, max_vus=7, graceful_stop_ns=0)
    assert changed(VUS, vus="20") == constant_vus(20, "5m")
    assert changed(RAMP, start="5") == ramping_vus(("2m", 50), ("1m", 0), start=5)
    assert changed(RAMP, graceful_ramp_down="5s") == ramping_vus(("2m", 50), ("1m", 0), graceful_ramp_down="5s")
    assert changed(SHARED, iterations="50", vus="5", max_duration="1m") == shared_iterations(50, vus=5, max_duration="1m")
    assert changed(per_vu_iterations(5, vus=2), iterations="7") == per_vu_iterations(7, vus=2)
    assert changed(RAMP_RATE, start="5/s", max_vus="7") == ramping_rate(("1m", "50/s"), start="5/s", max_vus=7)
    assert changed(POISSON, rate="5/m", duration="1m") == poisson_rate("5/m", "1m", max_vus=200)
    assert changed(MADE, pre_allocated_vus="7") == constant_rate("50/s", "5m", max_vus=200, pre_allocated_vus=7)


def test_rate_and_duration_turn_a_ramp_into_a_rate_over_the_same_virtual_users() -> None:
    profile = changed(RAMP, rate="200/s", duration="30s")
    assert isinstance(profile, ConstantRate)
    assert (profile.rate, profile.duration_ns, profile.max_vus) == (Fraction(200), 30 * NS, 50)
    assert changed(RAMP_RATE, rate="5/s", duration="30s") == constant_rate("5/s", "30s", max_vus=200)
    profile = changed(VUS, rate="200/s", duration="30s", max_vus="9")
    assert (profile.kind, profile.max_vus) == ("constant_rate", 9)


def test_vus_and_duration_turn_a_ramp_into_a_constant_number() -> None:
    profile = changed(RAMP, vus="20", duration="30s")
    assert isinstance(profile, ConstantVus)
    assert (profile.vus, profile.duration_ns) == (20, 30 * NS)
    assert changed(SHARED, vus="20", duration="30s") == constant_vus(20, "30s")


def test_the_plan_itself_changes() -> None:
    result, faults = override(plan(only=VUS), {"rng_seed": "7", "request_timeout": "5s", "connect_timeout": 2})
    assert not faults
    assert (result.rng_seed, result.request_timeout_ns, result.connect_timeout_ns) == (7, 5 * NS, 2 * NS)


def test_a_stream_is_named_where_there_are_several() -> None:
    result, faults = override(plan(dashboard=RATE, booking=RATE), {"dashboard.rate": "5/s", "duration": "10s"})
    assert not faults
    assert [stream.profile.as_dict()["rate"] for stream in result.streams] == ["5", "50"]
    assert [stream.profile.duration_ns for stream in result.streams] == [10 * NS, 10 * NS]


@pytest.mark.parametrize(
    ("profiles", "overrides", "message", "hint"),
    [
        ({"a": RATE}, {"rat": "5/s"}, "unknown setting 'rat'", "did you mean rate?"),
        ({"a": RATE}, {"rng_sed": "5"}, "unknown setting 'rng_sed'", "did you mean rng_seed?"),
        ({"dashboard": RATE}, {"dashbord.rate": "5/s"}, "there is no stream 'dashbord'", "did you mean dashboard?"),
        ({"a": RATE}, {"a.rng_seed": "5"}, "unknown setting 'rng_seed'", "rate"),
        ({"a": RATE, "b": RATE}, {"rate": "5/s"}, "several streams", "a.rate"),
        ({"a": VUS}, {"rate": "5/s"}, "rate does not fit a", "duration as well"),
        ({"a": RATE}, {"vus": "5"}, "vus does not fit a", "duration as well"),
        ({"a": RAMP}, {"duration": "5s"}, "duration does not fit a", "stages"),
        ({"a": VUS}, {"max_vus": "5"}, "max_vus does not fit a", "constant_rate"),
        ({"a": RATE}, {"rate": "0/s"}, "rate is zero", "500/s"),
        ({"a": RATE}, {"duration": "-5s"}, "negative", "30s"),
        ({"a": VUS}, {"vus": "0"}, "vus is 0", "whole number"),
        ({"a": VUS}, {"vus": "many"}, "'many' is not a whole number", "whole number"),
        ({"a": VUS}, {"rng_seed": "-1"}, "rng_seed is -1", "whole number"),
        ({"a": VUS}, {"request_timeout": "0s"}, "request_timeout is zero", "30s"),
        ({"a": SHARED}, {"iterations": "0"}, "iterations is 0", "whole number"),
        ({"a": SHARED}, {"iterations": "5"}, "5 iterations for 10 virtual users", "fewer virtual users"),
        ({"a": SHARED}, {"max_duration": "0s"}, "max_duration is zero", "30s"),
        ({"a": SHARED}, {"duration": "5s"}, "duration does not fit a", "--set max_duration=30s"),
        ({"a": VUS}, {"iterations": "5"}, "iterations does not fit a", "shared_iterations and per_vu_iterations"),
        ({"a": RAMP_RATE}, {"start": "-1/s"}, "start '-1/s' is negative", "500/s"),
        ({"a": RAMP_RATE}, {"duration": "5s"}, "duration does not fit a", "stages"),
        ({"a": POISSON}, {"rate": "0/s"}, "rate is zero", "500/s"),
        ({"a": MADE}, {"max_vus": "50"}, "pre_allocated_vus is 100, more than max_vus, 50", "raise max_vus"),
        ({"a": MADE}, {"pre_allocated_vus": "0"}, "pre_allocated_vus is 0", "whole number"),
        ({"a": RAMP}, {"graceful_ramp_down": "-5s"}, "negative", "30s"),
        ({"a": VUS}, {"start_after": "-5s"}, "negative", "30s"),
        ({"a": VUS}, {"start_after": "b"}, "a starts after 'b', which has no load profile here", "known: a"),
        ({"a": VUS}, {"start_after": "a"}, "a would never start: a after a", "without waiting"),
        ({"a": VUS, "b": VUS}, {"start_after": "5s"}, "several streams", "a.start_after"),
    ],
)
def test_an_override_that_does_not_fit_is_a_fault(
    profiles: dict[str, Profile], overrides: dict[str, object], message: str, hint: str
) -> None:
    (fault,) = refused(profiles, overrides)
    assert message in fault.what
    assert hint in fault.hint
    key, value = next(iter(overrides.items()))
    assert fault.where == f"--set {key}={value}"


def test_a_stream_can_be_told_to_begin_later_or_after_another() -> None:
    result, faults = override(plan(a=VUS, b=SHARED, c=RATE), {"a.start_after": "90s", "c.start_after": "b"})
    assert not faults
    assert [stream.start_after for stream in result.streams] == [90 * NS, 0, "b"]
    assert result.begins_ns == {"a": 90 * NS, "b": 0, "c": 600 * NS}
    assert result.duration_ns == 900 * NS


def test_all_wrong_overrides_are_faults() -> None:
    assert len(refused({"a": RATE}, {"rate": "0/s", "duration": "soon", "colour": "red"})) == 3


def test_pairs_are_split_at_the_first_equals_sign() -> None:
    assert parse_overrides(["rate=200/s", " duration = 30s "]) == {"rate": "200/s", "duration": "30s"}


def test_pairs_without_value_and_keys_given_twice_are_refused_together() -> None:
    with pytest.raises(UsageErrors) as caught:
        parse_overrides(["rate", "=5", "vus=", "duration=1s", "duration=2s"])
    assert len(caught.value.faults) == 4
