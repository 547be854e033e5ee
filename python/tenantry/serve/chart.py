"""Line charts as numbers: where each line, point, mark and label stands. The template draws them, without any script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 16, 8
_GRID_LINES = 4

Column = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point; `at` is its place on the axis, `value` how it reads, `key` the number of its line."""

    x: float
    y: float
    at: int
    key: int
    value: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that is drawn. `paths` are pairs of a line's number and its points; `grid` pairs of a height and its label.

    `marks` are the places of baselines; `turns` places from which on a line is another one, with the number of that line.
    """

    names: tuple[str, ...]
    paths: tuple[tuple[int, str], ...]
    dots: tuple[Dot, ...]
    grid: tuple[tuple[float, str], ...]
    marks: tuple[float, ...]
    turns: tuple[tuple[float, int], ...]


def chart(
    columns: Mapping[str, Column], show: Callable[[float], str], marks: Sequence[int] = (), turns: Sequence[tuple[int, int]] = ()
) -> Chart:
    """A chart of columns of one length, from 0 up; a value that is None is a gap in its line. A turn lies before its place."""
    length = max((len(column) for column in columns.values()), default=0)
    top = nice(max((value for column in columns.values() for value in column if value is not None), default=0.0))
    dots = tuple(
        Dot(_x(at, length), _y(value, top), at, key, show(value))
        for key, column in enumerate(columns.values())
        for at, value in enumerate(column)
        if value is not None
    )
    paths = tuple((key, " ".join(f"{dot.x},{dot.y}" for dot in part)) for key in range(len(columns)) for part in _parts(dots, key))
    steps = [top * step / _GRID_LINES for step in range(_GRID_LINES + 1)]
    grid = tuple((_y(step, top), show(step)) for step in steps)
    between = tuple((_x(at - 0.5, length), key) for at, key in turns)
    return Chart(tuple(columns), paths, dots, grid, tuple(_x(at, length) for at in marks), between)


def nice(highest: float) -> float:
    """The end of an axis: 1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8 or 10 times a power of ten, never below `highest`."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next((step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8) if step * power >= highest), 10 * power)


def _parts(dots: Sequence[Dot], key: int) -> list[list[Dot]]:
    """The points of a line in stretches without a gap."""
    found: list[list[Dot]] = []
    for dot in dots:
        if dot.key != key:
            continue
        if found and found[-1][-1].at == dot.at - 1:
            found[-1].append(dot)
        else:
            found.append([dot])
    return found


def _x(at: float, length: int) -> float:
    inside = WIDTH - _LEFT - _RIGHT
    return round(_LEFT + (inside * at / (length - 1) if length > 1 else inside / 2), 1)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top, 1)
