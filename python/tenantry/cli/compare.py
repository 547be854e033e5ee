"""`tenantry compare RUN [BASE...]` and `tenantry compare --interleave OLD NEW`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from tenantry.cli import options
from tenantry.cli.interleave import carry_out, check_unused, interleaving
from tenantry.errors import UsageError


@click.command()
@click.argument("run", required=False)
@click.argument("base", nargs=-1)
@click.option("--floor", default="5%", show_default=True, help="The smallest difference that matters.")
@click.option("--after", help="Leave out the beginning of each run, for example 30s.  [default: 0s; with --interleave 2s]")
@interleaving
@options.runs
@options.json
def command(run: str | None, base: tuple[str, ...], floor: str, after: str | None, runs: Path | None, as_json: bool, **given: Any) -> int:
    """Compare RUN with BASE: a baseline, or a run; several are taken together.

    Without BASE, the baseline `main`. Each figure is better, worse, same, or
    cannot tell. Exit code 11 when one is worse.

    With --interleave, no stored runs: two targets are measured in turns, and
    what differs within the pairs of slices is compared. RUN may be the folder
    of such a comparison, too. Exit code then also 12 a slice is invalid, 13 a
    target cannot be reached, 14 a slice was stopped early, 15 no data, 130
    interrupted.
    """
    least = _floor(floor)
    if given["interleave"]:
        return _interleaved(run, given, runs=runs, floor=least, after=after, as_json=as_json)
    check_unused(given)
    if run is None:
        raise UsageError(
            "it is not said what to compare", where="compare", hint="name a run, such as latest, or --interleave two base URLs"
        )
    return _stored(run, base, runs=options.runs_folder(runs), floor=least, after=after, as_json=as_json)


def _interleaved(run: str | None, given: dict[str, Any], *, runs: Path | None, floor: float, after: str | None, as_json: bool) -> int:
    if run is not None:
        raise UsageError(f"{run!r} beside --interleave says nothing", where="compare", hint="leave it out: both targets are measured now")
    return _shown(carry_out(given, runs=runs, floor=floor, after=after), as_json=as_json)


def _stored(run: str, base: tuple[str, ...], *, runs: Path, floor: float, after: str | None, as_json: bool) -> int:
    import msgspec

    from tenantry.compare import compare
    from tenantry.errors import Exit
    from tenantry.interleave import INTERLEAVED, again
    from tenantry.report.comparison import print_comparison
    from tenantry.results import open_run
    from tenantry.results.folders import find_run
    from tenantry.units import NS, duration_ns

    after_s = -(-duration_ns(after or "0s", what="--after") // NS)
    for place in (Path(run), runs / run):
        if (place / INTERLEAVED).is_file():
            return _shown(again(place, floor=floor, after_s=after_s if after else None), as_json=as_json)
    folders = [find_run(run, runs), *(_base(name, runs) for name in base or ("main",))]
    with ExitStack() as stack:
        opened = [stack.enter_context(open_run(folder)) for folder in folders]
        found = compare(opened[0], opened[1:], floor=floor, after_s=after_s)
        for warning in (f"{each.name}: {told}" for each in opened for told in each.warnings):
            click.echo(f"note: {warning}", err=True)
    code = int(Exit.REGRESSION if found.judgement == "worse" else Exit.PASS)
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, **msgspec.to_builtins(found), "exit": code}))
    else:
        print_comparison(found)
    return code


def _shown(told: dict[str, Any], *, as_json: bool) -> int:
    """Print the document of an interleaved comparison; its exit code."""
    import msgspec

    from tenantry.report.comparison import print_interleaved

    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        print_interleaved(told)
    return int(told["exit"])


def _base(name: str, runs: Path) -> Path:
    from tenantry.compare import baselines
    from tenantry.results.folders import find_run

    folder = baselines.folder_of(runs, name)
    if folder is not None:
        return folder
    if name == baselines.MAIN:
        raise UsageError("there is no baseline to compare with", where=str(runs), hint="tenantry baseline set RUN, or name a run")
    return find_run(name, runs)


def _floor(text: str) -> float:
    from tenantry.plan.faults import portion

    share = portion(text)
    if share is None or not 0 < share < 1:
        raise UsageError(f"{text!r} is no share between 0 and 100 %", where="--floor", hint="write --floor 5%")
    return float(share)
