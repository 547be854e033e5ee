"""`tenantry compare --interleave A B`: its options, and how it is carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tenantry.cli import options
from tenantry.errors import UsageError

if TYPE_CHECKING:
    from tenantry.interleave import Options, Slice
    from tenantry.prepare import Prepared
    from tenantry.run import Finished

F = TypeVar("F", bound=Callable[..., Any])
AFTER = "2s"
_OPTIONS = (
    click.option("--interleave", nargs=2, metavar="OLD NEW", help="Measure two base URLs in turns, and compare NEW with OLD."),
    click.option("--workload", metavar="FILE:WORKLOAD", help="What each slice of --interleave runs."),
    click.option("--slices", type=click.IntRange(min=3), metavar="N", help="Slices of each target.  [default: 10]"),
    click.option("--slice", "length", metavar="TIME", help="How long each slice is.  [default: as the workload]"),
    click.option("--pause", metavar="TIME", help="Before each slice, for the apps to recover.  [default: 1s]"),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as rate=200/s."),
    click.option("--tenants", type=click.IntRange(min=1), help="How many tenants of the dataset are seeded.  [default: all of it]"),
    options.processes,
    click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full."),
    click.option("--quiet", is_flag=True, help="Show no progress."),
)


def interleaving(command: F) -> F:
    """Give a command the options of `--interleave`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_unused(given: dict[str, Any]) -> None:
    """Raise UsageError for options that only say something together with `--interleave`."""
    names = {"length": "--slice", "settings": "--set", "yes_production": "--yes-production"}
    used = [names.get(key, f"--{key}") for key, value in given.items() if value and key not in ("interleave", "quiet")]
    if used:
        hint = "tenantry compare --interleave OLD NEW --workload FILE:WORKLOAD"
        raise UsageError(f"{', '.join(used)} without --interleave says nothing: stored runs are compared", where="compare", hint=hint)


def carry_out(given: dict[str, Any], *, runs: Path | None, floor: float, after: str | None) -> dict[str, Any]:
    """Measure and compare; the document of `tenantry.interleave`."""
    from tenantry.interleave import interleave
    from tenantry.report.live import LiveView, is_animated
    from tenantry.run import run_workload

    old, new = (_prepared(target, given, runs) for target in given["interleave"])
    quiet = given["quiet"]

    def measure(prepared: Prepared, folder: Path) -> Finished:
        with LiveView() as view:
            # Where nothing can be redrawn, the line of each slice is enough.
            view.quiet = not is_animated(view.console, quiet=quiet)
            return run_workload(prepared, runs=folder, command=sys.argv, on_progress=view.show, on_note=view.note)

    wanted = _options(given, floor=floor, after=after)

    def on_slice(found: Slice, finished: Finished) -> None:
        if not quiet:
            target = (old if found.target == "old" else new).plan.target
            click.echo(_line(found, finished, target, wanted.pairs), err=True)

    place = options.runs_folder(runs)
    return interleave(old, new, wanted, runs=place, carry_out=measure, command=sys.argv, on_slice=on_slice)


def _prepared(target: str, given: dict[str, Any], runs: Path | None) -> Prepared:
    from tenantry.cli.runner import prepared
    from tenantry.config import load_config
    from tenantry.interleave import sliced

    flags = {"target": target, "workload": given["workload"], "runs": str(runs) if runs else None}
    config = load_config({**flags, "run.set": given["settings"], "run.processes": given["processes"]})
    whole = prepared(config, tenants=given["tenants"], confirm=given["yes_production"], tags={})
    return sliced(whole, given["length"]) if given["length"] else whole


def _options(given: dict[str, Any], *, floor: float, after: str | None) -> Options:
    from tenantry.interleave import Options
    from tenantry.units import NS, duration_ns

    pause = duration_ns(given["pause"] or "1s", what="--pause") / NS
    after_s = -(-duration_ns(after or AFTER, what="--after") // NS)
    return Options(pairs=given["slices"] or 10, pause_s=pause, after_s=after_s, floor=floor)


def _line(found: Slice, finished: Finished, target: str, pairs: int) -> str:
    """One slice in one line, for progress."""
    from tenantry.report.lines import clean
    from tenantry.report.numbers import duration, plain

    totals = finished.told["totals"]
    times = totals["response_time_s"] or {}
    figures = f"p50 {duration(times.get('p50'))}, p95 {duration(times.get('p95'))}, {plain(totals['requests'])} requests"
    spoiled = f": invalid, {clean(found.reason)}" if found.verdict == "invalid" else ""
    return f"pair {found.pair} of {pairs}, {found.target} {clean(target)}: {figures}{spoiled}"
