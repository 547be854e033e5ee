"""Where the response times of a run lay, over time: a heatmap as counts."""

from __future__ import annotations

from collections import Counter

from tenantry.results.model import Heat
from tenantry.results.slices import highest_us
from tenantry.results.stored import everything
from tenantry.results.tables import Tables

MOST_COLUMNS = 180
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 480, 600, 900, 1800, 3600)
_HALF = 8


def heat(tables: Tables, *, seconds: int) -> Heat:
    """The heatmap of a run of `seconds`, in at most 180 columns."""
    step = next((step for step in _STEPS if seconds <= MOST_COLUMNS * step), -(-seconds // MOST_COLUMNS))
    columns: list[Counter[int]] = [Counter() for _ in range(-(-seconds // step))]
    for (_, at), merged in tables.merged("http", "response", everything, step=step).items():
        if at < len(columns):
            for bucket, count in merged.coarse():
                columns[at][row_of(highest_us(bucket))] += count
    return Heat(step, [sorted(column.items()) for column in columns])


def row_of(us: int) -> int:
    """The row of the heatmap that `us` microseconds belong to."""
    shift = max(us.bit_length() - _HALF.bit_length(), 0)
    return shift * _HALF + (us >> shift)


def lowest_us(row: int) -> int:
    """The lowest value of a row, in microseconds."""
    return row if row < 2 * _HALF else (row % _HALF + _HALF) << (row // _HALF - 1)
