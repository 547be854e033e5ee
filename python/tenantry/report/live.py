"""What a run shows while it goes on: a small table on a terminal, one line at a time elsewhere."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tenantry.plan.plan import Plan
from tenantry.types import Progress
from tenantry.units import NS, show_duration, show_rate

_MOST_LINES = 30


@dataclass
class LiveView:
    """Shows progress on stderr, once a second; a context manager, so that the terminal is left as it was found."""

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    quiet: bool = False
    _live: Live | None = None
    _last: Progress | None = None
    _next_line_s: float = 1.0

    def __enter__(self) -> Self:
        if is_animated(self.console, quiet=self.quiet):
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, plan: Plan, progress: Progress) -> None:
        """Show the figures of the moment."""
        if self.quiet or progress["elapsed_ns"] < 0:
            return
        rates = _rates(self._last, progress)
        self._last = progress
        if self._live is not None:
            self._live.update(_table(plan, progress, rates), refresh=True)
        elif progress["elapsed_ns"] / NS >= self._next_line_s:
            self._next_line_s = progress["elapsed_ns"] / NS + max(1.0, plan.duration_ns / NS / _MOST_LINES) - 0.5
            print(_line(plan, progress, rates), file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Tell something that happened; it stays above the figures."""
        if self._live is not None:
            self._live.console.print(Text(text, style="yellow"), soft_wrap=True)
        elif not self.quiet:
            print(text, file=sys.stderr, flush=True)


def is_animated(console: Console, *, quiet: bool) -> bool:
    """Whether what changes may be redrawn in place: on a terminal that a person looks at."""
    return console.is_terminal and not quiet and not os.environ.get("CI")


def _rates(last: Progress | None, now: Progress) -> dict[str, float]:
    """Counts per second since the last look, or since the start."""
    seconds = (now["elapsed_ns"] - (last["elapsed_ns"] if last else 0)) / NS
    if seconds <= 0:
        return dict.fromkeys(("due", "started", "requests"), 0.0)
    return {
        "due": (now["due"] - (last["due"] if last else 0)) / seconds,
        "started": (now["started"] - (last["started"] if last else 0)) / seconds,
        "requests": (now["requests"] - (last["requests"] if last else 0)) / seconds,
    }


def _time(ns: int) -> str:
    return show_duration(ns / NS) if ns >= 0 else "-"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.2%})" if whole else f"{part:,}"


def _iterations(now: Progress, rates: dict[str, float]) -> str:
    offered = f"{show_rate(rates['due'])} offered, " if now["due"] else ""
    dropped = f", {now['dropped']:,} dropped" if now["dropped"] else ""
    return f"{offered}{show_rate(rates['started'])} started{dropped}"


def _line(plan: Plan, now: Progress, rates: dict[str, float]) -> str:
    done, whole = now["elapsed_ns"] / NS, plan.duration_ns / NS
    if done > whole:
        return f"{done:4.0f}/{whole:.0f} s  waiting for the last iterations; {now['busy_vus']:,} virtual users busy"
    times = f"p50 {_time(now['response_p50_ns'])}, p95 {_time(now['response_p95_ns'])}"
    failures = _share(now["failures"], now["requests"])
    return f"{done:4.0f}/{whole:.0f} s  {_iterations(now, rates)}; {show_rate(rates['requests'])} requests, {times}; failures {failures}"


def _table(plan: Plan, now: Progress, rates: dict[str, float]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    done, whole = max(now["elapsed_ns"], 0) / NS, plan.duration_ns / NS
    bar = Table.grid(padding=(0, 1))
    bar.add_row(ProgressBar(total=whole, completed=min(done, whole), width=30), _clock(done, whole))
    table.add_row(plan.name, bar)
    table.add_row("iterations", _iterations(now, rates))
    times = ", ".join(f"{name} {_time(ns)}" for name, ns in _quantiles(now))
    table.add_row("requests", f"{show_rate(rates['requests'])}; {times}")
    table.add_row("failures", _share(now["failures"], now["requests"]), style="red" if now["failures"] else "")
    if now["checks_passed"] + now["checks_failed"]:
        checks = now["checks_passed"] + now["checks_failed"]
        table.add_row("failed checks", _share(now["checks_failed"], checks), style="red" if now["checks_failed"] else "")
    if now["errors"]:
        table.add_row("script errors", f"{now['errors']:,}", style="red")
    tenants = f"; {now['tenants']:,} tenants seen" if now["tenants"] else ""
    table.add_row("virtual users", f"{now['busy_vus']:,} of {plan.max_vus:,} busy{tenants}")
    busy = max(now["loop_busy"], now["io_busy"])
    table.add_row("generator", f"start delay p99 {_time(now['start_delay_p99_ns'])}; {busy:.0%} of a core busy")
    return table


def _clock(done: float, whole: float) -> str:
    if done <= whole:
        return f"{done:.0f} of {whole:.0f} s"
    return "waiting for the last iterations"


def _quantiles(now: Progress) -> list[tuple[str, int]]:
    return [("p50", now["response_p50_ns"]), ("p95", now["response_p95_ns"]), ("p99", now["response_p99_ns"])]
