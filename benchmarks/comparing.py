"""`make bench-compare`: how often `tenantry compare` cries wolf over the same thing twice, and how often it sees what was planted.

Simulated runs have twelve endpoints whose times are log-normal, and a mood that wanders from second to second and that all requests share,
as they share queues. Real runs are those of a folder, of one workload and one machine: each pair of them is the same thing twice, and with
all times of one of them longer it is a regression.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import click
from benchmarks.results_file import write

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey, block_length, cut
from tenantry.compare.judge import FLOOR
from tenantry.compare.runs import compare_blocks, conclude
from tenantry.results import open_run
from tenantry.results.folders import run_folders
from tenantry.results.histogram import bucket_of, lowest_us

Side = dict[SeriesKey, Blocks]
SECONDS, PER_SECOND, SERIES = 120, 10, 12
REGRESSION = 1.15
# How far the mood wanders in a second, and how much of it is left after one.
MOODS = {"quiet": (0.01, 0.8), "lively": (0.03, 0.8), "restless": (0.06, 0.8)}


def simulated(rng: Random, mood: str, factor: float = 1.0) -> Side:
    """A run of two minutes; all of its times are `factor` as long."""
    wander, kept = MOODS[mood]
    moods, now = [], 0.0
    for _ in range(SECONDS):
        now = kept * now + rng.gauss(0, wander)
        moods.append(now)
    length = block_length(SECONDS)
    count = SECONDS // length
    times: dict[SeriesKey, dict[int, list[int]]] = {}
    for series in range(SERIES):
        key, level = SeriesKey("visit", "", f"GET /{series}"), math.log(5_000) + 0.25 * series
        for second, _ in itertools.product(range(count * length), range(PER_SECOND)):
            bucket = bucket_of(int(factor * math.exp(rng.gauss(level + moods[second], 0.5))))
            for of in (key, WHOLE):
                times.setdefault(of, {}).setdefault(bucket, [0] * count)[second // length] += 1
    return {key: _blocks(found, length) for key, found in times.items()}


def _blocks(times: dict[int, list[int]], length: int) -> Blocks:
    buckets = sorted(times)
    running, cumulative = [0] * len(times[buckets[0]]), []
    for bucket in buckets:
        running = [before + more for before, more in zip(running, times[bucket], strict=True)]
        cumulative.append(tuple(running))
    return Blocks(float(length), tuple(running), (0,) * len(running), tuple(buckets), tuple(cumulative))


def slowed(side: Side, factor: float) -> Side:
    """The same run with all times `factor` as long."""
    return {
        key: replace(blocks, buckets=tuple(bucket_of(int(lowest_us(b) * factor)) for b in blocks.buckets)) for key, blocks in side.items()
    }


def judged(new: Side, *bases: Side) -> str:
    return conclude(compare_blocks((new, *bases), floor=FLOOR))[0]


@click.command()
@click.option("--pairs", default=200, show_default=True, help="Simulated pairs of each kind.")
@click.option("--runs", type=click.Path(path_type=Path, exists=True), help="Folder of real runs of one workload.")
def main(pairs: int, runs: Path | None) -> None:
    """Print the table, and store it in benchmarks/results."""
    rows = {}
    for mood in MOODS:
        same, worse = Counter[str](), Counter[str]()
        for seed in range(pairs):
            rng = Random(f"{mood} {seed}")
            old = simulated(rng, mood)
            same[judged(simulated(rng, mood), old)] += 1
            worse[judged(simulated(rng, mood, REGRESSION), old)] += 1
        rows[f"simulated, {mood}"] = _row(f"simulated, {mood}", same, worse)
    if runs is not None:
        rows["real"] = _row("real", *_real(run_folders(runs)))
    click.echo(f"written to {write({'compare': rows})}")


def _real(folders: list[Path]) -> tuple[Counter[str], Counter[str]]:
    sides = []
    for folder in folders:
        with open_run(folder) as run:
            sides.append(cut(run))
    same, worse = Counter[str](), Counter[str]()
    for old, new in itertools.combinations(sides, 2):
        same[judged(new, old)] += 1
        worse[judged(slowed(new, REGRESSION), old)] += 1
    return same, worse


def _row(title: str, same: Counter[str], worse: Counter[str]) -> dict[str, object]:
    false, seen, count = same["worse"] + same["better"], worse["worse"], same.total()
    click.echo(
        f"{title:24} {count} pairs: false alarms {false / count:.1%}, cannot tell {same['cannot tell'] / count:.0%};"
        f" a regression of 15 % seen {seen / count:.1%}, cannot tell {worse['cannot tell'] / count:.0%}"
    )
    return {"pairs": count, "same": dict(same), "regression": dict(worse)}


if __name__ == "__main__":
    main()
