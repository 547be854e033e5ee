"""Metrics of a script: what may be declared, and what a value hands to the engine."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from test_vu import Recorder

from tenantry import Vu
from tenantry.errors import UsageError
from tenantry.metrics import counter, gauge, rate, trend
from tenantry.metrics.place import current_session
from tenantry.scenario.loader import load_workload
from tenantry.scenario.session import Session


@pytest.fixture
def session() -> Iterator[Recorder]:
    recorder = Recorder()
    token = current_session.set(recorder)
    yield recorder
    current_session.reset(token)


def test_each_kind_hands_its_value_to_the_session_of_the_virtual_user(session: Recorder) -> None:
    orders, stock, cached, queued = counter("orders", unit="orders"), gauge("stock"), rate("cached"), trend("queued", unit="s")
    orders.add()
    orders.add(2.5)
    stock.set(-7)
    cached.add(True)
    cached.add(False)
    queued.add(0.25, tags={"queue": "mail"})
    assert session.measured == [
        ("orders", 1),
        ("orders", 2.5),
        ("stock", -7),
        ("cached", 1.0),
        ("cached", 0.0),
        ("queued", 0.25, "", {"queue": "mail"}),
    ]


async def test_group_and_tags_around_reach_a_value_from_any_task(session: Recorder) -> None:
    orders = counter("orders")
    vu = Vu(cast(Session, session))

    async def order() -> None:
        await asyncio.sleep(0)
        orders.add(tags={"b": "2"})

    with vu.group("shop", tags={"a": "1"}):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(order())
    assert session.measured[0] == ("orders", 1, "shop", {"a": "1", "b": "2"})


def test_a_value_outside_of_a_scenario_is_refused() -> None:
    with pytest.raises(UsageError, match="outside of a scenario"):
        counter("orders").add()


def test_a_counter_only_grows(session: Recorder) -> None:
    with pytest.raises(UsageError, match="was given -1; it only grows"):
        counter("orders").add(-1)


BAD: list[tuple[str, Callable[[], Any], str]] = [
    ("capitals", lambda: counter("Orders"), "'Orders' is no name for a metric"),
    ("no text", lambda: counter(7), "7 is no name"),  # type: ignore[arg-type]
    ("the name of a built-in one", lambda: trend("response_time"), "every run has"),
    ("a word of the grammar", lambda: gauge("over"), "a word of the threshold grammar"),
    ("a long unit", lambda: rate("x", unit="x" * 21), "is no short text"),
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_wrong_declaration_is_told_with_its_line(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make()
    assert "test_metrics.py:" in caught.value.where


FILE = """
from tenantry import Vu, constant_vus, scenario, workload
from tenantry.metrics import counter, trend
from beside import shared

orders = counter("orders")
again = trend("orders")
Wrong = counter("Wrong")

@scenario
async def one(vu: Vu) -> None: ...

load = workload(one, constant_vus(1, "1s"))
"""


def test_a_file_declares_its_own_metrics_and_those_it_imports_and_two_of_a_name_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text('from tenantry.metrics import gauge\nshared = gauge("shared", unit="MB")\n')
    (tmp_path / "metrics_file.py").write_text(FILE)
    found = load_workload(str(tmp_path / "metrics_file.py"))
    assert [metric.name for metric in found.metrics] == ["shared", "orders", "orders", "Wrong"]
    with pytest.raises(UsageError) as caught:
        found.plan(target="http://127.0.0.1")
    assert "two metrics named orders" in str(caught.value) and "metrics_file.py:7" in str(caught.value)
    assert "'Wrong' is no name" in str(caught.value)


def test_the_plan_tells_the_metrics_by_name(tmp_path: Path) -> None:
    (tmp_path / "good_metrics.py").write_text(
        FILE.replace("from beside import shared\n", "")
        .replace('again = trend("orders")\n', "")[:-1]
        .replace('Wrong = counter("Wrong")\n', 'queued = trend("queued", unit="s")\n')
    )
    plan = load_workload(str(tmp_path / "good_metrics.py")).plan(target="http://127.0.0.1")
    assert plan.as_dict()["metrics"] == {"orders": {"kind": "counter", "unit": ""}, "queued": {"kind": "trend", "unit": "s"}}
