"""The result of `tenantry capacity` on the terminal: the steps, the limit, and what the law of scalability says."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from tenantry.report.lines import Cells, Line, clean, columns, printed
from tenantry.report.numbers import NOTHING, Document, finite, items, millis, part, plain, share

if TYPE_CHECKING:
    from rich.console import Console

_TITLES = ("Rate/s", "achieved", "requests/s", "p95 ms", "p99 ms", "failed", "in app", "verdict")
_COLOURS = {"pass": "green", "fail": "red", "no_data": "yellow", "invalid": "magenta"}


def print_capacity(document: Document, to: Console) -> None:
    """Print the document of a search (`tenantry.capacity.measure.document`)."""
    printed(lines(document, width=max(to.width, 40)), to)


def lines(document: Document, *, width: int) -> Iterator[Line]:
    """The result line by line."""
    colour = "green" if document.get("exit") == 0 else "red"
    for row in wrap(clean(document.get("reason")), width, break_on_hyphens=False):
        yield Line((row, f"bold {colour}"))
    yield Line("")
    rows = [Cells(_row(step), _COLOURS.get(str(step.get("verdict")), ""), styled=len(_TITLES) - 1) for step in items(document, "steps")]
    yield from columns(_TITLES, rows, width=width, least=(8, *[7] * (len(_TITLES) - 1)))
    legend = "in order of rate, after the warm-up; achieved: iterations without failure or error per second; in app: mean requests at once"
    for row in wrap(legend, width - 2):
        yield Line((f"  {row}", "dim"))
    yield Line("")
    yield from _law(document, width)
    yield Line(("steps      ", "bold"), clean(document.get("folder")), whole=True)


def step_line(step: Document) -> str:
    """One step in one line, for progress."""
    failed = f"; {clean(step['failed'][0])}" if step.get("failed") else ""
    rates = f"{plain(step.get('rate'))}/s: {plain(step.get('achieved_rate'))}/s achieved, p95 {millis(step.get('response_p95_s'))} ms"
    return f"{rates}: {clean(step.get('verdict')).replace('_', ' ')}{failed}"


def _row(step: Document) -> tuple[str, ...]:
    requests = finite(step.get("requests"))
    failed = share((finite(step.get("failures")) or 0) / requests) if requests else NOTHING
    times = (millis(step.get("response_p95_s")), millis(step.get("response_p99_s")))
    rates = (plain(step.get("rate")), plain(step.get("achieved_rate")), plain(step.get("throughput")))
    return (*rates, *times, failed, plain(step.get("concurrency")), clean(step.get("verdict")).replace("_", " "))


def _law(document: Document, width: int) -> Iterator[Line]:
    law, note = part(document, "law"), clean(document.get("law_note"))
    if law:
        facts = [
            ("law", f"lambda {_sure(law, 'lambda_per_s')}/s, sigma {_sure(law, 'sigma')}, kappa {_sure(law, 'kappa')}"),
            ("peak", f"at a concurrency of {_sure(law, 'peak_concurrency')}, with {_sure(law, 'peak_per_s')} requests/s"),
        ]
        for title, text in facts:
            yield from _titled(title, text, width)
    yield from _titled("note" if law else "no law", note, width)


def _titled(title: str, text: str, width: int) -> Iterator[Line]:
    for number, row in enumerate(wrap(text, width - 11)):
        yield Line((f"{title if number == 0 else '':<11}", "bold"), row)


def _sure(law: Document, name: str) -> str:
    """A value with its interval; what nothing bounds is called unbounded."""
    estimate = part(law, name)
    value, low, high = (finite(estimate.get(key)) for key in ("value", "low", "high"))
    return f"{_number(value)} [{_number(low)} to {_number(high)}]"


def _number(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
