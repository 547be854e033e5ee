"""`--set scale=F`: a whole workload larger or smaller, as if the file had been written so."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from runfolder import Request, RunFolder
from test_overrides import MADE, RATE, VUS, changed, plan, refused

from tenantry.capacity.steps import lengths, step_of
from tenantry.cli.plan import command
from tenantry.errors import UsageError, UsageErrors
from tenantry.plan.overrides import override
from tenantry.plan.profile import scaled_count
from tenantry.plan.profiles import (
    Profile,
    constant_rate,
    constant_vus,
    per_vu_iterations,
    poisson_rate,
    ramping_rate,
    ramping_vus,
    shared_iterations,
)
from tenantry.prepare import Prepared, prepare_plan
from tenantry.report.document import document
from tenantry.report.html import render
from tenantry.report.text import lines
from tenantry.results import open_run
from tenantry.scenario.decorators import scenario
from tenantry.scenario.vu import Vu
from tenantry.scenario.workload import mix, workload
from tenantry.thresholds.scaling import scale_limits


@pytest.mark.parametrize(
    ("written", "scale", "expected"),
    [
        (constant_rate("50/s", "5m", max_vus=200), "0.2", constant_rate("10/s", "5m", max_vus=40)),
        (constant_rate("1/s", "5m", max_vus=200), "10%", constant_rate("6/m", "5m", max_vus=20)),
        (MADE, "0.25", constant_rate("12.5/s", "5m", max_vus=50, pre_allocated_vus=25)),
        (poisson_rate("7/m", "1h", max_vus=3), "300 %", poisson_rate("21/m", "1h", max_vus=9)),
        (
            ramping_rate(("1m", "50/s"), ("0s", "5/s"), start="20/s", max_vus=30),
            "0.1",
            ramping_rate(("1m", "5/s"), ("0s", "0.5/s"), start="2/s", max_vus=3),
        ),
        (constant_vus(50, "5m"), "0.2", constant_vus(10, "5m")),
        (ramping_vus(("2m", 50), ("5m", 3), ("1m", 0), start=7), "0.5", ramping_vus(("2m", 25), ("5m", 2), ("1m", 0), start=4)),
        (shared_iterations(1001, vus=10), "0.25", shared_iterations(250, vus=3)),
        (per_vu_iterations(100, vus=10), "0.2", per_vu_iterations(100, vus=2)),
        (constant_vus(1, "5m"), "0.01", constant_vus(1, "5m")),
        (constant_vus(2, "5m"), "1.25", constant_vus(3, "5m")),
    ],
)
def test_a_scaled_profile_is_the_one_that_could_have_been_written(written: Profile, scale: str, expected: Profile) -> None:
    assert changed(written, scale=scale) == expected


def test_numbers_are_rounded_half_up_and_what_was_there_stays() -> None:
    rng = Random(7)
    for _ in range(2000):
        count, factor = rng.randrange(1000), Decimal(rng.randrange(1, 400)) / 100
        half_up = int((count * factor).quantize(Decimal(1), ROUND_HALF_UP))
        assert scaled_count(count, Fraction(factor)) == (max(half_up, 1) if count else 0)


def test_scale_comes_first_wherever_it_stands() -> None:
    assert changed(RATE, scale="0.2", rate="100/s") == constant_rate("100/s", "5m", max_vus=40)
    assert changed(RATE, rate="100/s", scale="0.2") == constant_rate("100/s", "5m", max_vus=40)
    assert changed(ramping_vus(("2m", 50)), rate="5/s", duration="1m", scale="0.2") == constant_rate("5/s", "1m", max_vus=10)


def test_scale_means_all_streams_or_the_one_that_is_named() -> None:
    result, faults = override(plan(a=RATE, b=VUS), {"scale": 0.5, "b.scale": "0.1"})
    assert not faults
    assert [stream.profile for stream in result.streams] == [constant_rate("25/s", "5m", max_vus=100), constant_vus(5, "5m")]
    assert [stream.as_dict()["scale"] for stream in result.streams] == [0.5, 0.1]


@pytest.mark.parametrize(
    "value", ["0", "0%", "-1", "most", "", "1/5", "nan", "inf", "1e3", "1" * 21, 0, -0.5, float("nan"), float("inf"), True]
)
def test_what_is_no_number_above_zero_is_a_fault(value: object) -> None:
    (fault,) = refused({"a": RATE}, {"scale": value})
    assert fault.what == f"scale {value!r} is no number above zero"
    assert fault.hint == "write it as 0.2 or 20%"
    assert fault.where == f"--set scale={value}"


def test_a_rate_that_the_engine_could_not_keep_exactly_is_a_fault() -> None:
    fine = constant_rate("0.000000001/s", "5m", max_vus=1)
    assert "too high or too fine" in refused({"a": fine}, {"scale": "0.3"})[0].what
    ramp = ramping_rate(("1m", "500000000/s"), max_vus=1)
    (fault,) = refused({"a": ramp}, {"scale": "3"})
    assert (fault.what, fault.where) == ("a rate of 1.5e+09/s is too high or too fine to be kept exactly", "--set scale=3")
    assert refused({"a": fine}, {"scale": "0.3", "rate": "5/s"}) == []


LIMITS = [
    ("throughput > 950/s", "throughput rate > 190/s"),
    ("throughput > 950/s abort after 30s", "throughput rate > 190/s abort after 30s"),
    ("started_rate >= 30/m", "started_rate rate >= 0.1/s"),
    ("requests > 10000", "requests count > 2000"),
    ("iterations >= 1001", "iterations count >= 200"),
    ("iterations >= 2", "iterations count >= 0.4"),
    ("iterations == 1001", "iterations count == 200"),
    ("failures count < 10", "failures count < 2"),
    ("response_time count > 100", "response_time count > 20"),
    ("throughput > 950/s and response_time p95 < 500ms", "throughput rate > 190/s and response_time p95 < 0.5s"),
    ("response_time p95 < 500ms", None),
    ("failures < 1%", None),
    ("dropped_iterations <= 0", None),
    ("rss_bytes < 500MB", None),
]


@pytest.mark.parametrize(("written", "scaled"), LIMITS)
def test_limits_on_amounts_follow_and_others_stay(written: str, scaled: str | None) -> None:
    found = limits(RATE, written, scale="0.2")
    assert found.thresholds == (scaled or written,)
    assert found.scaled_thresholds == ({scaled: written} if scaled else {})


@scenario
async def visit(vu: Vu) -> None: ...


@scenario
async def buy(vu: Vu) -> None: ...


def limits(profile: Profile, *thresholds: str, **overrides: str) -> Any:
    return workload(visit, profile, thresholds=thresholds).plan(target="http://127.0.0.1:1", overrides=overrides)


def test_a_limit_gives_way_to_virtual_users_that_are_whole() -> None:
    assert limits(constant_vus(3, "1m"), "throughput > 30/s", scale="0.4").thresholds == ("throughput rate > 10/s",)
    assert limits(constant_vus(3, "1m"), "throughput < 30/s", scale="0.4").thresholds == ("throughput rate < 12/s",)
    assert limits(constant_vus(3, "1m"), "throughput > 30/s", scale="0.5").thresholds == ("throughput rate > 15/s",)
    assert limits(constant_vus(3, "1m"), "throughput < 30/s", scale="0.5").thresholds == ("throughput rate < 20/s",)
    assert limits(constant_vus(1, "1m"), "throughput > 30/s", scale="0.4").thresholds == ("throughput rate > 12/s",)
    assert limits(constant_vus(3, "1m"), "throughput > 100/s", scale="0.4").thresholds == ("throughput rate > 33.3333333333/s",)


def test_other_overrides_change_no_limit() -> None:
    assert limits(RATE, "throughput > 950/s", scale="0.2", rate="500/s").thresholds == ("throughput rate > 190/s",)
    assert limits(RATE, "throughput > 950/s", rate="10/s").thresholds == ("throughput > 950/s",)


def test_a_limit_over_streams_that_are_scaled_differently_is_refused_by_name() -> None:
    both = workload(visit.at(RATE), buy.at(VUS), thresholds=["throughput > 950/s", "throughput{scenario=visit} > 100/s", "errors <= 0"])
    with pytest.raises(UsageError, match=r"scaled differently \(visit 0.1, buy 1\)") as caught:
        both.plan(target="http://127.0.0.1:1", overrides={"visit.scale": "0.1"})
    assert "throughput > 950/s" in caught.value.what and "test_scale.py" in caught.value.where
    assert "{scenario=visit}" in caught.value.hint
    alike = both.plan(target="http://127.0.0.1:1", overrides={"scale": "0.1"})
    assert alike.thresholds == ("throughput rate > 95/s", 'throughput{scenario="visit"} rate > 10/s', "errors <= 0")


def test_a_threshold_that_is_not_understood_is_left_to_the_check() -> None:
    before = plan(a=RATE)
    scaled, _ = override(before, {"scale": "0.2"})
    found, faults = scale_limits(scaled.__class__(**{**_fields(scaled), "thresholds": ("thruput > 5/s",)}), before.streams, where="x")
    assert (found.thresholds, faults) == (("thruput > 5/s",), [])


def _fields(thing: Any) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__}


def test_the_steps_of_a_search_keep_the_scaled_limits_and_what_they_were() -> None:
    one = workload(mix({visit: 1}), RATE, thresholds=["throughput > 9/s"])
    from tenantry.thresholds.parser import parse_threshold

    scaled = one.plan(target="http://127.0.0.1:1", overrides={"scale": "0.5"})
    base = Prepared(one, scaled, tuple(parse_threshold(text) for text in scaled.thresholds))
    step = step_of(base, Fraction(40), lengths(base.thresholds, warmup_s=5, measured_s=20))
    assert step.plan.streams[0].profile == constant_rate("40/s", "25s", max_vus=100)
    assert step.plan.thresholds[0] == "throughput rate > 4.5/s after 5s"
    assert step.plan.scaled_thresholds == {"throughput rate > 4.5/s after 5s": "throughput > 9/s"}


FILE = """
from tenantry import Vu, constant_rate, ramping_rate, scenario, workload


@scenario
async def browse(vu: Vu) -> None: ...


large = workload(browse, ramping_rate(("1s", "100/s"), ("2s", "35/s"), start="50/s", max_vus=100), thresholds=["throughput > 90/s"])
small = workload(browse, ramping_rate(("1s", "20/s"), ("2s", "7/s"), start="10/s", max_vus=20), thresholds=["throughput > 18/s"])
wrong = workload(browse, constant_rate("5/s", "2s", max_vus=1), thresholds=["thruput > 5/s"])
"""


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    (tmp_path / "shop_scale.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False).stdout

    return run


def test_the_engine_starts_a_scaled_workload_as_one_that_was_written_so(show) -> None:  # type: ignore[no-untyped-def]
    starts = [
        json.loads(show(*arguments, "--starts", "--json"))
        for arguments in (("shop_scale.py:large", "--set", "scale=20%"), ("shop_scale.py:small",))
    ]
    assert starts[0] == starts[1]
    assert len(starts[0]["starts"]["browse"]) > 30


def test_the_plan_shows_the_scale_and_what_a_threshold_was(show) -> None:  # type: ignore[no-untyped-def]
    text = show("shop_scale.py:large", "--set", "scale=0.2")
    assert "Scale" in text and "throughput rate > 18/s" in text and "scaled from throughput > 90/s" in text
    assert "Scale" not in show("shop_scale.py:large")


def test_a_wrong_scale_and_a_wrong_threshold_are_told_together(show) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageErrors) as caught:
        prepare_plan("shop_scale.py:wrong", overrides={"scale": "0", "colour": "red"})
    assert len(caught.value.faults) == 3


def test_the_report_shows_the_scale_and_what_a_threshold_was(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=2.0, thresholds=["throughput rate > 0.1/s"], requests=[Request(0, 0, 1000)])
    run.open_stream(5)
    run.streams[0]["scale"] = 0.2
    folder = run.write(tmp_path)
    manifest = json.loads((folder / "run.json").read_text())
    manifest["plan"]["scaled_thresholds"] = {"throughput rate > 0.1/s": "throughput > 0.5/s"}
    (folder / "run.json").write_text(json.dumps(manifest))
    with open_run(folder) as opened:
        told = document(opened)
    assert told["thresholds"][0]["written"] == "throughput > 0.5/s"
    assert told["about"]["scale"] == {"visit": 0.2}
    assert any("scaled from throughput > 0.5/s" in line.plain for line in lines(told, width=80))
    page = render(told)
    assert "(scaled from throughput &gt; 0.5/s)" in page and "<dt>Scale</dt><dd>0.2</dd>" in page
