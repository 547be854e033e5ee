"""`tenantry diagnose RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.cli import options


@click.command()
@click.argument("run")
@click.option("--silent", multiple=True, metavar="ID", help="Do not look for this finding; may be repeated.")
@options.runs
@options.json
def command(run: str, silent: tuple[str, ...], runs: Path | None, as_json: bool) -> None:
    """Name what held the requests of RUN up, from its folder alone.

    RUN is a run folder, its name, a unique part of its name, or `latest`. `tenantry explain ID` says what a finding means.
    """
    from tenantry.diagnose.answer import diagnose
    from tenantry.diagnose.rules import rules
    from tenantry.errors import UsageError
    from tenantry.results import open_run
    from tenantry.results.folders import find_run
    from tenantry.types import did_you_mean

    for name in silent:
        if name not in rules():
            raise UsageError(f"there is no finding {name!r}", where="--silent", hint=did_you_mean(name, list(rules())))
    with open_run(find_run(run, options.runs_folder(runs))) as opened:
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
