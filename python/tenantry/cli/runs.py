"""`tenantry runs list|show|rm`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenantry.cli import options

if TYPE_CHECKING:
    from tenantry.results.folders import Entry

_FOLDER, _JSON = options.runs, options.json


@click.group()
def command() -> None:
    """List, show and remove stored runs. RUN is a run folder, its name, a unique part of its name, or `latest`."""


@command.command("list")
@_FOLDER
@_JSON
def list_command(runs: Path | None, as_json: bool) -> None:
    """List the stored runs, the newest first."""
    from tenantry.results.folders import list_runs

    place = options.runs_folder(runs)
    entries = list_runs(place)
    if as_json:
        _print_json({"schema": 1, "runs": [entry.as_dict() for entry in entries]})
    elif not entries:
        click.echo(f"no runs in {place}")
    else:
        _print_list(entries)


@command.command("show")
@click.argument("run")
@_FOLDER
@_JSON
def show_command(run: str, runs: Path | None, as_json: bool) -> None:
    """Show what a run measured and its verdict."""
    from tenantry.cli.report import show
    from tenantry.results.folders import find_run

    show(find_run(run, options.runs_folder(runs)), "json" if as_json else "text")


@command.command("trend")
@click.argument("workload", nargs=-1)
@_FOLDER
@_JSON
def trend_command(workload: tuple[str, ...], runs: Path | None, as_json: bool) -> None:
    """Show where the figures of WORKLOAD changed from run to run, of all workloads without one."""
    from tenantry.compare.history import histories
    from tenantry.errors import UsageError
    from tenantry.report.comparison import print_histories
    from tenantry.results.folders import run_folders
    from tenantry.types import did_you_mean

    place = options.runs_folder(runs)
    found = histories(run_folders(place))
    known = [history.workload for history in found]
    for name in workload:
        if name not in known:
            raise UsageError(f"there is no measured run of a workload {name!r}", where=str(place), hint=did_you_mean(name, known))
    shown = [history for history in found if not workload or history.workload in workload]
    if as_json:
        _print_json({"schema": 1, "histories": shown})
    else:
        print_histories(shown)


@command.command("rm")
@click.argument("run", nargs=-1, required=True)
@_FOLDER
@_JSON
def rm_command(run: tuple[str, ...], runs: Path | None, as_json: bool) -> None:
    """Remove stored runs with everything in their folders."""
    from tenantry.results.folders import find_run, remove_run

    place = options.runs_folder(runs)
    folders = list(dict.fromkeys(find_run(reference, place) for reference in run))
    for folder in folders:
        remove_run(folder)
        if not as_json:
            click.echo(f"removed {folder}")
    if as_json:
        _print_json({"schema": 1, "removed": [str(folder) for folder in folders]})


def _print_json(told: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(told))


def _print_list(entries: list[Entry]) -> None:
    from tenantry.report.lines import Cells, columns, printed
    from tenantry.report.text import COLOURS, SYMBOLS, console

    rows = [Cells(_row(entry, SYMBOLS), _colour(entry, COLOURS)) for entry in entries]
    stdout = console()
    printed(columns(("Run", "started (UTC)", "load", "verdict"), rows, width=stdout.width, least=(0, 19, 8, 10), left=(3,)), stdout)


def _verdict(entry: Entry) -> str:
    stored = entry.manifest.verdict if entry.manifest else None
    return stored.verdict if stored else ""


def _partly(entry: Entry) -> bool:
    from tenantry.verdict import ended_early

    return entry.manifest is not None and ended_early(_verdict(entry), entry.manifest.end)


def _colour(entry: Entry, colours: dict[str, str]) -> str:
    return "yellow" if _verdict(entry) == "pass" and _partly(entry) else colours.get(_verdict(entry), "dim")


def _row(entry: Entry, symbols: dict[str, str]) -> tuple[str, str, str, str]:
    from tenantry.report.lines import clean
    from tenantry.report.numbers import NOTHING, duration

    manifest, word = entry.manifest, _verdict(entry)
    if manifest is None:
        return clean(entry.folder.name), NOTHING, NOTHING, f"unreadable: {clean(entry.fault)}"
    started = clean(manifest.started_at or NOTHING)[:19].replace("T", " ")
    unjudged = "running" if entry.running else "not judged" if manifest.end else "killed"
    so_far = " so far" if _partly(entry) else ""
    told = f"{symbols.get(word, '')} {word.replace('_', ' ')}{so_far}" if word else unjudged
    return clean(entry.folder.name), started, duration(manifest.elapsed_s), told
