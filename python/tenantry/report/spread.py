"""How all response times of a run are spread: their distribution, and the curve of their percentiles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from tenantry.report.numbers import Document, duration, items, part, plain
from tenantry.results.slices import HALF, highest_us

WIDTH, HEIGHT = 620, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 26
_FLOOR = HEIGHT - _BOTTOM
_NINES = 5
_MARKS = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_EIGHTHS = HALF // 8


@dataclass(frozen=True, slots=True)
class Spread:
    """A chart whose axis is not time; `drawing` is its still form."""

    id: str
    title: str
    caption: str
    drawing: Markup


def spreads(document: Document) -> list[Spread]:
    """Both charts; none for a run without slices or without a request."""
    counts = merged(document)
    if not counts:
        return []
    n = sum(counts.values())
    curve = "The share of requests on the axis ended within the time on the curve; each step to the right is a ten times rarer request."
    fields = f"How many of the {plain(n)} requests took how long, on a logarithmic axis."
    return [
        Spread("distribution", "Distribution of the response time", fields, _distribution(counts)),
        Spread("curve", "Response time by percentile", curve, _curve(counts)),
    ]


def merged(document: Document) -> Counter[int]:
    """The response times of the whole run by bucket."""
    found: Counter[int] = Counter()
    for line in items(part(document, "slices"), "lines"):
        if list(line.get("key") or []) == ["all"]:
            for cell in part(line, "times").get("response") or []:
                bucket = 0
                for distance, count in zip(cell[::2], cell[1::2], strict=True):
                    bucket += distance
                    found[bucket] += count
    return found


def bars(counts: Counter[int]) -> dict[int, int]:
    """The same in buckets of 8 to a doubling, by the lowest microsecond of each."""
    found: Counter[int] = Counter()
    for bucket, count in counts.items():
        coarse = bucket if bucket < 2 * HALF else bucket - bucket % _EIGHTHS
        found[lowest_us(coarse)] += count
    return dict(sorted(found.items()))


def lowest_us(bucket: int) -> int:
    return bucket if bucket < 2 * HALF else (bucket % HALF + HALF) << (bucket // HALF - 1)


def _distribution(counts: Counter[int]) -> Markup:
    found = bars(counts)
    low, high = max(min(found), 1), highest_us(max(counts)) + 1
    most = max(found.values())
    span = math.log(max(high / low, 1.2))

    def x(us: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * math.log(max(us, low) / low) / span, 1)

    body = [_upright(x(us), duration(us / 1e6)) for us in _decades(low, high)]
    body += [_across(_FLOOR - (_FLOOR - _TOP) * step / 4, plain(most * step / 4) if step else "0") for step in range(5)]
    for start, count in found.items():
        end = min(start + max(1, 2 ** int(math.log2(max(start, 8)) - 3)), high)
        height = round((_FLOOR - _TOP) * count / most, 1)
        width = max(round(x(end) - x(start) - 0.6, 1), 0.8)
        body.append(f'<rect class="bar" x="{x(start)}" y="{_FLOOR - height}" width="{width}" height="{height}"/>')
    return _svg("Distribution of the response time", body)


def _decades(low: float, high: float) -> list[float]:
    steps = (1, 2, 5) if high / low < 200 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [value for power in powers for step in steps if low <= (value := step * 10.0**power) <= high]


def _curve(counts: Counter[int]) -> Markup:
    points = curve(counts)
    nines = max(place for place, _ in points) or 1
    low, high = max(points[0][1], 1e-6), points[-1][1]
    bottom = 10 ** math.floor(math.log10(low))
    top = max(10 ** math.ceil(math.log10(high * 1.01)), bottom * 10)

    def x(place: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * place / nines, 1)

    def y(value: float) -> float:
        return round(_FLOOR - (_FLOOR - _TOP) * math.log(max(value, bottom) / bottom) / math.log(top / bottom), 1)

    body = [_across(y(value), duration(value)) for value in _decades(bottom, top * 1.001)]
    body += [
        _upright(x(-math.log10(1 - q)), f"{q:.7%}".rstrip("%").rstrip("0").rstrip(".") + " %")
        for q in _MARKS
        if -math.log10(1 - q) <= nines
    ]
    line = " ".join(f"{x(place)},{y(value)}" for place, value in points)
    return _svg("Response time by percentile", [*body, f'<polyline class="line vc1" points="{line}"/>'])


def curve(counts: Counter[int]) -> list[tuple[float, float]]:
    """Pairs of -log10(1 - q) and the quantile q in seconds, one for each bucket, up to five nines or the last request."""
    n, seen = sum(counts.values()), 0
    points: list[tuple[float, float]] = []
    for bucket in sorted(counts):
        points.append((min(-math.log10(1 - seen / n), _NINES), highest_us(bucket) / 1e6))
        seen += counts[bucket]
    last = min(math.log10(n), _NINES) if n > 1 else 1
    return [*points, (max(last, points[-1][0]), points[-1][1])]


def _upright(x: float, text: str) -> str:
    anchor = " end" if x > WIDTH - 30 else " middle"
    return f'<path class="grid" d="M{x} {_TOP}V{_FLOOR}"/><text class="axis{anchor}" x="{x}" y="{HEIGHT - 8}">{escape(text)}</text>'


def _across(y: float, text: str) -> str:
    label = f'<text class="axis end" x="{_LEFT - 6}" y="{round(y + 4, 1)}">{escape(text)}</text>'
    return f'<path class="grid" d="M{_LEFT} {round(y, 1)}H{WIDTH - _RIGHT}"/>{label}'


def _svg(title: str, body: Sequence[str]) -> Markup:
    return Markup(f'<svg class="still" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(body)}</svg>')
