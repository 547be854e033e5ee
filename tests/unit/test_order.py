"""Streams that begin after others: chains add up, and circles are told as such."""

from typing import Any

import pytest

from tenantry import Vu, Workload, constant_vus, scenario, shared_iterations, workload
from tenantry.errors import UsageError
from tenantry.plan.order import Start, begins_ns, order_problems
from tenantry.units import NS


@scenario
async def first(vu: Vu) -> None: ...


@scenario
async def second(vu: Vu) -> None: ...


@scenario
async def third(vu: Vu) -> None: ...


CALM = constant_vus(1, "1s")


def at(**options: Any) -> Any:
    return first.at(CALM, **options)


def faults(*parts: Any) -> list[UsageError]:
    return workload(*parts).draft(target="")[1]


def test_a_chain_begins_when_all_before_it_have_ended() -> None:
    starts: dict[str, Start] = {"a": 5, "b": "a", "c": "b", "d": 7}
    assert begins_ns(starts, {"a": 100, "b": 10, "c": 1, "d": 1}) == {"a": 5, "b": 105, "c": 115, "d": 7}


def test_a_circle_has_an_end_nevertheless_so_that_other_faults_can_be_told() -> None:
    starts: dict[str, Start] = {"a": "b", "b": "a", "c": "a"}
    assert set(begins_ns(starts, dict.fromkeys(starts, 1))) == set(starts)
    assert [name for name, _, _ in order_problems(starts)] == ["a", "b"]


def test_a_scenario_begins_after_another_one_or_after_a_time() -> None:
    load = workload(
        first.at(shared_iterations(10, vus=1, max_duration="1m")),
        second.at(CALM, start_after=first),
        third.at(CALM, start_after="90s", env={"size": "large"}, tags={"kind": "write"}),
    )
    plan = load.plan(target="")
    assert plan.begins_ns == {"first": 0, "second": 60 * NS, "third": 90 * NS}
    assert plan.duration_ns == 91 * NS
    told = [(stream.as_dict()["start_after"], stream.as_dict()["start_after_ns"]) for stream in plan.streams]
    assert told == [(None, 0), ("first", None), (None, 90 * NS)]
    assert (plan.streams[2].as_dict()["env"], plan.streams[2].as_dict()["tags"]) == ({"size": "large"}, {"kind": "write"})


@pytest.mark.parametrize(
    ("make", "what", "hint"),
    [
        (lambda: [at(start_after="frist"), second.at(CALM)], "first starts after 'frist'", "did you mean first?"),
        (lambda: [at(start_after=third), second.at(CALM)], "first starts after 'third'", "known"),
        (lambda: [at(start_after="first")], "first would never start: first after first", "without waiting"),
        (lambda: [at(start_after="-5s")], "start_after '-5s' is negative", "30s"),
        (lambda: [at(start_after="5x")], "start_after '5x' is not understood", "30s"),
        (lambda: [at(start_after=None)], "start_after None is not a duration", "30s"),
        (lambda: [at(start_after="99999999999s")], "start_after '99999999999s' is too long", "30s"),
        (lambda: [at(env=["a"])], "env is ['a'], not a mapping", "env={"),
        (lambda: [at(env={"a": object})], "env has 'a'", "env={"),
        (lambda: [at(tags={"a": None})], "tags has 'a'", "tags={"),
    ],
)
def test_what_can_never_start_or_is_not_plain_is_a_fault(make: Any, what: str, hint: str) -> None:
    (fault,) = faults(*make())
    assert what in fault.what
    assert hint in fault.hint
    assert "test_order.py" in fault.where


def test_two_scenarios_that_wait_for_each_other_are_both_told() -> None:
    found = faults(first.at(CALM, start_after=second), second.at(CALM, start_after=first))
    assert [fault.what for fault in found] == [
        "first would never start: first after second after first",
        "second would never start: second after first after second",
    ]


def test_a_workload_with_such_faults_makes_no_plan() -> None:
    load: Workload = workload(first.at(CALM, start_after="nobody"))
    with pytest.raises(UsageError, match="nobody"):
        load.plan(target="")
