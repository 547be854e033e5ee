"""`tenantry ctl RUN ORDER [VALUE]`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.cli import options


@click.command()
@click.argument("run")
@click.argument("order")
@click.argument("value", required=False)
@click.option("--scenario", metavar="NAME", help="The load profile that is meant.  [default: every one that the order fits]")
@options.runs
@options.json
def command(run: str, order: str, value: str | None, scenario: str | None, runs: Path | None, as_json: bool) -> None:
    """Change the load of RUN while it goes on.

    RUN is a run folder, its name, a unique part of its name, or `latest`. ORDER is one of

    \b
      rate 200/s   iterations start at this rate
      vus 50       so many virtual users loop
      pause        no iteration starts
      resume       iterations start again
      stop         the load ends, running iterations may end, the run is judged
    """
    from tenantry.control import give, read_order
    from tenantry.results.folders import find_run
    from tenantry.units import NS, write_duration

    given = read_order(order, value, scenario)
    folder = find_run(run, options.runs_folder(runs))
    obeyed = give(given, folder)
    if as_json:
        import msgspec

        told = {"schema": 1, "run": str(folder), "order": given.word, "value": given.value}
        click.echo(msgspec.json.encode({**told, "scenarios": obeyed.scenarios, "at_s": obeyed.at_ns / NS}))
        return
    concerned = f" for {', '.join(obeyed.scenarios)}" if obeyed.scenarios else ""
    click.echo(f"{given}{concerned}, from {write_duration(obeyed.at_ns // 1_000_000 * 1_000_000)} of the load on")
