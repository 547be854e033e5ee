"""`tenantry compare RUN [BASE...]`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from tenantry.cli import options


@click.command()
@click.argument("run")
@click.argument("base", nargs=-1)
@click.option("--floor", default="5%", show_default=True, help="The smallest difference that matters.")
@click.option("--after", default="0s", show_default=True, help="Leave out the beginning of each run, for example 30s.")
@options.runs
@options.json
def command(run: str, base: tuple[str, ...], floor: str, after: str, runs: Path | None, as_json: bool) -> int:
    """Compare RUN with BASE: a baseline, or a run; several are taken together.

    Without BASE, the baseline `main`. Each figure is better, worse, same, or
    cannot tell. Exit code 11 when one is worse.
    """
    import msgspec

    from tenantry.compare import compare
    from tenantry.errors import Exit
    from tenantry.report.comparison import print_comparison
    from tenantry.results import open_run
    from tenantry.results.folders import find_run
    from tenantry.units import NS, duration_ns

    place, least = options.runs_folder(runs), _floor(floor)
    folders = [find_run(run, place), *(_base(name, place) for name in base or ("main",))]
    with ExitStack() as stack:
        opened = [stack.enter_context(open_run(folder)) for folder in folders]
        found = compare(opened[0], opened[1:], floor=least, after_s=-(-duration_ns(after, what="--after") // NS))
    code = int(Exit.REGRESSION if found.judgement == "worse" else Exit.PASS)
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, **msgspec.to_builtins(found), "exit": code}))
    else:
        print_comparison(found)
    return code


def _base(name: str, runs: Path) -> Path:
    from tenantry.compare import baselines
    from tenantry.errors import UsageError
    from tenantry.results.folders import find_run

    folder = baselines.folder_of(runs, name)
    if folder is not None:
        return folder
    if name == baselines.MAIN:
        raise UsageError("there is no baseline to compare with", where=str(runs), hint="tenantry baseline set RUN, or name a run")
    return find_run(name, runs)


def _floor(text: str) -> float:
    from tenantry.errors import UsageError
    from tenantry.plan.faults import portion

    share = portion(text)
    if share is None or not 0 < share < 1:
        raise UsageError(f"{text!r} is no share between 0 and 100 %", where="--floor", hint="write --floor 5%")
    return float(share)
