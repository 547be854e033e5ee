"""`make bench-compare`: how often `tenantry compare` cries wolf over the same thing twice, and how often it sees what was planted.

Simulated runs have twelve endpoints whose times are log-normal, and a mood that wanders from second to second and that all requests share,
as they share queues. Real runs are those of a folder, of one workload and one machine: pairs of them are the same thing twice. Where
`benchmarks.comparing_runs` made them, each third one is of an app that is slower; elsewhere a regression is a run with longer times.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import click
from benchmarks.comparing_runs import REGRESSION, SAME, SLOWER, VARIANT
from benchmarks.results_file import write

from tenantry.compare.blocks import WHOLE, Blocks, SeriesKey, block_length, cut
from tenantry.compare.judge import FLOOR
from tenantry.compare.paired import Side, compare_pairs
from tenantry.compare.runs import Measured, compare_blocks, conclude
from tenantry.results import open_run
from tenantry.results.folders import run_folders
from tenantry.results.histogram import bucket_of, lowest_us

SECONDS, PER_SECOND, SERIES = 120, 10, 12
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


def judged(new: Measured, *bases: Measured) -> str:
    return conclude(compare_blocks((new, *bases), floor=FLOOR))[0]


@click.command()
@click.option("--pairs", default=200, show_default=True, help="Of each kind.")
@click.option(
    "--runs", type=click.Path(path_type=Path, exists=True), help="Folder of real runs of one workload, in place of simulated ones."
)
def main(pairs: int, runs: Path | None) -> None:
    """Print the table, and store it in benchmarks/results."""
    found = _simulated(pairs) if runs is None else _real(stored(run_folders(runs)), pairs)
    rows = {title: _row(title, same, worse) for title, (same, worse) in found}
    click.echo(f"written to {write({'compare': rows})}")


Answers = tuple[Counter[str], Counter[str]]


def _simulated(pairs: int) -> Iterator[tuple[str, Answers]]:
    for mood in MOODS:
        same, worse = Counter[str](), Counter[str]()
        for seed in range(pairs):
            rng = Random(f"{mood} {seed}")
            old, new, slower = (Measured(simulated(rng, mood, factor)) for factor in (1.0, 1.0, REGRESSION))
            same[judged(new, old)] += 1
            worse[judged(slower, old)] += 1
        yield f"simulated, {mood}", (same, worse)


def stored(folders: Sequence[Path]) -> dict[str, list[Side]]:
    """The runs that measured something, by their variant, in order; runs by others are all the same."""
    sides: dict[str, list[Side]] = {SAME: [], SLOWER: []}
    for folder in folders:
        with open_run(folder) as run:
            if run.manifest.verdict is not None and run.manifest.verdict.verdict != "invalid":
                sides[(run.manifest.plan.get("tags") or {}).get(VARIANT, SAME)].append(cut(run))
    return sides


def _real(sides: dict[str, list[Side]], pairs: int) -> Iterator[tuple[str, Answers]]:
    """Pairs of runs, a run beside three, and where runs were made in rounds also in turns."""
    rng = Random("real")
    same = [Measured(side) for side in sides[SAME]]
    slower = [Measured(side) for side in sides[SLOWER] or (slowed(side, REGRESSION) for side in sides[SAME])]
    alike = list(itertools.combinations(range(len(same)), 2))
    unlike = list(itertools.product(range(len(slower)), range(len(same))))
    yield (
        "real",
        _counted(
            [(same[new], same[old]) for old, new in rng.sample(alike, min(pairs, len(alike)))],
            [(slower[new], same[old]) for new, old in rng.sample(unlike, min(pairs, len(unlike)))],
        ),
    )
    several = [rng.sample(same, 4) for _ in range(pairs)]
    yield "real, three old runs", _counted([tuple(four) for four in several], [(rng.choice(slower), *four[1:]) for four in several])
    if len(sides[SLOWER]) * 2 == len(same):
        yield "real, in turns", _in_turns(list(zip(sides[SAME][::2], sides[SLOWER], sides[SAME][1::2], strict=True)), pairs, rng)


def _counted(alike: Sequence[Sequence[Measured]], unlike: Sequence[Sequence[Measured]]) -> Answers:
    return Counter(judged(*each) for each in alike), Counter(judged(*each) for each in unlike)


def _in_turns(rounds: Sequence[tuple[Side, Side, Side]], pairs: int, rng: Random) -> Answers:
    """Comparisons as of `--interleave`: which of the two that are the same is the new one, or the one beside the slower one, is drawn."""
    same, worse = Counter[str](), Counter[str]()
    for _ in range(pairs):
        drawn = [(first, last) if rng.random() < 0.5 else (last, first) for first, _, last in rounds]
        same[_told(drawn)] += 1
        worse[_told([(old, slower) for (old, _), (_, slower, _) in zip(drawn, rounds, strict=True)])] += 1
    return same, worse


def _told(pairs: Sequence[tuple[Side, Side]]) -> str:
    return conclude(compare_pairs(pairs, floor=FLOOR))[0]


def _row(title: str, same: Counter[str], worse: Counter[str]) -> dict[str, object]:
    false, seen, count = same["worse"] + same["better"], worse["worse"], same.total()
    click.echo(
        f"{title:24} {count} pairs: false alarms {false / count:.1%}, cannot tell {same['cannot tell'] / count:.0%};"
        f" a regression of 15 % seen {seen / count:.1%}, cannot tell {worse['cannot tell'] / count:.0%}"
    )
    return {"pairs": count, "same": dict(same), "regression": dict(worse)}


if __name__ == "__main__":
    main()
