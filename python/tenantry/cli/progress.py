"""Progress of loading and generating: bars on a terminal, a line per step elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tenantry.report.live import is_animated
from tenantry.units import show_duration


class Steps:
    """A context manager; call `show(title, done, total)` as often as there is news (total 0: nobody knows).

    `transient` bars go away at the end.
    """

    def __init__(self, *, quiet: bool = False, transient: bool = False) -> None:
        console = Console(stderr=True, highlight=False)
        self._bars = _bars(console, transient) if is_animated(console, quiet=quiet) else None
        self._quiet = quiet
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, title: str, done: int, total: int) -> None:
        """Note the state of a step."""
        if self._bars is not None:
            if title not in self._tasks:
                self._tasks[title] = self._bars.add_task(title, total=total or None)
            self._bars.update(self._tasks[title], completed=done, total=total or None)
            return
        start = self._started.setdefault(title, time.perf_counter())
        if not self._quiet and total and done >= total and title not in self._told:
            self._told.add(title)
            took = time.perf_counter() - start
            rows, speed = (f" {done:,}", f", {done / took:,.0f}/s") if total > 1 and took > 0 else ("", "")
            # In one piece, so that Ctrl-C does not come between the text and its end of line.
            print(f"{title}:{rows} in {show_duration(took)}{speed}\n", end="", file=sys.stderr, flush=True)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        """How much is done in a second; nothing for a step of one piece."""
        speed = (task.finished_speed or task.speed) if (task.total or 0) > 1 else None
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


def _bars(console: Console, transient: bool) -> Progress:
    done = (TextColumn("{task.description:<18}"), BarColumn(bar_width=12), MofNCompleteColumn(), _Speed())
    return Progress(*done, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=transient)
