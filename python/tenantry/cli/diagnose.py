"""`tenantry diagnose RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.cli import options
from tenantry.cli.experiment import experimenting


@click.command()
@click.argument("run")
@click.option("--silent", multiple=True, metavar="ID", help="Do not look for this finding; may be repeated.")
@experimenting
@click.option("--undo", is_flag=True, help="Undo what an experiment that was killed has left in the database.")
@options.runs
@options.json
@click.option("--quiet", is_flag=True, help="Show no progress of --experiment.")
def command(
    run: str, silent: tuple[str, ...], experiment: bool, block: str | None, undo: bool, runs: Path | None, as_json: bool, quiet: bool
) -> None:
    """Name what held the requests of RUN up, from its folder alone.

    RUN is a run folder, its name, a unique part of its name, or `latest`. `tenantry explain ID` says what a finding means.

    --experiment puts the load of the run on its target again, without and with the remedies of the first findings, and says what they
    change. It needs the app, the owner's DSN in the environment, and `[safety] disposable`.

    \b
    Exit code: 0 diagnosed, 2 wrong usage, or a target that may not be changed,
    13 the app cannot be reached, 130 interrupted; what was changed is undone.
    """
    from tenantry.cli.experiment import block_ns, on_stored
    from tenantry.cli.experiment import undo as undo_what_is_left
    from tenantry.config import load_config
    from tenantry.diagnose.answer import diagnose
    from tenantry.diagnose.rules import rules
    from tenantry.errors import UsageError
    from tenantry.results import open_run
    from tenantry.results.folders import find_run
    from tenantry.types import did_you_mean

    for name in silent:
        if name not in rules():
            raise UsageError(f"there is no finding {name!r}", where="--silent", hint=did_you_mean(name, list(rules())))
    length_ns = block_ns(block, wanted=experiment)
    config = load_config({"runs": str(runs) if runs else None})
    folder = find_run(run, config.runs)
    for statement in undo_what_is_left(config) if undo else ():
        click.echo(f"undone: {statement}", err=True)
    if length_ns is not None:
        on_stored(folder, config, length_ns, quiet=quiet)
    with open_run(folder) as opened:
        found = diagnose(opened, silent=silent).as_dict()
        warnings = list(opened.warnings)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"schema": 1, "run": str(opened.folder), **found}))
        return
    from tenantry.report.diagnosis import print_diagnosis

    print_diagnosis(found)
