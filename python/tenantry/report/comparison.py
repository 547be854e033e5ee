"""A comparison on the terminal: the answer first, then every figure that differs or cannot be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from tenantry.report.lines import Cells, Line, clean, columns, printed
from tenantry.report.numbers import Document, quantity, share
from tenantry.report.text import console

if TYPE_CHECKING:
    from rich.console import Console

    from tenantry.compare.history import Change, History
    from tenantry.compare.runs import Compared, ComparedSeries, Comparison

SYMBOLS = {"better": "✔", "same": "=", "worse": "✘", "cannot tell": "?"}
COLOURS = {"better": "green", "same": "green", "worse": "red", "cannot tell": "yellow"}
_TITLES = ("", "old", "new", "change", "95 % interval", "")


def print_comparison(comparison: Comparison, to: Console | None = None) -> None:
    """Print a comparison to stdout."""
    to = to or console()
    printed(lines(comparison, width=to.width), to)


def lines(comparison: Comparison, *, width: int) -> Iterator[Line]:
    """The comparison line by line, for a terminal of `width` columns."""
    word = comparison.judgement
    yield Line((f" {SYMBOLS[word]} {word.upper()} ", f"bold reverse {COLOURS[word]}"))
    yield Line(f"  {clean(comparison.reason)}")
    yield Line(f"  new   {clean(comparison.run)}")
    for base in comparison.bases:
        yield Line(f"  old   {clean(base)}")
    yield Line()
    shown = telling(comparison)
    rows = [row for series in shown for row in _rows(series)]
    yield from columns(_TITLES, rows, width=width, least=(10, 6, 6, 6, 8, 6))
    alike = len(comparison.series) - len(shown)
    if alike:
        yield Line(f"  {alike} more series of which no figure is better or worse")
    for run, names in comparison.only_in.items():
        yield Line(f"  only in {clean(run)}: {clean(', '.join(names))}")
    yield Line(
        f"  a difference counts from {share(comparison.floor)} on, failures from 0.1 points; chance is ruled out for all figures together"
    )


def print_interleaved(told: Document, to: Console | None = None) -> None:
    """Print the document of an interleaved comparison to stdout."""
    to = to or console()
    printed(interleaved_lines(told, width=to.width), to)


def interleaved_lines(told: Document, *, width: int) -> Iterator[Line]:
    """The same line by line: how it ended where it did not come to its end, the comparison, and where the slices are."""
    import msgspec

    from tenantry.compare.runs import Comparison

    pairs = f"{told['pairs']} of {told['pairs_wanted']} pairs of slices"
    if told["end"] != "finished":
        why = f": {clean(told['why'])}" if told["why"] else ""
        for row in wrap(f"{clean(told['end']).replace('_', ' ')} after {pairs}{why}", width, break_on_hyphens=False):
            yield Line((row, "bold red"))
    yield from lines(msgspec.convert(told, Comparison), width=width)
    yield Line(f"  {pairs}, the first {told['after_s']} s of each left out; intervals are those of the changes within pairs")
    yield Line(("slices      ", "bold"), clean(told["folder"]), whole=True)


def telling(comparison: Comparison) -> list[ComparedSeries]:
    """The whole run, and the series with a figure that is better or worse."""
    return [series for series in comparison.series if not series.name or any(f.judgement in ("better", "worse") for f in series.figures)]


def _rows(series: ComparedSeries) -> Iterator[Cells]:
    title = clean(" / ".join(filter(None, (series.group, series.name)))) if series.name else "all requests"
    effect = "" if series.effect_size is None else f", effect size {series.effect_size:+.2f}"
    yield Cells((f"{title}{effect}", "", "", "", "", ""), "bold", spans=True)
    for figure in series.figures:
        change, interval = changes(figure)
        values = tuple(value(figure, found) for found in (figure.old, figure.new))
        yield Cells((f"  {figure.figure}", *values, change, interval, figure.judgement), COLOURS[figure.judgement], styled=5)


def value(figure: Compared | Change, found: float | None) -> str:
    """A value of a compared figure in its unit."""
    return quantity(found, unit_of(figure.figure))


def unit_of(figure: str) -> str:
    """The unit of a compared figure."""
    return {"throughput": "per_s", "failures": "share"}.get(figure, "s")


def print_histories(histories: Sequence[History], to: Console | None = None) -> None:
    """Print the changes of each workload to stdout."""
    to = to or console()
    printed(history_lines(histories, width=to.width), to)


def history_lines(histories: Sequence[History], *, width: int) -> Iterator[Line]:
    """The changes of each workload line by line."""
    if not histories:
        yield Line("no runs that passed or failed")
    for history in histories:
        yield Line((f"{clean(history.workload)}, {len(history.points)} runs", "bold"))
        rows = [
            Cells((f"  {each.figure}", *(value(each, mean) for mean in (each.before, each.after)), f"{each.change * 100:+.1f} %", each.run))
            for each in history.changes
        ]
        if rows:
            yield from columns(("", "before", "after", "change", "from"), rows, width=width, least=(10, 6, 6, 6, 10), left=(4,))
        else:
            yield Line("  no figure has changed for good")


def changes(figure: Compared) -> tuple[str, str]:
    """The change and its interval; without a change, why there is none."""
    if figure.change is None or figure.low is None or figure.high is None:
        return "", figure.why or ""
    unit = " pt" if figure.figure == "failures" else " %"
    return f"{figure.change * 100:+.1f}{unit}", f"{figure.low * 100:+.1f} to {figure.high * 100:+.1f}{unit}"
