"""How a workload went over its runs: response times, throughput and failures, of the whole and of each endpoint."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tenantry.compare.figures import Line
from tenantry.compare.history import SOUND, turns, value_of
from tenantry.compare.trend import ChangePoint
from tenantry.report.numbers import duration, per_second, share
from tenantry.serve.chart import Chart, chart
from tenantry.serve.shelf import Card
from tenantry.serve.site import Site

MOST_RUNS = 100
MOST_ENDPOINTS = 20

Show = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A figure that is another one from the run of `card` on: its means `before` and `after`, and by how much, as text."""

    figure: str
    card: Card
    before: str
    after: str
    change: str
    is_worse: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart, and the changes that are marked in it."""

    title: str
    chart: Chart
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """The charts of the whole run, or of one endpoint."""

    title: str
    charts: tuple[Drawn, ...]


def trends(site: Site, request: Request) -> Response:
    """The trends of a workload, or which workloads there are."""
    workload, words = request.query_params.get("workload", ""), request.query_params.get("q", "")[:200].strip()
    cards = site.shelf.cards()
    counts = Counter(card.workload for card in cards if card.workload)
    of_workload = [card for card in cards if card.workload == workload] if workload else []
    left_out = Counter(card.state for card in of_workload if card.state not in SOUND)
    sound = [card for card in of_workload if card.state in SOUND and not card.is_pending][:MOST_RUNS][::-1]
    endpoints = _endpoints(sound, words)
    return site.show(
        "trends",
        status=404 if workload and not of_workload else 200,
        workload=workload,
        workloads=sorted(counts.items()),
        words=words,
        cards=sound,
        trends=[_trend("All requests", sound, None)] + [_trend(_title(key), sound, key) for key in endpoints[:MOST_ENDPOINTS]],
        more=max(len(endpoints) - MOST_ENDPOINTS, 0),
        left_out=sorted(left_out.items()),
        pending=any(card.is_pending for card in of_workload),
    )


def _endpoints(cards: Sequence[Card], words: str) -> list[tuple[str, str, str]]:
    """The series of these runs whose names have all words, those with the most requests first."""
    requests: Counter[tuple[str, str, str]] = Counter()
    for card in cards:
        for line in card.figures.series if card.figures else ():
            requests[line.key] += line.requests
    wanted = words.casefold().split()
    return [key for key, _ in requests.most_common() if all(word in _title(key).casefold() for word in wanted)]


def _title(key: tuple[str, str, str]) -> str:
    scenario, group, name = key
    return f"{' / '.join(filter(None, (scenario, group)))}: {name}"


def _trend(title: str, cards: Sequence[Card], key: tuple[str, str, str] | None) -> Trend:
    lines = [_line(card, key) for card in cards]
    charts = (
        _drawn("Response time", cards, lines, {"p50": "p50", "p95": "p95", "p99": "p99"}, duration),
        _drawn("Throughput", cards, lines, {"throughput": "throughput"}, per_second),
        _drawn("Failed requests", cards, lines, {"failed": "failures"}, share),
    )
    return Trend(title, charts)


def _drawn(title: str, cards: Sequence[Card], lines: Sequence[Line | None], figures: dict[str, str], show: Show) -> Drawn:
    """A chart of some figures; `figures` are those of the history by what they are called here."""
    columns = {name: [value_of(line, figure) if line else None for line in lines] for name, figure in figures.items()}
    found = [(key, name, each) for key, (name, figure) in enumerate(figures.items()) for each in turns(lines, figure)]
    baselines = [at for at, card in enumerate(cards) if card.baselines]
    drawn = chart(columns, show, baselines, [(each.at, key) for key, _, each in found])
    return Drawn(title, drawn, tuple(_turn(name, each, cards, show) for _, name, each in found))


def _turn(name: str, found: ChangePoint, cards: Sequence[Card], show: Show) -> Turn:
    change = f"{found.change * 100:+.1f} %" if math.isfinite(found.change) else "from nothing"
    is_worse = (found.after > found.before) != (name == "throughput")
    return Turn(name, cards[found.at], show(found.before), show(found.after), change, is_worse)


def _line(card: Card, key: tuple[str, str, str] | None) -> Line | None:
    if card.figures is None or card.figures.fault:
        return None
    return card.figures.total if key is None else next((line for line in card.figures.series if line.key == key), None)
