"""How much a figure of a run would differ if the run were done again: the block bootstrap."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tenantry.compare.blocks import Blocks

RESAMPLES = 400
LEAST_BLOCKS = 10

Weights = tuple[int, ...]
# A figure of a series when its blocks are taken so many times; None where it cannot be had.
Figure = Callable[[Blocks, Weights], "float | None"]


def resamples(count: int, rng: Random, times: int = RESAMPLES) -> list[Weights]:
    """`times` draws of `count` blocks out of as many, with replacement, as how often each was drawn.

    Blocks of time, not requests, are drawn, because requests depend on each other (Künsch, The jackknife and the bootstrap for general
    stationary observations, Annals of Statistics 17, 1989; blocks that do not overlap: Carlstein, Annals of Statistics 14, 1986).
    """
    places = range(count)
    drawn = []
    for _ in range(times):
        weights = [0] * count
        for place in rng.choices(places, k=count):
            weights[place] += 1
        drawn.append(tuple(weights))
    return drawn


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its standard error; both are of its logarithm where `logarithmic`. `df`: degrees of freedom of the error."""

    value: float
    error: float
    df: float


def estimate(blocks: Blocks, draws: Sequence[Weights], figure: Figure, *, logarithmic: bool, least: int = LEAST_BLOCKS) -> Estimate | None:
    """The figure of all blocks, and how it varies over the draws; None where there are fewer than `least` blocks, or too few samples."""
    count = len(blocks.requests)
    if count < least:
        return None
    whole = _scaled(figure(blocks, (1,) * count), logarithmic)
    if whole is None:
        return None
    varied = [found for draw in draws if (found := _scaled(figure(blocks, draw), logarithmic)) is not None]
    if len(varied) < len(draws) * 0.95:
        return None
    # A draw of m blocks varies by (m - 1) / m of what m new blocks would.
    return Estimate(whole, statistics.pstdev(varied) * math.sqrt(count / (count - 1)), count - 1)


def _scaled(value: float | None, logarithmic: bool) -> float | None:
    if value is None or not logarithmic:
        return value
    return math.log(value) if value > 0 else None


def pooled(estimates: Sequence[Estimate]) -> Estimate:
    """Several runs of the same as one: their mean.

    With three or more, what differs from run to run is measured and counts, together with what differs within a run; the larger of both.
    """
    count = len(estimates)
    mean = statistics.fmean(each.value for each in estimates)
    within = math.sqrt(sum(each.error**2 for each in estimates)) / count
    if count < 3:
        return Estimate(mean, within, min(each.df for each in estimates))
    # A new run differs from the mean of `count` earlier ones by the spread between runs, times sqrt(1 + 1 / count).
    between = statistics.stdev(each.value for each in estimates) * math.sqrt(1 + 1 / count)
    return Estimate(mean, between, count - 1) if between > within else Estimate(mean, within, min(each.df for each in estimates))
