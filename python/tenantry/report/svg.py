"""The charts as still drawings: what a reader without JavaScript sees. The script puts its own in their place."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from tenantry.report.charts import Chart, Line
from tenantry.report.numbers import Document, duration, finite, part, plain, share, size

HEIGHT = 220
_WIDTHS = {True: 1280, False: 620}
_LEFT, _TOP, _BOTTOM = 62, 16, 24
_MOST_POINTS = 240
_GRID = 4
_DECADE = (1, 2, 5)
_HEAT_ALPHAS = (0, 40, 70, 105, 140, 180, 220, 255)

Column = Sequence[float | None]
_SHOW: dict[str, Callable[[object], str]] = {
    "s": duration,
    "share": share,
    "bytes": size,
    "bytes_per_s": lambda value: f"{size(value)}/s",
    "per_s": lambda value: f"{plain(value)}/s",
    "count": plain,
}


@dataclass(frozen=True)
class Plane:
    """Where values stand: `start` to `end` from left to right, `low` to `high` from the bottom up, logarithmic or not."""

    width: int
    right: int
    start: float
    end: float
    low: float
    high: float
    log: bool = False

    def x(self, at: float) -> float:
        inside = self.width - _LEFT - self.right
        return round(_LEFT + inside * (at - self.start) / ((self.end - self.start) or 1), 1)

    def y(self, value: float) -> float:
        inside = HEIGHT - _TOP - _BOTTOM
        if self.log:
            place = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            place = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - inside * min(max(place, 0), 1), 1)

    @property
    def grid(self) -> list[float]:
        """The values that get a line."""
        if not self.log:
            return [self.high * step / _GRID for step in range(_GRID + 1)]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = _DECADE if self.high / self.low < 200 else (1,)
        return [value for power in powers for step in steps if self.low <= (value := step * 10.0**power) <= self.high * 1.001]


def drawing(chart: Chart, document: Document) -> Markup:
    """The chart as SVG."""
    time = part(document, "timeline")
    seconds = [float(second) for second in time.get("second") or []]
    if not chart.drawn or not seconds:
        return Markup("")
    step = finite(time.get("step_s")) or 1
    stacked = _stacked(chart) if chart.stacked else chart.lines
    plane = _plane(chart, stacked, seconds[0] - step / 2, seconds[-1] + step / 2)
    body = [*_grid(chart, plane), *_times(plane)]
    body += [_heat(document, plane)] if chart.heat else []
    for line in stacked:
        body += _line(line, seconds, plane, step, filled=bool(chart.stacked))
    body += _limits(chart, plane)
    label = f"{chart.title}. {chart.caption}"
    size_ = f'viewBox="0 0 {plane.width} {HEIGHT}"'
    return Markup(f'<svg class="still" {size_} role="img" aria-label="{escape(label)}">{"".join(body)}</svg>')


def _plane(chart: Chart, lines: Sequence[Line], start: float, end: float) -> Plane:
    values = [value for line in lines if not line.right and not line.hidden for value in line.values if value is not None]
    top = max(values, default=0.0)
    top = max([top, *(limit.value for limit in chart.limits if limit.value <= top * 3)])
    wide = chart.wide
    right = 62 if any(line.short for line in lines) else 10
    if chart.scale == "log":
        low = max(min((value for value in values if value > 0), default=1e-3), 1e-6)
        bottom = 10 ** math.floor(math.log10(low))
        return Plane(
            _WIDTHS[wide], right, start, end, bottom, max(10 ** math.ceil(math.log10(max(top, low) * 1.01)), bottom * 10), log=True
        )
    return Plane(_WIDTHS[wide], right, start, end, 0, _nice(top))


def _nice(highest: float) -> float:
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next((step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8) if step * power >= highest), 10 * power)


def _grid(chart: Chart, plane: Plane) -> Iterator[str]:
    show = _SHOW.get(chart.unit, plain)
    for value in plane.grid:
        y = plane.y(value)
        yield f'<path class="grid" d="M{_LEFT} {y}H{plane.width - plane.right}"/>'
        yield f'<text class="axis end" x="{_LEFT - 6}" y="{y + 4}">{escape(show(float(value)) if value else "0")}</text>'


def _times(plane: Plane) -> Iterator[str]:
    for step in range(5):
        at = plane.start + (plane.end - plane.start) * step / 4
        anchor = "" if step == 0 else " end" if step == 4 else " middle"
        yield f'<text class="axis{anchor}" x="{plane.x(at)}" y="{HEIGHT - 6}">{escape(_moment(max(at, 0)))}</text>'


def _moment(second: float) -> str:
    whole = round(second)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"


def _stacked(chart: Chart) -> list[Line]:
    """The bands from the highest stack down, each from zero to its upper edge."""
    heights = [0.0] * max(len(line.values) for line in chart.lines)
    found = []
    for line in chart.lines:
        heights = [height + (value or 0) for height, value in zip(heights, line.values, strict=False)]
        found.append(Line(line.key, line.label, heights, line.colour))
    return found[::-1]


def _line(line: Line, seconds: Sequence[float], plane: Plane, step: float, *, filled: bool) -> Iterator[str]:
    if line.hidden or line.right:
        return
    each = -(-len(seconds) // _MOST_POINTS)
    points: list[tuple[float, float | None]] = []
    for at in range(0, len(seconds), each):
        known = [value for value in line.values[at : at + each] if value is not None]
        points.append((seconds[at] + step * (each - 1) / 2, max(known) if known else None))
    css = f'class="line v{line.colour.lstrip("-")}{" fill" if filled else ""}{" dash" if line.dash else ""}"'
    for stretch in _stretches(points):
        path = " ".join(f"{plane.x(at)},{plane.y(value)}" for at, value in stretch)
        if filled or len(stretch) == 1:
            first, last = plane.x(stretch[0][0] - step * each / 2), plane.x(stretch[-1][0] + step * each / 2)
            floor = plane.y(plane.low)
            tops = f"{first},{plane.y(stretch[0][1])} {path} {last},{plane.y(stretch[-1][1])}"
            path = f"{first},{floor} {tops} {last},{floor}" if filled else tops
        yield f'<polyline {css} points="{path}"/>'
    known_ends = [value for _, value in points if value is not None]
    if line.short and known_ends:
        x, y = plane.width - plane.right + 6, plane.y(known_ends[-1]) + 4
        yield f'<text class="name v{line.colour.lstrip("-")}" x="{x}" y="{y}">{escape(line.short)}</text>'


def _stretches(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            found.append([])
        else:
            found[-1].append((at, value))
    return [stretch for stretch in found if stretch]


def _limits(chart: Chart, plane: Plane) -> Iterator[str]:
    for limit in chart.limits:
        if plane.low <= limit.value <= plane.high:
            y = plane.y(limit.value)
            yield f'<path class="limit" d="M{_LEFT} {y}H{plane.width - plane.right}"/>'
            told = escape(f"{limit.label} {_SHOW.get(chart.unit, plain)(limit.value)}")
            yield f'<text class="name limit" x="{_LEFT + 8}" y="{y - 4}">{told}</text>'


def _heat(document: Document, plane: Plane) -> str:
    """The heatmap as a picture, stretched over its rows; a picture of a few kilobytes instead of thousands of rectangles."""
    found = part(document, "heat")
    columns = list(found.get("columns") or [])
    rows = [row for column in columns for row, _ in column]
    if not rows:
        return ""
    low, high, most = min(rows), max(rows), max(count for column in columns for _, count in column)
    picture = [[0] * len(columns) for _ in range(high - low + 1)]
    for at, column in enumerate(columns):
        for row, count in column:
            picture[high - row][at] = intensity(count, most)
    top, bottom = plane.y(_row_s(high + 1)), plane.y(_row_s(low))
    right = plane.x(plane.start + len(columns) * (finite(found.get("step_s")) or 1))
    place = f'x="{_LEFT}" y="{top}" width="{right - _LEFT}" height="{max(bottom - top, 1)}" preserveAspectRatio="none"'
    return f'<image class="heat" {place} href="data:image/png;base64,{_png(picture)}"/>'


def _row_s(row: int) -> float:
    from tenantry.results.heat import lowest_us

    return max(lowest_us(row), 1) / 1e6


def intensity(count: int, most: int) -> int:
    """How dark a field is, from 1 to 7, by the power 0.4 of its share of the fullest: one request can be seen beside ten thousand."""
    return min(max(round(7 * math.pow(count / most, 0.4)), 1), 7)


def _png(picture: Sequence[Sequence[int]]) -> str:
    """A palette picture (PNG, ISO/IEC 15948): one colour, darker and darker."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(picture[0]), len(picture), 8, 3, 0, 0, 0)
    palette = bytes((29, 111, 184)) * len(_HEAT_ALPHAS)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in picture), 9)
    parts = (
        chunk(b"IHDR", header),
        chunk(b"PLTE", palette),
        chunk(b"tRNS", bytes(_HEAT_ALPHAS)),
        chunk(b"IDAT", pixels),
        chunk(b"IEND", b""),
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()
