"""`tenantry compare`, `tenantry baseline` and `tenantry runs trend` on folders that were written before."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from runfolder import MS, SECOND, Request, RunFolder

from tenantry.against import against_baseline
from tenantry.cli.baseline import command as baseline
from tenantry.cli.compare import command as compare
from tenantry.cli.runs import command as runs
from tenantry.errors import UsageError

SECONDS, PER_SECOND = 40, 40


def write(folder: Path, seed: int, *, factor: float = 1.0, failed: float = 0.0, **manifest: Any) -> list[Request]:
    """A run of 40 s with two endpoints, of which the second one takes `factor` times as long as it did; its requests."""
    rng = Random(seed)
    requests = []
    for number in range(SECONDS * PER_SECOND):
        at = number * SECOND // PER_SECOND
        name = ("GET /list", "GET /detail")[number % 2]
        took = int(20 * MS * math.exp(rng.gauss(0, 0.4)) * (factor if name == "GET /detail" else 1))
        took = min(took, SECONDS * SECOND - at - 1)
        kind = "status" if rng.random() < failed else ""
        requests.append(Request(at, at, at + took, name=name, kind=kind, status=500 if kind else 200))
    run = RunFolder(requests=requests, elapsed_s=float(SECONDS))
    run.open_stream(PER_SECOND)
    run.manifest = {"verdict": {"verdict": "pass", "reason": "fine", "exit": 0}, **manifest}
    run.write(folder)
    return requests


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENANTRY_RUNS", raising=False)
    return tmp_path / "runs"


def call(command: Any, *arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def told(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(compare, *arguments, "--json").stdout)
    return found


def figures(found: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    (series,) = [series for series in found["series"] if series["name"] == name]
    return {figure["figure"]: figure for figure in series["figures"]}


def exact(requests: list[Request], name: str, q: float) -> float:
    """The quantile of the sorted times in seconds."""
    times = sorted(r.response_ns for r in requests if r.name == name)
    return times[math.ceil(q * len(times) - 1e-9) - 1] / 1e9


def test_the_same_app_twice_is_not_worse(stored: Path) -> None:
    write(stored / "a", 1)
    write(stored / "b", 2)
    found = told("b", "a")
    assert found["judgement"] in ("same", "cannot tell")
    assert found["exit"] == 0
    assert not [f for series in found["series"] for f in series["figures"] if f["judgement"] in ("worse", "better")]


def test_one_slower_endpoint_is_found_and_named(stored: Path) -> None:
    old = write(stored / "a", 1)
    new = write(stored / "b", 2, factor=1.3)
    found = told("b", "a")
    assert (found["judgement"], found["exit"]) == ("worse", 11)
    assert "GET /detail" in found["reason"]
    slower, steady = figures(found, "GET /detail"), figures(found, "GET /list")
    for figure, q in (("p50", 0.5), ("p95", 0.95)):
        assert slower[figure]["judgement"] == "worse"
        assert slower[figure]["old"] == pytest.approx(exact(old, "GET /detail", q), rel=0.002)
        assert slower[figure]["new"] == pytest.approx(exact(new, "GET /detail", q), rel=0.002)
        assert slower[figure]["low"] <= 0.3 <= slower[figure]["high"]
        assert steady[figure]["judgement"] != "worse"
    assert slower["throughput"]["judgement"] == "same"
    (series,) = [series for series in found["series"] if series["name"] == "GET /detail"]
    ours, theirs = ([r.response_ns // 1000 for r in side if r.name == "GET /detail"] for side in (new, old))
    delta = sum((a > b) - (a < b) for a in ours for b in theirs) / (len(ours) * len(theirs))
    assert series["effect_size"] == pytest.approx(delta, abs=0.01)


def test_a_quicker_app_is_better_and_failures_are_worse(stored: Path) -> None:
    write(stored / "a", 1)
    write(stored / "b", 2, factor=0.6)
    write(stored / "c", 3, failed=0.05)
    assert {figures(told("b", "a"), "GET /detail")[figure]["judgement"] for figure in ("p50", "p95")} == {"better"}
    found = told("c", "a")
    assert found["judgement"] == "worse"
    assert figures(found, "")["failures"]["judgement"] == "worse"
    assert figures(found, "")["failures"]["change"] == pytest.approx(0.05, abs=0.02)


def test_runs_of_another_kind_are_refused_with_every_reason(stored: Path) -> None:
    write(stored / "a", 1)
    write(stored / "b", 2, machine={"cpu": "another", "cores": 8}, target="http://staging.example:80", name="other")
    with pytest.raises(UsageError) as fault:
        told("b", "a")
    for reason in ("other workloads: other and clinic", "kinds of target: staging.example and this machine", "another, 8 cores"):
        assert reason in str(fault.value)
    write(stored / "c", 3, verdict={"verdict": "invalid", "reason": "the generator was late", "exit": 12})
    with pytest.raises(UsageError, match="is invalid: the generator was late"):
        told("c", "a")


def test_another_rate_is_another_load(stored: Path) -> None:
    write(stored / "a", 1)
    run = RunFolder(elapsed_s=40.0)
    run.open_stream(50)
    run.manifest = {"verdict": {"verdict": "pass", "reason": "", "exit": 0}}
    run.write(stored / "b")
    with pytest.raises(UsageError, match=r"other loads: visit constant_rate\(rate=50"):
        told("b", "a")


def test_a_short_run_cannot_be_told(stored: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        run = RunFolder(requests=[Request(n * 10 * MS, n * 10 * MS, n * 10 * MS + seed * MS) for n in range(200)], elapsed_s=3.0)
        run.open_stream(100)
        run.manifest = {"verdict": {"verdict": "pass", "reason": "", "exit": 0}}
        run.write(stored / name)
    found = told("b", "a")
    assert (found["judgement"], found["exit"]) == ("cannot tell", 0)
    assert figures(found, "")["p50"]["why"] == "the load is shorter than 10 s"


def test_the_baseline_is_what_a_run_is_compared_with(stored: Path) -> None:
    write(stored / "a", 1)
    write(stored / "b", 2, factor=1.5)
    with pytest.raises(UsageError, match="there is no baseline to compare with"):
        told("b")
    assert call(baseline, "set", "a").stdout == "baseline main is a\n"
    assert told("b")["bases"] == ["a"]
    result = call(compare, "b")
    assert "WORSE" in result.stdout
    assert result.return_value == 11
    assert "main" in call(baseline, "list").stdout
    call(baseline, "rm", "main")
    assert "no baselines" in call(baseline, "list").stdout


def test_what_ci_tells_of_the_baseline_is_the_same(stored: Path) -> None:
    write(stored / "a", 1)
    write(stored / "b", 2, factor=1.5)
    call(baseline, "set", "a")
    found = against_baseline(stored / "b", stored)
    assert found is not None
    assert (found["judgement"], found["run"]) == ("worse", "a")
    assert {figure["figure"]: figure for figure in found["figures"]} == figures(told("b"), "")


def test_several_bases_are_one(stored: Path) -> None:
    for name, seed in (("a", 1), ("b", 2), ("c", 3), ("d", 4)):
        write(stored / name, seed)
    found = told("d", "a", "b", "c")
    assert found["bases"] == ["a", "b", "c"]
    assert found["judgement"] != "worse"


@pytest.mark.parametrize("floor", ["0%", "100%", "x", "-5%"])
def test_a_floor_that_is_no_share_is_refused(stored: Path, floor: str) -> None:
    write(stored / "a", 1)
    with pytest.raises(UsageError, match="is no share"):
        told("a", "a", "--floor", floor)


def test_a_table_fits_eighty_columns(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write(stored / "a", 1)
    write(stored / "b", 2, factor=1.3)
    assert max(map(len, call(compare, "b", "a").stdout.splitlines())) <= 80


def test_a_trend_tells_from_which_run_on_a_figure_is_another(stored: Path) -> None:
    for number in range(12):
        write(stored / f"run-{number:02}", number, factor=1.0 if number < 6 else 1.5)
    found = json.loads(call(runs, "trend", "--json").stdout)
    ((history),) = found["histories"]
    assert [point["run"] for point in history["points"]] == [f"run-{number:02}" for number in range(12)]
    assert {change["run"] for change in history["changes"] if change["figure"] == "p95"} == {"run-06"}
    assert "run-06" in call(runs, "trend", "clinic").stdout
    with pytest.raises(UsageError, match="no measured run of a workload 'clinik'"):
        call(runs, "trend", "clinik")


def test_a_truncated_file_of_a_run_is_named_and_the_rest_is_compared(stored: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        write(stored / name, seed)
    victim = sorted((stored / "b" / "series").glob("http-*.parquet"))[1]
    victim.write_bytes(victim.read_bytes()[:100])
    result = call(compare, "b", "a", "--json")
    assert victim.name in result.stderr and result.stderr.startswith("note: b: ")
    assert json.loads(result.stdout)["bases"] == ["a"]


def test_a_trend_leaves_a_damaged_run_out(stored: Path) -> None:
    for number in range(3):
        write(stored / f"run-{number}", number)
    (stored / "run-1" / "run.json").write_text("{")
    ((history),) = json.loads(call(runs, "--trend", "--json").stdout)["histories"]
    assert [point["run"] for point in history["points"]] == ["run-0", "run-2"]
