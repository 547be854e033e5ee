"""The end summary on the terminal: the verdict first, then what it rests on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from tenantry.report import findings, grades, header, metrics
from tenantry.report.lines import Cells, Line, clean, columns, printed
from tenantry.report.numbers import NOTHING, Document, duration, finite, items, part, per_second, plain, ratio, share, size
from tenantry.report.tables import approximate, half_width_s, latency

if TYPE_CHECKING:
    from rich.console import Console

SYMBOLS = {"pass": "✔", "fail": "✘", "no_data": "?", "invalid": "!"}
COLOURS = {"pass": "green", "fail": "red", "no_data": "yellow", "invalid": "magenta"}
EXITS = {
    0: "pass",
    10: "a threshold failed",
    11: "worse than the baseline",
    12: "the measurement is invalid",
    14: "stopped early",
    15: "no data",
    130: "interrupted",
}
PLAIN_WIDTH = 120
WIDE = 110
_STATS = ("p50", "p95", "p99", "max")
_MOST_SERIES = 25
_MOST_ROWS = 8
_INDENT = "  "


def print_summary(document: Document, *, report: Path | None = None, to: Console | None = None) -> None:
    """Print the summary of a run's document to stdout: in colour on a terminal, else as plain text of 120 columns (or `COLUMNS`)."""
    to = to or console()
    printed(lines(document, width=to.width, report=report), to)


def console() -> Console:
    """Standard output as rich sees it; wider than a terminal's 80 columns where it is none."""
    from rich.console import Console

    given = os.environ.get("COLUMNS", "")
    elsewhere = int(given) if given.isdigit() and int(given) else PLAIN_WIDTH
    return Console(highlight=False, width=None if sys.stdout.isatty() else elsewhere)


def lines(document: Document, *, width: int, report: Path | None = None) -> Iterator[Line]:
    """The summary line by line, for a terminal of `width` columns."""
    width = max(width, 40)
    sections: Iterable[Iterable[Line]] = (
        _verdict(document, width),
        _thresholds(document, width),
        grades.lines(document, width),
        findings.lines(document, width),
        _requests(document, width),
        _failures(document, width),
        _checks(document, width),
        metrics.lines(document, width),
        _errors(document, width),
        _facts(document, width, report),
    )
    for section in sections:
        found = list(section)
        if found:
            yield from found
            yield Line()


def _verdict(document: Document, width: int) -> Iterator[Line]:
    word, headline = header.verdict(document), header.headline(document)
    run, code = part(document, "about"), document.get("exit")
    meaning = f"exit {code} ({EXITS[code]})" if isinstance(code, int) and code in EXITS else f"exit {code}"
    yield Line((f" {SYMBOLS[word]} {headline.text.upper()} ", f"bold reverse {COLOURS[headline.tone]}"), (f"  {meaning}", "bold"))
    for text in _wrapped(document.get("reason"), width):
        yield Line((_INDENT + text, _colour(headline.tone)))
    what = ", ".join(clean(item) for item in (run.get("workload"), run.get("target"), duration(run.get("duration_s"))) if item)
    yield Line((_INDENT + what, "dim"))


def _thresholds(document: Document, width: int) -> Iterator[Line]:
    rows = header.thresholds(document)
    if not rows:
        return
    cells: list[Cells] = []
    for row in rows:
        cells.append(Cells((f"{SYMBOLS[row.result]} {clean(row.text)}", row.limit, row.observed, row.margin), _colour(row.result)))
        cells += [Cells((f"{_INDENT}{clean(row.note)}",), _colour(row.result), spans=True)] if row.note else []
    yield from columns(("Thresholds", "limit", "observed", "margin"), cells, width=width, least=(0, 8, 8, 9))


def _colour(result: str) -> str:
    return "" if result == "pass" else COLOURS[result]


def _requests(document: Document, width: int) -> Iterator[Line]:
    """Requests per scenario and name; the rates of iterations stand with the scenario, since they are its own."""
    series, totals = items(document, "series"), part(document, "totals")
    if not totals.get("requests"):
        return
    wide = width >= WIDE
    shown = sorted(series, key=lambda row: -(finite(row.get("requests")) or 0))[:_MOST_SERIES]
    shown.sort(key=lambda row: (str(row.get("scenario")), str(row.get("group")), str(row.get("name"))))
    cells: list[Cells] = []
    for scenario, rows in groupby(shown, key=lambda row: str(row.get("scenario"))):
        for number, row in enumerate(rows):
            if number == 0:
                cells.append(Cells((f"{clean(scenario)}: {_rates(row)}",), "bold", spans=True))
            cells.append(_request_row(f"{_INDENT}{_request_name(row)}", row, wide=wide))
    if len(series) > len(shown):
        cells.append(Cells((f"{_INDENT}and {len(series) - len(shown):,} more, in the report",), "dim", spans=True))
    cells.append(Cells((f"all: {_rates(totals)}",), "bold", spans=True))
    cells.append(_request_row(f"{_INDENT}{_counted(totals.get('requests'))}", totals, wide=wide))
    yield from columns(_titles(wide=wide), cells, width=width, least=(0, *[6] * (len(_titles(wide=wide)) - 1)))
    service = part(totals, "service_time_s")
    if not wide and service:
        times = ", ".join(f"{name} {duration(service.get(name))}" for name in _STATS)
        yield Line((f"{_INDENT}service time of all: {times}", "dim"))
    if not wide and part(part(totals, "response_time_s"), "interval"):
        response = part(totals, "response_time_s")
        sure = ", ".join(f"{stat} {_sure(response, stat)}" for stat in _STATS if half_width_s(response, stat) is not None)
        yield Line((f"{_INDENT}all, with 95 % confidence: {sure} ms", "dim"))
    beside = "; svc: service time, from the start of the request itself; ±: 95 % confidence" if wide else ""
    beside += "; ≈: too few samples" if any("≈" in text for cell in cells for text in cell.texts) else ""
    for text in _wrapped(f"ms from the intended start{beside}", width):
        yield Line((_INDENT + text, "dim"))


def _counted(requests: object) -> str:
    return f"{plain(requests)} request{'s' * (requests != 1)}"


def _titles(*, wide: bool) -> tuple[str, ...]:
    times = [*_STATS, *(f"svc {stat}" if stat == "p50" else stat for stat in _STATS)] if wide else _STATS
    return ("Requests", "good/s", "failed", *times)


def _request_name(row: Document) -> str:
    group, name = clean(row.get("group")), clean(row.get("name"))
    return f"{group} / {name}" if group and group != clean(row.get("scenario")) else name


def _request_row(name: str, row: Document, *, wide: bool) -> Cells:
    response, service = part(row, "response_time_s"), part(row, "service_time_s")
    times = [_sure(response, stat) if wide else approximate(response, stat) for stat in _STATS]
    times += [approximate(service, stat) for stat in _STATS] if wide else []
    failed = plain(row.get("failures")) if row.get("failures") else "0"
    return Cells((name, plain(row.get("throughput")), failed, *times), "red" if row.get("failures") else "", styled=2)


def _sure(stats: Document, stat: str) -> str:
    """Milliseconds with half of the confidence interval; `≈` where samples are too few to bound the percentile."""
    return latency(stats, stat).text.replace(" ±", "±")


def _rates(row: Document) -> str:
    offered = f"offered {per_second(row.get('offered_rate'))}, " if finite(row.get("offered_rate")) is not None else ""
    dropped = f", {plain(row.get('dropped_iterations'))} dropped" if row.get("dropped_iterations") else ""
    cut = f", {plain(row.get('interrupted_iterations'))} interrupted" if row.get("interrupted_iterations") else ""
    return f"{offered}started {per_second(row.get('started_rate'))} iterations{dropped}{cut}"


def _failures(document: Document, width: int) -> Iterator[Line]:
    rows = items(document, "failures")
    cells = [
        Cells((f"{clean(row.get('kind'))}: {clean(row.get('name'))}", plain(row.get("count")), clean(row.get("detail")) or NOTHING))
        for row in rows[:_MOST_ROWS]
    ]
    if cells:
        yield from columns(("Failures", "count", "for example"), cells, width=width, least=(0, 7, 9), left=(2,), colour="red")
        yield from _more(rows)


def _checks(document: Document, width: int) -> Iterator[Line]:
    rows = [row for row in items(document, "checks") if row.get("fails")]
    cells = []
    for row in rows[:_MOST_ROWS]:
        passes, fails = finite(row.get("passes")) or 0, finite(row.get("fails")) or 0
        cells.append(
            Cells((f"{clean(row.get('scenario'))}: {clean(row.get('name'))}", plain(int(fails)), share(ratio(passes, passes + fails))))
        )
    if cells:
        yield from columns(("Checks that failed", "failed", "held"), cells, width=width, least=(0, 8, 9), colour="red")
        yield from _more(rows)


def _errors(document: Document, width: int) -> Iterator[Line]:
    rows = items(document, "errors")
    if not rows:
        return
    yield Line(("Script errors (exceptions of the scenarios, not of the app)", "bold red"))
    for row in rows[:_MOST_ROWS]:
        where = clean(row.get("location")) or "unknown place"
        for text in _wrapped(f"{plain(row.get('count'))} x {clean(row.get('scenario'))}: {clean(row.get('message'))}  at {where}", width):
            yield Line(_INDENT + text)
    yield from _more(rows)


def _more(rows: list[Any]) -> Iterator[Line]:
    if len(rows) > _MOST_ROWS:
        yield Line((f"{_INDENT}and {len(rows) - _MOST_ROWS:,} more, in the report", "dim"))


def _facts(document: Document, width: int, report: Path | None) -> Iterator[Line]:
    facts = [
        ("baseline", _compared(document)),
        ("checks", _checked(document)),
        ("steady", header.steady(document)),
        ("generator", _generator(document)),
        ("tenants", _tenants(document)),
        ("resent", _resent(document)),
        ("run", clean(document.get("run"))),
    ]
    facts += [("warning", clean(warning)) for warning in document.get("warnings") or []]
    facts += [("report", str(report))] if report is not None else []
    for title, text in facts:
        if not text:
            continue
        # A path must stay whole to be copied.
        rows = [text] if title in ("run", "report") else wrap(text, width - 11)
        for number, row in enumerate(rows):
            yield Line(
                (f"{title if number == 0 else '':<11}", "yellow" if title == "warning" else "bold"), row, whole=title in ("run", "report")
            )


def _compared(document: Document) -> str:
    against = part(document, "comparison")
    return f"{clean(against.get('baseline'))}: {clean(against.get('judgement'))}; {clean(against.get('reason'))}" if against else ""


def _checked(document: Document) -> str:
    passes, fails = (sum(int(finite(row.get(key)) or 0) for row in items(document, "checks")) for key in ("passes", "fails"))
    return f"{passes:,} of {passes + fails:,} held ({share(ratio(passes, passes + fails))})" if passes + fails else ""


def _resent(document: Document) -> str:
    resent = finite(part(document, "totals").get("resent"))
    were = "was" if resent == 1 else "were"
    return f"{_counted(resent)} {were} sent again: the server had just closed the connection" if resent else ""


def _generator(document: Document) -> str:
    generator = part(document, "generator")
    delay, hand_over = part(generator, "start_delay_s"), part(generator, "hand_over_s")
    processes = finite(part(document, "about").get("processes")) or 1
    facts = [f"{plain(int(processes))} processes"] if processes > 1 else []
    if delay:
        facts.append(f"start delay {', '.join(f'{stat} {duration(delay.get(stat))}' for stat in ('p50', 'p99', 'max'))}")
    if finite(generator.get("busy_share")) is not None:
        facts.append(f"at most {share(generator.get('busy_share'))} of a core busy (invalid above 85 %)")
    if hand_over:
        facts.append(f"hand-over p99 {duration(hand_over.get('p99'))}")
    if finite(generator.get("rss_bytes")):
        facts.append(size(generator.get("rss_bytes")))
    return "; ".join(facts)


def _tenants(document: Document) -> str:
    tenants = part(document, "tenants")
    if not tenants.get("seen"):
        return ""
    text = f"{plain(tenants.get('seen'))} seen, {finite(tenants.get('requests_p50')) or 0:,.0f} requests each at the median"
    worst, spread = items(tenants, "worst"), finite(tenants.get("p95_ratio"))
    if not worst or spread is None:
        return f"{text}; too few requests per tenant to rank them"
    few = "≈" if "p95_s" in (worst[0].get("insufficient") or ()) else ""
    slowest = f"{worst[0].get('tenant')}: p95 {few}{duration(worst[0].get('p95_s'))}"
    return f"{text}; slowest is number {slowest}, {spread:.1f} times the median tenant's"


def _wrapped(text: object, width: int) -> list[str]:
    return wrap(clean(text), width - len(_INDENT), break_on_hyphens=False)
