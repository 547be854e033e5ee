"""The intended starts that `tenantry plan` tells, against exact fractions; and shares against the whole."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tenantry import (
    Vu,
    constant_rate,
    constant_vus,
    mix,
    per_vu_iterations,
    poisson_rate,
    ramping_rate,
    ramping_vus,
    scenario,
    shared_iterations,
    workload,
)
from tenantry.plan.plan import Plan
from tenantry.plan.profiles import Profile, RampingRate
from tenantry.report.plan import starts_document
from tenantry.units import NS


@scenario
async def a(vu: Vu) -> None: ...


@scenario
async def b(vu: Vu) -> None: ...


MIXED = mix({a: 3, b: 1})


def told(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(starts_document(plan)))
    return found


def starts(profile: Profile, share: tuple[int, int] = (0, 1), **settings: Any) -> list[int]:
    plan = replace(workload(a, profile, **settings).plan(target=""), share=share)
    found: list[int] = told(plan)["starts"]["a"]
    return found


def wrong_starts(profile: RampingRate, starts: Sequence[int]) -> list[int]:
    """The events (from 1) that do not start in the nanosecond in which the integral of the rate reaches their number.

    From the definition, piece by piece: the integral is `start * t + slope * t^2 / 2` beyond what was reached before, in exact fractions,
    brought to a common denominator so that a million of them take seconds.
    """
    wrong, event, at, area, rate = [], 1, 0, Fraction(0), profile.start / NS
    for stage in profile.stages:
        target, length = stage.target / NS, stage.duration_ns
        if length:
            half = (target - rate) / length / 2
            common = math.lcm(half.denominator, rate.denominator, area.denominator)
            p, q, before = (int(number * common) for number in (half, rate, area))
            area += (rate + target) / 2 * length
            while event <= area and event <= len(starts):
                t, reached = starts[event - 1] - at, event * common
                growing = (p * (t + 1) + q) * (t + 1) + before > reached or t == length
                if not (0 <= t <= length and (p * t + q) * t + before <= reached and growing):
                    wrong.append(event)
                event += 1
        at, rate = at + length, target
    return wrong or list(range(event, len(starts) + 1))


RAMPS = {
    "the one of the documents": ramping_rate(("5s", "10/s"), ("0s", "50/s"), ("1m", "50/s"), start="0/s", max_vus=200),
    "odd fractions": ramping_rate(("7s", "100/m"), ("0.123s", "7.7/s"), ("0s", "1/h"), ("30s", "333.333/s"), start="0.1/s", max_vus=9),
    "up and down": ramping_rate(("10s", "50/s"), ("10s", 0), ("3s", 0), ("1ms", "1000/s"), ("10s", "1/s"), max_vus=9),
}


@pytest.mark.parametrize("profile", RAMPS.values(), ids=RAMPS)
def test_a_ramp_of_rates_starts_each_iteration_where_the_integral_of_the_rate_reaches_its_number(profile: RampingRate) -> None:
    found = starts(profile)
    assert len(found) == profile.iterations_due
    assert wrong_starts(profile, found) == []
    assert wrong_starts(profile, [start + 1 for start in found]) != []


def test_a_million_iterations_of_a_ramp_agree_with_exact_fractions_to_the_nanosecond() -> None:
    profile = ramping_rate(("10m", "1234.5/s"), ("0s", "50/s"), ("10m", "3333/m"), ("10m", "2000/s"), start="7/m", max_vus=9)
    found = starts(profile)
    assert len(found) == profile.iterations_due > 1_000_000
    assert wrong_starts(profile, found) == []


def test_a_constant_rate_starts_iteration_k_after_k_periods() -> None:
    found = starts(constant_rate("7/m", "1h", max_vus=9))
    assert found == [math.floor(k * Fraction(60, 7) * NS) for k in range(420)]


def test_random_arrivals_depend_on_the_seed_alone() -> None:
    profile = poisson_rate("50/s", "1m", max_vus=9)
    found = starts(profile, rng_seed=7)
    assert found == starts(profile, rng_seed=7) != starts(profile, rng_seed=8)
    assert abs(len(found) - 3000) < 5 * math.sqrt(3000)
    assert starts(poisson_rate("50/s", "30s", max_vus=9), rng_seed=7) == [start for start in found if start < 30 * NS]


def test_a_stream_that_begins_later_is_shifted_as_a_whole() -> None:
    open_profile = ramping_rate(("5s", "10/s"), max_vus=9)
    load = workload(a.at(shared_iterations(10, vus=2, max_duration="3s")), b.at(open_profile, start_after=a))
    found = told(load.plan(target=""))
    assert found["vus"] == {"a": [[0, 2], [3 * NS, 0]]}
    assert found["starts"] == {"b": [3 * NS + start for start in starts(open_profile)]}


def test_closed_profiles_tell_when_the_number_of_their_virtual_users_changes() -> None:
    load = workload(MIXED, ramping_vus(("4s", 2), ("0s", 3), ("3s", 0), start=1))
    steps = told(load.plan(target=""))
    assert steps == {
        "starts": {},
        "vus": {"workload": [[0, 1], [4 * NS, 3], [4 * NS + 1, 2], [5 * NS + 1, 1], [6 * NS + 1, 0], [7 * NS, 0]]},
    }


OPEN = (constant_rate("50/s", "10s", max_vus=20), RAMPS["up and down"], poisson_rate("50/s", "10s", max_vus=20))
CLOSED = (
    constant_vus(13, "10s"),
    ramping_vus(("3s", 17), ("0s", 4), ("5s", 11), ("2s", 0)),
    shared_iterations(100, vus=7),
    per_vu_iterations(3, vus=7),
)


@pytest.mark.parametrize("count", [2, 3, 8, 30])
@pytest.mark.parametrize("profile", OPEN, ids=lambda profile: profile.kind)
def test_the_shares_of_an_open_profile_are_exactly_the_uncut_plan_scenario_by_scenario(profile: Profile, count: int) -> None:
    plan = workload(MIXED, profile).plan(target="")
    whole = told(plan)["starts"]
    parts = [told(replace(plan, share=(index, count)))["starts"] for index in range(count)]
    assert {name: sorted(start for part in parts for start in part[name]) for name in whole} == whole
    assert all(whole.values())


@pytest.mark.parametrize("count", [2, 3, 8, 30])
@pytest.mark.parametrize("profile", CLOSED, ids=lambda profile: profile.kind)
def test_the_shares_of_a_closed_profile_add_up_at_every_moment(profile: Profile, count: int) -> None:
    plan = workload(MIXED, profile).plan(target="")
    whole = told(plan)["vus"]["workload"]
    parts = [told(replace(plan, share=(index, count)))["vus"]["workload"] for index in range(count)]
    moments = sorted({at for steps in [whole, *parts] for at, _ in steps})

    def vus(steps: list[list[int]], at: int) -> int:
        return next((vus for since, vus in reversed(steps) if since <= at), 0)

    assert [sum(vus(part, at) for part in parts) for at in moments] == [vus(whole, at) for at in moments]


@pytest.mark.parametrize("count", [1, 2, 3, 8, 30])
def test_every_virtual_user_is_in_exactly_one_share(count: int) -> None:
    plan = workload(a.at(OPEN[0]), b.at(CLOSED[0])).plan(target="")
    for stream in plan.streams:
        cut = [index for part in range(count) for index in replace(plan, share=(part, count)).indexes(stream)]
        assert sorted(cut) == list(range(stream.profile.max_vus))
