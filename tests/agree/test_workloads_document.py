"""The tables of docs/workloads.md are the workloads of the clinic."""

from __future__ import annotations

import pytest
from pages import doc, name

from tenantry.plan.profiles import ConstantRate
from tenantry.scenario.workload import Workload
from tenantry.units import NS
from tenantry_clinic import workloads

PAGE = doc("workloads.md")
JOURNEYS = {name(row["workload"]): row for row in PAGE.table("The table", "workload") if "failures" in row}
SHAPES = ("smoke", "load", "stress", "spike", "soak", "breakpoint")
DECLARED = {title: value for title, value in vars(workloads).items() if isinstance(value, Workload)}


def test_every_workload_is_in_a_table() -> None:
    assert set(JOURNEYS) | set(SHAPES) | {"demo"} == set(DECLARED)
    for shape in SHAPES:
        assert f"| `{shape}` |" in PAGE.text


@pytest.mark.parametrize("title", sorted(JOURNEYS))
def test_rate_duration_and_limits_are_those_of_the_workload(title: str) -> None:
    row, made = JOURNEYS[title], DECLARED[title]
    (part,) = made.parts
    assert isinstance(part.profile, ConstantRate)
    minutes = part.profile.duration_ns / NS / 60
    assert row["load"] == f"{part.profile.rate.numerator / part.profile.rate.denominator:g}/s for {minutes:g}m"
    limits = [*(f"response_time {limit}" for limit in row["response time"].split(", ")), f"failures {row['failures']}", "checks > 99%"]
    assert list(made.thresholds) == limits


def test_the_weights_of_the_mixed_one_are_told() -> None:
    told = JOURNEYS["mixed"]["journey"]
    for journey, weight in workloads.WEIGHTS.items():
        assert f"{journey.name} {weight} %" in told
