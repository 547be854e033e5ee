"""Warm-up and steady state: on series whose truncation point is known, and on runs whose load changes."""

import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from runfolder import SECOND, Request, RunFolder

from tenantry.plan.stages import Course, Stage, courses, stage_span, steady_load
from tenantry.results import open_run
from tenantry.results.model import Steady
from tenantry.results.steady import _squared_errors, truncation


def noisy(level: list[float], seed: int, sigma: float = 0.5) -> list[float]:
    rng = random.Random(seed)
    return [value + rng.gauss(0, sigma) for value in level]


def test_the_error_of_what_remains_is_that_of_its_definition() -> None:
    rng = random.Random(5)
    values = [rng.uniform(0.001, 900.0) for _ in range(60)]
    exact = [Fraction(value) for value in values]
    means = [sum(exact[at:]) / (len(exact) - at) for at in range(len(exact))]
    truth = [float(sum((value - mean) ** 2 for value in exact[at:]) / (len(exact) - at) ** 2) for at, mean in enumerate(means)]
    assert _squared_errors(values) == pytest.approx(truth)


@pytest.mark.parametrize(("warm_up", "length"), [(20, 120), (35, 120), (60, 300), (100, 300)])
def test_a_step_is_cut_off_where_it_is(warm_up: int, length: int) -> None:
    found = [truncation(noisy([30.0] * warm_up + [10.0] * (length - warm_up), seed)) for seed in range(20)]
    cuts = sorted(cut for cut in found if cut is not None)
    assert len(cuts) >= 18
    assert cuts[0] == warm_up, "never before the step"
    assert cuts[len(cuts) // 2] <= warm_up + 10


@pytest.mark.parametrize("seed", range(10))
def test_a_decay_is_cut_off_when_little_of_it_is_left(seed: int) -> None:
    values = noisy([10 + 20 * math.exp(-second / 8) for second in range(200)], seed)
    found = truncation(values)
    assert found is not None
    assert 20 * math.exp(-found / 8) < 1.5


@pytest.mark.parametrize("seed", range(20))
def test_what_goes_on_rising_has_no_steady_state(seed: int) -> None:
    assert truncation(noisy([10 + 0.2 * second for second in range(120)], seed)) is None


def test_most_series_that_never_change_keep_most_of_themselves() -> None:
    found = [truncation(noisy([10.0] * 120, seed)) for seed in range(200)]
    assert sum(cut is not None and cut <= 30 for cut in found) >= 175


def test_a_series_without_any_noise_keeps_all_of_it_or_what_follows_its_step() -> None:
    assert truncation([5.0] * 60) == 0
    assert truncation([9.0] * 10 + [5.0] * 50) == 10


def profile(kind: str, *, after: str | int = 0, **settings: Any) -> dict[str, Any]:
    """A stream that begins after another one, or after so many seconds."""
    begin = {"start_after": after, "start_after_ns": None} if isinstance(after, str) else {"start_after_ns": after * SECOND}
    return {"name": kind, "profile": {"kind": kind, **settings}, "scenarios": [["visit", 1.0]], **begin}


def ramp(*stages: tuple[int, int], start: int = 0) -> dict[str, Any]:
    written = [{"duration_ns": seconds * SECOND, "target": target} for seconds, target in stages]
    return profile("ramping_vus", start=start, stages=written, duration_ns=sum(seconds for seconds, _ in stages) * SECOND)


FLAT = profile("constant_rate", duration_ns=100 * SECOND)


@pytest.mark.parametrize(
    ("streams", "until_s", "span"),
    [
        ([FLAT], 100, (0, 100)),
        ([FLAT], 40.7, (0, 40)),
        ([ramp((10, 5), (50, 5), (20, 0))], 80, (10, 60)),
        ([ramp((10, 5), (0, 9), (30, 9), (40, 9))], 80, (10, 80)),
        ([ramp((40, 50), (40, 100), (40, 0))], 120, (0, 0)),
        ([FLAT, ramp((10, 5), (20, 5), (30, 0))], 100, (60, 100)),
        ([FLAT, profile("constant_vus", duration_ns=30 * SECOND, after=20)], 100, (50, 100)),
        ([FLAT, profile("shared_iterations", max_duration_ns=30 * SECOND, after="constant_rate")], 130, (0, 100)),
        ([], 30, (0, 30)),
    ],
    ids=[
        "flat",
        "stopped early",
        "a plateau",
        "two plateaus of one height",
        "only ramps",
        "beside a ramp",
        "a late start",
        "one after the other",
        "unknown",
    ],
)
def test_the_load_is_steady_where_no_stream_changes_it(streams: list[dict[str, Any]], until_s: float, span: tuple[int, int]) -> None:
    assert steady_load(courses(streams), until_s) == span


@pytest.mark.parametrize(
    ("orders", "quiet"),
    [
        ([], (0, 100)),
        ([(30, "rate")], (30, 100)),
        ([(70, "vus"), (72, "vus")], (0, 70)),
        ([(20, "pause"), (80, "resume")], (0, 20)),
        ([(20, "pause"), (40, "rate"), (90, "resume")], (0, 20)),
        ([(10, "pause"), (40, "resume")], (40, 100)),
        ([(30, "vus_made"), (60, "stop")], (0, 100)),
    ],
)
def test_the_load_is_steady_between_orders_and_never_in_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orders: list[tuple[int, str]], quiet: tuple[int, int]
) -> None:
    run = RunFolder(elapsed_s=100.0)
    run.open_stream(20)
    run.requests.append(Request(0, 0, SECOND))
    run.events += [(second * SECOND, kind, "") for second, kind in orders]
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("tenantry.results.run.steady_state", lambda timeline, span: asked.append(span))
    with open_run(run.write(tmp_path)) as opened:
        _ = opened.steady
    assert asked == [quiet]


def test_stages_begin_where_the_one_before_ended() -> None:
    (course,) = courses([ramp((10, 5), (0, 9), (30, 9))])
    flat = (False, False, True)
    assert course == Course("ramping_vus", frozenset({"visit"}), tuple(map(Stage, (0, 10, 10), (10, 10, 40), flat)), staged=True)
    assert stage_span([course], 3, lambda name: name == "visit") == (10, 40)


def run_of(tmp_path: Path, times_ms: list[float], stream: dict[str, Any]) -> Steady:
    """The steady state of a run with 20 requests a second that took so long in each of its seconds."""
    rng = random.Random(3)
    run = RunFolder(elapsed_s=float(len(times_ms)), streams=[stream])
    for second, typical_ms in enumerate(times_ms):
        for number in range(20):
            at = second * SECOND + number * SECOND // 40
            run.requests.append(Request(at, at, at + round(typical_ms * rng.uniform(0.9, 1.1) * 1e6)))
    with open_run(run.write(tmp_path)) as opened:
        span = opened.steady_span()
        assert span == opened.steady.reason or span == (opened.steady.from_s, opened.steady.to_s)
        return opened.steady


def test_a_slow_start_of_a_run_is_its_warm_up(tmp_path: Path) -> None:
    found = run_of(tmp_path, [200.0] * 15 + [40.0] * 85, FLAT)
    assert found.from_s is not None and 15 <= found.from_s <= 30
    assert (found.to_s, found.reason) == (100, "")


def test_a_run_that_gets_slower_and_slower_never_settled(tmp_path: Path) -> None:
    found = run_of(tmp_path, [20.0 + 3 * second for second in range(100)], FLAT)
    assert found == Steady(reason="the response time never settled: it was still changing in the second half of the load")


def test_a_ramp_is_no_steady_state_although_its_response_times_are_the_same(tmp_path: Path) -> None:
    assert run_of(tmp_path, [40.0] * 80, ramp((40, 50), (40, 0))) == Steady(
        reason="it takes 30 s of unchanged load to tell, and the longest stretch was 0 s"
    )


def test_the_plateau_between_two_ramps_is_the_steady_state(tmp_path: Path) -> None:
    found = run_of(tmp_path, [40.0] * 100, ramp((20, 50), (60, 50), (20, 0)))
    assert found.from_s is not None and 20 <= found.from_s <= 50
    assert found.to_s == 80


def test_a_short_run_cannot_tell(tmp_path: Path) -> None:
    assert (
        run_of(tmp_path, [40.0] * 29, profile("constant_vus", duration_ns=29 * SECOND)).reason
        == "it takes 30 s of unchanged load to tell, and the longest stretch was 29 s"
    )
