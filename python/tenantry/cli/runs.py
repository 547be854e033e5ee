"""`tenantry runs list|show|rm|prune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenantry.cli import options

if TYPE_CHECKING:
    from tenantry.results.folders import Entry
    from tenantry.results.prune import Candidate

_FOLDER, _JSON = options.runs, options.json
_CENTURY_S = 100 * 365 * 86_400


class _Runs(click.Group):
    """Takes `--trend` for the command of that name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [args[0].removeprefix("--") if args[0] == "--trend" else args[0], *args[1:]] if args else args)


@click.group(cls=_Runs)
def command() -> None:
    """List, show and remove stored runs. RUN is a run folder, its name, a unique part of its name, or `latest`."""


@command.command("list")
@click.option("--workload", metavar="NAME", help="Only runs of this workload.")
@click.option("--branch", metavar="NAME", help="Only runs of this git branch.")
@_FOLDER
@_JSON
def list_command(workload: str | None, branch: str | None, runs: Path | None, as_json: bool) -> None:
    """List the stored runs, the newest first."""
    from tenantry.results.folders import list_runs

    place = options.runs_folder(runs)
    every = list_runs(place)
    entries = [entry for entry in every if _fits(entry, workload, branch)]
    if as_json:
        _print_json({"schema": 1, "runs": [entry.as_dict() for entry in entries]})
    elif not entries:
        click.echo(f"no runs in {place}" if not every else f"none of the {len(every):,} runs in {place} is like that")
    else:
        _print_list(entries)


def _fits(entry: Entry, workload: str | None, branch: str | None) -> bool:
    manifest = entry.manifest
    if manifest is None:
        return workload is None and branch is None
    return workload in (None, manifest.name) and branch in (None, manifest.branch_name)


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


@command.command("prune")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Never the newest N runs.")
@click.option("--older", metavar="TIME", help="Only runs that began longer ago than this, such as 90d.")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
@_FOLDER
@_JSON
def prune_command(keep: int | None, older: str | None, yes: bool, runs: Path | None, as_json: bool) -> None:
    """Remove old runs: beyond the newest --keep, and older than --older.

    Shows what would go, and removes nothing without --yes. Baselines stay, and
    so do runs that go on and folders that are no runs.
    """
    from datetime import UTC, datetime, timedelta

    from tenantry.compare import baselines
    from tenantry.errors import UsageError
    from tenantry.results.folders import remove_run
    from tenantry.results.prune import candidates
    from tenantry.units import NS, duration_ns

    if keep is None and older is None:
        raise UsageError("it is not said which runs may go", where="runs prune", hint="give --keep 100, --older 90d, or both")
    age = timedelta(seconds=min(duration_ns(older, what="--older") / NS, _CENTURY_S)) if older is not None else None
    place = options.runs_folder(runs)
    found = candidates(place, baselines.read(place), keep=keep, older=age, now=datetime.now(UTC))
    going, staying = ([one for one in found if bool(one.why) == held] for held in (False, True))
    for one in going if yes else ():
        remove_run(one.folder)
    if as_json:
        _print_json(_pruned(going, staying, dry_run=not yes))
    else:
        _print_pruned(going, staying, dry_run=not yes)


def _pruned(going: list[Candidate], staying: list[Candidate], *, dry_run: bool) -> dict[str, object]:
    return {
        "schema": 1,
        "dry_run": dry_run,
        "runs": [{"folder": str(one.folder), "bytes": one.size} for one in going],
        "bytes": sum(one.size for one in going),
        "kept": [{"folder": str(one.folder), "why": one.why} for one in staying],
    }


def _print_pruned(going: list[Candidate], staying: list[Candidate], *, dry_run: bool) -> None:
    from tenantry.report.lines import clean
    from tenantry.report.numbers import size

    for one in going:
        click.echo(f"{'would remove' if dry_run else 'removed'} {clean(one.folder)}  {size(one.size)}")
    for one in staying:
        click.echo(f"kept {clean(one.folder)}: it {clean(one.why)}")
    count = f"{len(going):,} run{'s' * (len(going) != 1)}, {size(sum(one.size for one in going))}"
    click.echo(f"{count} {'would be removed' if dry_run else 'removed'}")
    if dry_run and going:
        click.echo("nothing was changed; --yes removes them")


def _print_json(told: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(told))


def _print_list(entries: list[Entry]) -> None:
    from tenantry.report.lines import Cells, columns, printed
    from tenantry.report.text import COLOURS, SYMBOLS, console

    rows = [Cells(_row(entry, SYMBOLS), _colour(entry, COLOURS)) for entry in entries]
    stdout = console()
    printed(
        columns(("Run", "started (UTC)", "load", "branch", "verdict"), rows, width=stdout.width, least=(0, 19, 8, 6, 10), left=(3, 4)),
        stdout,
    )


def _verdict(entry: Entry) -> str:
    stored = entry.manifest.verdict if entry.manifest else None
    return stored.verdict if stored else ""


def _partly(entry: Entry) -> bool:
    from tenantry.verdict import ended_early

    return entry.manifest is not None and ended_early(_verdict(entry), entry.manifest.end)


def _colour(entry: Entry, colours: dict[str, str]) -> str:
    return "yellow" if _verdict(entry) == "pass" and _partly(entry) else colours.get(_verdict(entry), "dim")


def _row(entry: Entry, symbols: dict[str, str]) -> tuple[str, ...]:
    from tenantry.report.lines import clean
    from tenantry.report.numbers import NOTHING, duration

    manifest, word = entry.manifest, _verdict(entry)
    if manifest is None:
        return clean(entry.folder.name), NOTHING, NOTHING, NOTHING, f"unreadable: {clean(entry.fault)}"
    started = clean(manifest.started_at or NOTHING)[:19].replace("T", " ")
    unjudged = "running" if entry.running else "not judged" if manifest.end else "killed"
    so_far = " so far" if _partly(entry) else ""
    told = f"{symbols.get(word, '')} {word.replace('_', ' ')}{so_far}" if word else unjudged
    return clean(entry.folder.name), started, duration(manifest.elapsed_s), clean(manifest.branch_name) or NOTHING, told
