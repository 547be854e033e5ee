"""`tenantry plan` tells what would be sent, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tenantry.cli.plan import command
from tenantry.errors import UsageError
from tenantry.units import NS

FILE = """
from tenantry import Vu, mix, poisson_rate, ramping_rate, ramping_vus, scenario, shared_iterations, workload


@scenario
async def browse(vu: Vu) -> None: ...


@scenario
async def buy(vu: Vu) -> None: ...


mixed = workload(
    mix({browse: 3, buy: 1}),
    ramping_rate(("5s", "10/s"), ("0s", "50/s"), ("1m", "50/s"), max_vus=200, pre_allocated_vus=20),
    thresholds=["response_time p95 < 500ms"],
)
both = workload(
    buy.at(shared_iterations(1000, vus=10)),
    browse.at(ramping_vus(("2m", 50), ("1m", 0)), start_after=buy),
)
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    (tmp_path / "shop_plan.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return done.stdout

    return run


def test_people_are_told_every_stream_in_eighty_columns(plan) -> None:  # type: ignore[no-untyped-def]
    text = plan("shop_plan.py:mixed")
    assert max(map(len, text.splitlines())) <= 80
    assert "response_time p95 < 500ms" in text
    assert " ".join(text.split()).count("3,024") == 1
    for word in ("1m5s", "20 to 200", "75.0 %", "25.0 %", "ramping_rate"):
        assert word in text, word
    text = plan("shop_plan.py:both", "--share", "2/4")
    for word in ("after buy", "at most 10m", "1,000", "as many as fit", "13m at most", "60 virtual users", "2 of 4", "none"):
        assert word in text, word


def test_programs_are_told_one_document(plan) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(plan("shop_plan.py:both", "--json", "--set", "buy.max_duration=1m"))
    assert found["schema"] == 1
    assert found["plan"]["streams"][0]["profile"]["max_duration_ns"] == 60 * NS
    assert found["plan"]["target"] is None
    assert found["streams"] == [
        {"name": "buy", "begin_ns": 0, "end_ns": 60 * NS, "vus": 10, "iterations": 1000},
        {"name": "browse", "begin_ns": 60 * NS, "end_ns": 240 * NS, "vus": 50, "iterations": None},
    ]


def test_overrides_change_the_starts(plan) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(plan("shop_plan.py:mixed", "--starts", "--json", "--set", "rate=4/s", "--set", "duration=1s"))
    assert list(found) == ["starts", "vus"]
    assert sorted(found["starts"]["browse"] + found["starts"]["buy"]) == [0, NS // 4, NS // 2, NS * 3 // 4]
    assert found["vus"] == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("shop_plan.py:mixed", "--starts"), "--starts prints only JSON"),
        (("shop_plan.py:mixed", "--share", "0/4"), "--share 0/4 is no share"),
        (("shop_plan.py:mixed", "--share", "5/4"), "--share 5/4 is no share"),
        (("shop_plan.py:mixed", "--share", "half"), "--share half is no share"),
        (("shop_plan.py:mixed", "--set", "start=-1/s"), "start '-1/s' is negative"),
        (("shop_plan.py:mixde",), "mixde"),
        ((), "there is no workload"),
    ],
)
def test_wrong_use_is_one_message(plan, arguments: tuple[str, ...], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=message.replace("/", "[/]")):
        plan(*arguments)
