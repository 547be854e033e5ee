"""`tenantry baseline set|list|rm`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.cli import options
from tenantry.compare import baselines

_NAME = click.option("--name", default=baselines.MAIN, show_default=True, help="Of the baseline.")


@click.group()
def command() -> None:
    """Name the runs that later ones are compared with. RUN is a run folder, its name, a unique part of its name, or `latest`."""


@command.command("set")
@click.argument("run")
@_NAME
@options.runs
def set_command(run: str, name: str, runs: Path | None) -> None:
    """Make RUN a baseline, in place of the one that had the name."""
    from tenantry.results.folders import find_run
    from tenantry.results.manifest import read_manifest

    place = options.runs_folder(runs)
    folder = find_run(run, place)
    verdict = read_manifest(folder).verdict
    baselines.set_baseline(place, folder, name)
    click.echo(f"baseline {name} is {folder.name}")
    if verdict is None or verdict.verdict != "pass":
        told = verdict.verdict.replace("_", " ") if verdict else "without a verdict"
        click.echo(f"note: this run is {told}; what later runs are compared with should have passed", err=True)


@command.command("list")
@options.runs
@options.json
def list_command(runs: Path | None, as_json: bool) -> None:
    """List the baselines."""
    import msgspec

    known = baselines.read(options.runs_folder(runs))
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, "baselines": known}))
        return
    for name, folder in sorted(known.items()):
        click.echo(f"{name:<20}{folder}")
    if not known:
        click.echo("no baselines; `tenantry baseline set RUN` makes one")


@command.command("rm")
@click.argument("name")
@options.runs
def rm_command(name: str, runs: Path | None) -> None:
    """Forget the baseline NAME; its run stays."""
    baselines.remove_baseline(options.runs_folder(runs), name)
    click.echo(f"removed baseline {name}")
