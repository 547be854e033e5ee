"""Comparing runs: the parts against independent computations, and whole comparisons of simulated runs."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from bisect import bisect_right
from pathlib import Path
from random import Random

import pytest

from tenantry.compare import baselines
from tenantry.compare.blocks import WHOLE, Blocks, block_length
from tenantry.compare.bootstrap import Estimate, estimate, pooled, resamples
from tenantry.compare.judge import Figures, adjusted, difference, judge
from tenantry.compare.student import point, two_sided
from tenantry.errors import EnvironmentFault, UsageError
from tenantry.results.histogram import bucket_of, highest_ns

P95 = Figures("p95", more_is_worse=True, logarithmic=True, q=0.95)


def blocks_of(times_us: list[list[int]], *, seconds: float = 1.0, failures: int = 0) -> Blocks:
    """Blocks with these response times, in the same way as a run folder would have them but computed here."""
    found = [sorted(bucket_of(us) for us in block) for block in times_us]
    buckets = sorted({bucket for block in found for bucket in block})
    cumulative = tuple(tuple(bisect_right(block, bucket) for block in found) for bucket in buckets)
    requests = tuple(len(block) for block in times_us)
    return Blocks(seconds, requests, (failures,) * len(requests), tuple(buckets), cumulative)


@pytest.mark.parametrize(
    ("t", "df", "expected"),
    # R: 2 * pt(-t, df)
    [(2.262157, 9, 0.05), (0.0, 5, 1.0), (1.0, 1, 0.5), (3.0, 30, 0.005390), (12.706205, 1, 0.05), (1.959964, 1e6, 0.05)],
)
def test_students_t_has_the_tails_of_the_tables(t: float, df: float, expected: float) -> None:
    assert two_sided(t, df) == pytest.approx(expected, rel=1e-3)
    assert two_sided(-t, df) == pytest.approx(expected, rel=1e-3)
    if t:
        assert point(1 - expected, df) == pytest.approx(t, rel=1e-3)


def test_a_weighted_quantile_is_that_of_the_blocks_written_out() -> None:
    rng = Random(1)
    times = [[int(rng.lognormvariate(8, 1)) for _ in range(rng.randint(1, 40))] for _ in range(15)]
    blocks = blocks_of(times)
    for weights in resamples(15, Random(2), 50):
        everything = sorted(us for block, weight in zip(times, weights, strict=True) for us in block * weight)
        for q in (0.5, 0.95, 0.99):
            exact = everything[math.ceil(q * len(everything) - 1e-9) - 1]
            assert blocks.quantile(weights, q) == highest_ns(bucket_of(exact)) / 1e9


def test_draws_take_as_many_blocks_as_there_are_and_each_as_often_as_any_other() -> None:
    draws = resamples(20, Random(3), 2000)
    assert all(sum(draw) == 20 for draw in draws)
    means = [statistics.fmean(column) for column in zip(*draws, strict=True)]
    assert all(abs(mean - 1) < 0.1 for mean in means)


def test_rates_and_shares_count_what_the_blocks_have() -> None:
    blocks = blocks_of([[100] * 10, [100] * 30], seconds=2.0, failures=1)
    assert blocks.throughput((1, 1)) == (40 - 2) / 4
    assert blocks.throughput((0, 2)) == (60 - 2) / 4
    assert blocks.failed_share((1, 1)) == 2 / 40
    assert blocks_of([[], []]).failed_share((1, 1)) is None


def test_the_error_of_a_figure_is_that_of_doing_it_again() -> None:
    rng = Random(4)

    def run() -> Blocks:
        # Requests of one block share its mood, as they do where a pool or a lock is shared.
        moods = [rng.gauss(0, 0.2) for _ in range(30)]
        return blocks_of([[int(1e4 * math.exp(rng.gauss(mood, 0.5))) for _ in range(60)] for mood in moods])

    draws = resamples(30, Random(5))
    found = [estimate(run(), draws, lambda blocks, weights: blocks.quantile(weights, 0.95), logarithmic=True) for _ in range(120)]
    estimates = [each for each in found if each is not None]
    truth = statistics.stdev(each.value for each in estimates)
    assert len(estimates) == 120
    assert statistics.fmean(each.error for each in estimates) == pytest.approx(truth, rel=0.25)


def test_too_few_blocks_or_samples_give_no_estimate() -> None:
    quantile = lambda blocks, weights: blocks.quantile(weights, 0.5)  # noqa: E731
    assert estimate(blocks_of([[1]] * 9), resamples(9, Random(1)), quantile, logarithmic=True) is None
    assert estimate(blocks_of([[]] * 20), resamples(20, Random(1)), quantile, logarithmic=True) is None
    assert estimate(blocks_of([[5]] + [[]] * 19), resamples(20, Random(1)), quantile, logarithmic=True) is None


def test_holms_adjustment_is_that_of_the_paper() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    raw = [difference(Estimate(0, 1, 10), Estimate(0, 1, 10))] * 4
    given = [
        type(each)(each.value, each.low, each.high, p, each.error, each.df) for each, p in zip(raw, (0.01, 0.04, 0.03, 0.005), strict=True)
    ]
    assert [each.p for each in adjusted(given)] == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    ("change", "error", "judgement"),
    [
        (math.log(1.20), 0.01, "worse"),
        (math.log(0.80), 0.01, "better"),
        (math.log(1.02), 0.005, "same"),  # certain, and too small to matter
        (math.log(1.20), 0.15, "cannot tell"),
        (0.0, 0.001, "same"),
        (0.0, 0.2, "cannot tell"),
        (math.log(1.30), 0.0, "worse"),
    ],
)
def test_a_judgement_needs_certainty_and_size(change: float, error: float, judgement: str) -> None:
    assert judge(difference(Estimate(change, error, 30), Estimate(0.0, 0.0, 30)), P95, 0.05) == judgement


def test_less_throughput_is_worse_and_more_failures_are() -> None:
    throughput, failures = (
        Figures("throughput", more_is_worse=False, logarithmic=True),
        Figures("failures", more_is_worse=True, logarithmic=False),
    )
    assert judge(difference(Estimate(-0.3, 0.01, 30), Estimate(0, 0.01, 30)), throughput, 0.05) == "worse"
    assert judge(difference(Estimate(0.02, 0.001, 30), Estimate(0, 0.001, 30)), failures, 0.05) == "worse"
    assert judge(difference(Estimate(0.0005, 0.0001, 30), Estimate(0, 0.0001, 30)), failures, 0.05) == "same"


def test_three_bases_tell_how_much_runs_differ_from_each_other() -> None:
    one = pooled([Estimate(1.0, 0.01, 30)])
    assert (one.value, one.error) == (1.0, 0.01)
    three = pooled([Estimate(1.0, 0.01, 30), Estimate(1.1, 0.01, 30), Estimate(1.2, 0.01, 30)])
    assert three.value == pytest.approx(1.1)
    assert three.df == 2
    assert three.error == pytest.approx(0.1 * math.sqrt(4 / 3))


@pytest.mark.parametrize(("seconds", "length"), [(1, 1), (10, 1), (20, 1), (21, 2), (600, 30), (3600, 180)])
def test_blocks_are_whole_seconds_and_at_most_twenty(seconds: int, length: int) -> None:
    assert block_length(seconds) == length
    assert seconds // length <= 20


def test_baselines_are_set_listed_and_forgotten(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("a", "b"):
        (runs / name).mkdir(parents=True)
        (runs / name / "run.json").write_text("{}")
    assert baselines.read(runs) == {}
    baselines.set_baseline(runs, runs / "a")
    baselines.set_baseline(runs, runs / "b", "release/1.0")
    assert json.loads((runs / "baselines.json").read_text()) == {"main": "a", "release/1.0": "b"}
    baselines.set_baseline(runs, runs / "b")
    assert baselines.folder_of(runs, "main") == runs / "b"
    baselines.remove_baseline(runs, "main")
    assert baselines.folder_of(runs, "main") is None
    with pytest.raises(UsageError, match="there is no baseline 'mian'"):
        baselines.remove_baseline(runs, "mian")
    with pytest.raises(UsageError, match="is no name for a baseline"):
        baselines.set_baseline(runs, runs / "a", "../x y")
    (runs / "b" / "run.json").unlink()
    with pytest.raises(UsageError, match="is gone"):
        baselines.folder_of(runs, "release/1.0")
    (runs / "baselines.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        baselines.read(runs)
    assert WHOLE == ("", "", "")


def test_two_processes_that_set_baselines_at_once_lose_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"schema": 1}')
    code = """
import sys
from pathlib import Path
from tenantry.compare.baselines import set_baseline
for number in range(40):
    set_baseline(Path(sys.argv[1]), Path(sys.argv[1]) / "run", f"{sys.argv[2]}-{number}")
"""
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], stderr=subprocess.PIPE) for name in ("a", "b", "c")]
    assert [(process.wait(60), process.communicate()[1]) for process in started] == [(0, b"")] * 3
    assert baselines.read(tmp_path) == {f"{name}-{number}": "run" for name in ("a", "b", "c") for number in range(40)}
    assert not list(tmp_path.glob("*.part"))


def test_baselines_that_cannot_be_read_or_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"schema": 1}')
    (tmp_path / "baselines.json").mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        baselines.read(tmp_path)
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        baselines.remove_baseline(tmp_path / "nowhere", "main")
