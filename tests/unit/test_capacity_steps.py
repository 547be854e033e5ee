"""A step of a search is a run whose thresholds leave the warm-up out, and which is long enough for its percentiles."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest
from runfolder import MS, SECOND, Iteration, Reading, Request, RunFolder

from tenantry.capacity.measure import check_workload
from tenantry.capacity.steps import after_warmup, lengths, read_step, step_of
from tenantry.errors import UsageError, UsageErrors
from tenantry.prepare import Prepared, prepare
from tenantry.results import open_run
from tenantry.scenario.loader import load_workload
from tenantry.thresholds.evaluate import evaluate
from tenantry.thresholds.parser import parse_threshold

FILE = """
from tenantry import Vu, constant_vus, constant_rate, ramping_rate, scenario, workload

@scenario
async def visit(vu: Vu) -> None: ...

@scenario
async def other(vu: Vu) -> None: ...

closed = workload(visit, constant_vus(7, "1m"), thresholds=["response_time p99 < 300ms", "failures < 1% over 10s"])
ramp = workload(visit, ramping_rate(("1m", "50/s"), max_vus=9), thresholds=["response_time p95 < 300ms in steady"])
windows = workload(visit, constant_vus(7, "1m"), thresholds=["failures < 1% over 20s"])
bare = workload(visit.at(constant_rate("5/s", "1m", max_vus=5)), other.at(constant_rate("5/s", "1m", max_vus=5)))
"""


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "capacities.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def base(name: str) -> Prepared:
    overrides = {"rate": Fraction(10), "duration": 25}
    return prepare(f"capacities.py:{name}", target="http://127.0.0.1", overrides=overrides)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("response_time p95 < 500ms", "response_time p95 < 0.5s after 5s"),
        ("response_time p95 < 500ms after 9s", "response_time p95 < 0.5s after 9s"),
        ("response_time p95 < 500ms in steady", "response_time p95 < 0.5s after 5s"),
        ("failures < 1% after steady abort after 10s", "failures rate < 1% after 5s abort after 10s"),
        ("rss_bytes < 500MB", "rss_bytes < 500000000B"),
        (
            "throughput > 5/s and (failures < 1% over 2s or checks > 90%)",
            "throughput rate > 5/s after 5s and (failures rate < 1% over 2s after 5s or checks rate > 90% after 5s)",
        ),
    ],
)
def test_thresholds_leave_the_warm_up_out(text: str, expected: str) -> None:
    later = after_warmup(parse_threshold(text), 5)
    assert later.text == expected
    assert parse_threshold(later.text).expression == later.expression


def test_a_step_is_a_constant_rate_whatever_the_workload_was() -> None:
    closed = base("closed")
    length = lengths(closed.thresholds, warmup_s=5, measured_s=20)
    step = step_of(closed, Fraction("17.3"), length)
    profile = step.plan.streams[0].profile.as_dict()
    assert (profile["kind"], profile["rate"], profile["max_vus"], profile["duration_ns"]) == ("constant_rate", "173/10", 7, 25 * SECOND)
    assert step.plan.thresholds == (
        "response_time p99 < 0.3s after 5s",
        "failures rate < 1% over 10s after 5s",
        "started_rate rate >= 17.127/s after 5s",
    )
    assert [threshold.text for threshold in step.thresholds] == list(step.plan.thresholds)


def test_a_step_is_lengthened_until_its_percentiles_have_enough_samples() -> None:
    closed = base("closed")
    length = lengths(closed.thresholds, warmup_s=5, measured_s=20)
    assert length.measured_at(Fraction(100)) == 20
    assert length.measured_at(Fraction(4)) == 75, "299 samples for p99 at 4/s"
    assert lengths([parse_threshold("response_time p99.9 < 1s")], warmup_s=0, measured_s=1).measured_at(Fraction(10)) == 300


def test_a_window_longer_than_a_step_is_a_fault_before_the_first_request() -> None:
    windows = base("windows")
    with pytest.raises(UsageError, match="needs 26 s of load, but there are 25 s"):
        step_of(windows, Fraction(10), lengths(windows.thresholds, warmup_s=6, measured_s=19))


def test_a_workload_without_one_rate_or_without_thresholds_cannot_be_searched() -> None:
    with pytest.raises(UsageErrors) as caught:
        check_workload(load_workload("capacities.py:bare"))
    assert "2 load profiles side by side" in str(caught.value) and "has no thresholds" in str(caught.value)
    check_workload(load_workload("capacities.py:ramp"))


def written(folder: Path, every_ms: int, service_ms: int, *, failing: bool) -> Path:
    """Ten seconds, in the first two of which everything takes a second."""
    run = RunFolder(readings=[Reading(second) for second in range(10)])
    run.open_stream(1000 // every_ms)
    for number, at in enumerate(range(0, 10 * SECOND, every_ms * MS)):
        length = (SECOND if at < SECOND else service_ms * MS) - 1
        kind = "status" if failing and number % 4 == 0 else ""
        run.requests.append(Request(at, at, at + length, kind=kind))
        run.iterations.append(Iteration(at, at, at + length, outcome="failed" if kind else "completed"))
    return run.write(folder)


TOLD = {"verdict": "fail", "exit": 10, "reason": "r", "run": "runs/x/20260101T000000Z-load"}


def test_the_figures_of_a_step_are_those_after_its_warm_up(tmp_path: Path) -> None:
    with open_run(written(tmp_path / "run", 10, 20, failing=True)) as run:
        results = [evaluate(parse_threshold(text), run) for text in ("failures < 10% after 2s", "response_time p95 < 1s after 2s")]
        step = read_step(run, Fraction(100), TOLD, results, from_s=2)
    assert step.requests == 800 - 2 + 2, "8 seconds of 100/s; those that end 20 ms later have moved both ends alike"
    assert step.failures == 200
    assert step.throughput == pytest.approx(75, abs=0.5) and step.achieved_rate == pytest.approx(75, abs=0.5)
    assert step.response_p95_s == pytest.approx(0.02, rel=0.01) and step.service_avg_s == pytest.approx(0.02, rel=0.01)
    assert step.concurrency == pytest.approx(100 * 0.02, rel=0.01), "Little: 100/s times 20 ms"
    assert step.failed == ("failures < 10% after 2s (was 25 %)",)
    assert step.run == "20260101T000000Z-load"


def test_too_few_samples_ask_for_a_longer_step_by_what_the_run_gave(tmp_path: Path) -> None:
    thresholds = [parse_threshold('response_time{name="GET /"} p99.9 < 5s'), parse_threshold("failures < 50%")]
    length = lengths(thresholds, warmup_s=0, measured_s=10)
    with open_run(written(tmp_path / "run", 10, 20, failing=False)) as run:
        longer = length.longer(run, [evaluate(threshold, run) for threshold in thresholds], thresholds)
    assert longer is not None
    assert longer.iterations == pytest.approx(1.2 * 2995), "each iteration gave one sample"
    assert longer.measured_at(Fraction(100)) == 36


def test_more_time_does_not_help_thresholds_without_any_sample(tmp_path: Path) -> None:
    thresholds = [parse_threshold('response_time{name="GET /never"} p95 < 5s')]
    with open_run(written(tmp_path / "run", 10, 20, failing=False)) as run:
        results = [evaluate(threshold, run) for threshold in thresholds]
        assert lengths(thresholds, warmup_s=0, measured_s=10).longer(run, results, thresholds) is None
