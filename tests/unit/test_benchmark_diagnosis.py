"""`make bench-diagnosis` scores what it says: halves of the values, faults that move something, healthy runs and saturated ones."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tenantry.scenario.loader import load_workload

ROOT = Path(__file__).parents[2]
USUAL = {"p95": 0.01, "throughput": 50.0, "failures": 0.0}


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.diagnosis.score")


def case(score: ModuleType, name: str, value: float, *, wrong: bool = True, moved: bool = True) -> Any:
    return score.Case(Path(), score.Injected(name, value, "ramp", wrong), moved)


@pytest.mark.parametrize(
    ("name", "value", "half"),
    [
        ("slow_external_call", 250.0, "tuned"),
        ("slow_external_call", 150.0, "tuned"),
        ("slow_external_call", 400.0, "held-out"),
        ("app_pool_small", 1.0, "tuned"),
        ("app_pool_small", 5.0, "held-out"),
        ("advisory_lock", 1.0, "tuned"),
        ("none", 3.0, "held-out"),
    ],
)
def test_a_value_is_tuned_by_default_and_at_six_tenths_of_it(score: ModuleType, name: str, value: float, half: str) -> None:
    assert case(score, name, value).half == half


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("slow_external_call", [(250, 0), (150, 0), (400, 0), (200, 0), (625, 0)]),
        ("connection_churn", [(1, 0), (1, 1), (2, 0), (1, 2), (1, 3)]),
        ("deadlocks", [(1, 0), (0.6, 0), (1, 1), (0.8, 0), (1, 2)]),
        ("missing_index", [(20000, 0), (12000, 0), (32000, 0), (16000, 0), (50000, 0)]),
    ],
)
def test_five_different_runs_of_each_fault(score: ModuleType, name: str, values: list[tuple[float, int]]) -> None:
    collect = importlib.import_module("benchmarks.diagnosis.collect")
    assert list(collect.values(collect.faults.fault(name)).values()) == values
    planned = [each for each in collect.planned([name], collect.FACTORS, ["ramp"]) if each.wrong and not each.beside]
    assert len({each.folder for each in planned}) == 5


@pytest.mark.parametrize("name", ["none", "hot_row_lock", "unindexed_fk"])
def test_a_rising_load_is_the_plain_one_with_its_hooks(score: ModuleType, name: str, tmp_path: Path) -> None:
    collect = importlib.import_module("benchmarks.diagnosis.collect")
    plain, rising = (load_workload(collect._shaped(collect.faults.fault(name), 60.0, shape, tmp_path, 15)[0]) for shape in collect.SHAPES)
    assert rising.hooks == plain.hooks and rising.hooks
    assert rising.scenarios == plain.scenarios
    assert [part.profile.kind for part in rising.parts] == ["ramping_rate"]


@pytest.mark.parametrize(
    ("rate", "now", "saturated"),
    [
        (3.0, {"p95": 0.02, "throughput": 150.0}, True),
        (3.0, {"throughput": 100.0}, True),
        (3.0, {"throughput": 150.0}, False),
        (0.3, {"p95": 0.02, "throughput": 15.0}, False),
    ],
    ids=["slower", "less than was asked for", "all that was asked for", "a low rate saturates nothing"],
)
def test_a_healthy_run_is_saturated_where_its_rate_moves_something(
    score: ModuleType, monkeypatch: pytest.MonkeyPatch, rate: float, now: dict[str, float], saturated: bool
) -> None:
    monkeypatch.setattr(score, "figures", lambda _: USUAL | now)
    injected = score.Injected("none", rate, "ramp", False)
    moved = score._moved(injected, Path(), USUAL)
    assert score.Case(Path(), injected, moved).saturated == saturated


@pytest.mark.parametrize(
    ("name", "now", "moved"),
    [
        ("n_plus_one", {"p95": 0.02}, True),
        ("n_plus_one", {"failures": 0.02}, True),
        ("external_rate_limit", {"p95": 0.02}, False),
        ("external_rate_limit", {"failures": 0.02}, True),
    ],
)
def test_a_fault_that_shows_by_failures_moves_nothing_without_them(
    score: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, now: dict[str, float], moved: bool
) -> None:
    monkeypatch.setattr(score, "figures", lambda _: USUAL | now)
    assert score._moved(score.Injected(name, 1.0, "ramp", True), Path(), USUAL) == moved


@pytest.mark.parametrize(
    ("wrong", "slow", "moved", "counts"),
    [
        (True, False, True, True),
        (True, True, True, True),
        (True, False, False, False),
        (False, False, False, True),
        (False, True, False, False),
    ],
    ids=["a fault that moves something", "in slow surroundings", "that moves nothing", "a healthy run", "slow surroundings"],
)
def test_what_counts(score: ModuleType, wrong: bool, slow: bool, moved: bool, counts: bool) -> None:
    assert score.Case(Path(), score.Injected("n_plus_one", 1.0, "plateau", wrong, slow=slow), moved).counts == counts


def test_a_fault_is_compared_with_the_run_without_it_whatever_its_value(
    score: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "figures", lambda folder: USUAL | {"p95": 0.02 if folder.name.endswith("wrong") else 0.01})
    for wrong in (False, True):
        injected = score.Injected("missing_index", 1.0, "plateau", wrong)
        (tmp_path / injected.folder).mkdir()
        (tmp_path / injected.folder / importlib.import_module("benchmarks.diagnosis.collect").LABEL).write_text(
            json.dumps(asdict(injected))
        )
    assert [case.moved for case in score.cases(tmp_path)] == [False, True]


@pytest.mark.parametrize(
    ("excused", "ranking", "alarms"),
    [
        (frozenset(), ["machine_cpu"], 0),
        (frozenset(), ["app_cpu"], 1),
        ({"app_cpu", "generator"}, ["app_cpu", "machine_cpu"], 0),
        ({"app_cpu", "generator"}, ["app_cpu", "app_pool_small"], 1),
    ],
)
def test_exhausted_processors_are_no_false_alarms(score: ModuleType, excused: frozenset[str], ranking: list[str], alarms: int) -> None:
    counted = score.Score()
    counted.add(frozenset(), ranking, excused)
    assert (counted.healthy, counted.alarms) == (1, alarms)


def test_faults_with_the_same_load_on_the_plain_app_share_the_run_without_them(score: ModuleType) -> None:
    usual, leak, small = (
        score.Injected(*of)
        for of in (("none", 1.0, "ramp", False), ("tenant_leak", 100.0, "ramp", True), ("app_pool_small", 2.0, "ramp", True))
    )
    faster = score.Injected("none", 3.0, "ramp", False)
    found = {Path(each.folder): each for each in (faster, usual, leak, small)}
    assert score.without(leak, found) == Path(usual.folder)
    assert score.without(small, found) is None
    own = score.Injected("tenant_leak", 100.0, "ramp", False)
    assert score.without(leak, found | {Path(own.folder): own}) == Path(own.folder)


def test_one_run_without_a_fault_is_made_for_all_with_the_same_surroundings(score: ModuleType) -> None:
    collect = importlib.import_module("benchmarks.diagnosis.collect")
    planned = list(collect.planned(["app_cpu", "app_pool_small", "none", "tenant_leak"], (1.0,), ["ramp"]))
    usual = [each.fault for each in collect.missing(planned, {}) if collect.is_usual(each)]
    assert usual == ["app_cpu", "app_pool_small"]
    there = {Path("runs") / each.folder: each for each in planned if each.fault == "none"}
    left = list(collect.missing(planned, there))
    assert [each.fault for each in left if collect.is_usual(each)] == ["app_pool_small"]
    assert {each.folder for each in left if not collect.is_usual(each)} == {each.folder for each in planned if each.wrong}
