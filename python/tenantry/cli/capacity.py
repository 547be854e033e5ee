"""`tenantry capacity FILE:WORKLOAD`."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tenantry.cli import options as shared
from tenantry.errors import UsageError

if TYPE_CHECKING:
    from tenantry.capacity.measure import Options
    from tenantry.config import Config
    from tenantry.prepare import Prepared

_MOST_RATE = 1_000_000


@click.command()
@click.argument("workload", required=False)
@click.option("--target", help="Base URL of the app, for example http://127.0.0.1:8000.")
@click.option(
    "--from", "lowest", default="10/s", show_default=True, metavar="RATE", help="The first rate; even it must meet the thresholds."
)
@click.option("--to", "highest", default="10000/s", show_default=True, metavar="RATE", help="No rate above is tried.")
@click.option("--precision", default="5%", show_default=True, metavar="SHARE", help="How near the rates that passed and failed must come.")
@click.option("--step", default="20s", show_default=True, metavar="TIME", help="How long each rate is measured.")
@click.option("--warmup", default="5s", show_default=True, metavar="TIME", help="How long each rate is held before it is measured.")
@click.option("--pause", default="5s", show_default=True, metavar="TIME", help="Between two rates, for the app to recover.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as max_vus=500.")
@click.option("--tenants", type=click.IntRange(min=1), help="How many tenants of the dataset are seeded.  [default: all of it]")
@shared.processes
@shared.runs
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@shared.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(workload: str | None, target: str | None, runs: Path | None, as_json: bool, quiet: bool, **given: Any) -> int:
    """Search the highest rate at which WORKLOAD (FILE.py:NAME or MODULE:NAME) meets its thresholds.

    The rate is doubled until one fails, then the gap is halved. Each step is a run at a constant rate.

    \b
    Exit code: 0 a rate was found, 2 wrong usage, 10 even the lowest rate
    failed, 12 the generator was the bottleneck before the app, 13 the
    target is unreachable, 15 no data, 130 interrupted.
    """
    from tenantry.capacity.measure import find_capacity
    from tenantry.config import load_config
    from tenantry.report.capacity import print_capacity, step_line
    from tenantry.report.live import LiveView
    from tenantry.report.text import console
    from tenantry.run import Finished, run_workload

    options = _options(given)
    flags = {"target": target, "workload": workload, "runs": str(runs) if runs else None}
    config = load_config({**flags, "run.set": given["settings"], "run.processes": given["processes"]})
    base = _prepared(config, options, given)

    def carry_out(prepared: Prepared, folder: Path) -> Finished:
        with LiveView(quiet=quiet) as view:
            return run_workload(prepared, runs=folder, command=sys.argv, on_progress=view.show, on_note=view.note)

    def on_step(found: Any) -> None:
        if not quiet:
            click.echo(step_line(found.steps[-1].as_dict()), err=True)

    told = find_capacity(base, options, runs=config.runs, carry_out=carry_out, command=sys.argv, on_step=on_step)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(told))
    else:
        print_capacity(told, console())
    return int(told["exit"])


def _prepared(config: Config, options: Options, given: dict[str, Any]) -> Prepared:
    from tenantry.capacity.measure import check_workload
    from tenantry.cli.seeded import check_seeded
    from tenantry.prepare import prepare, shared_out
    from tenantry.scenario.loader import load_workload

    if config.workload is None:
        raise UsageError("there is no workload", hint="give FILE.py:WORKLOAD, for example clinic.py:mixed")
    check_workload(load_workload(config.workload))
    rate = {"rate": options.within.start, "duration": options.warmup_s + options.measured_s}
    prepared = prepare(
        config.workload,
        target=config.target,
        overrides={**config.overrides, **rate},
        tenants=given["tenants"],
        allow=config.allow,
        confirm=given["yes_production"],
        environment={name: os.environ[name] for name in ("APP_ENV", "ENVIRONMENT") if name in os.environ},
    )
    prepared = shared_out(prepared, config.processes)
    check_seeded(prepared, config)
    return prepared


def _options(given: dict[str, Any]) -> Options:
    """The search that the flags ask for; raises UsageErrors with everything that is wrong with them."""
    from tenantry.capacity.measure import Options
    from tenantry.capacity.search import Range
    from tenantry.plan.faults import Faults, any_duration, raise_all, some_duration, some_rate
    from tenantry.units import NS

    note = Faults("capacity")
    start = note.take(some_rate, given["lowest"], "--from", Fraction(1))
    most = note.take(some_rate, given["highest"], "--to", Fraction(_MOST_RATE))
    step = note.take(some_duration, given["step"], "--step", NS)
    warmup, pause = (note.take(any_duration, given[name], f"--{name}", 0) for name in ("warmup", "pause"))
    precision = note.take(_precision, given["precision"], "--precision", 0.05)
    if not note.found and not start <= most <= _MOST_RATE:
        note.add(f"--from {given['lowest']} to --to {given['highest']} is no range of rates", "give the lower one first, as 10/s")
    for name, length in (("step", step), ("warmup", warmup)):
        if length % NS:
            note.add(f"--{name} {given[name]} is no whole number of seconds", f"write --{name} {max(round(length / NS), 1)}s")
    raise_all(note.found)
    within = Range(start=start, most=most, precision=precision)
    return Options(within=within, measured_s=step // NS, warmup_s=warmup // NS, pause_s=pause / NS)


def _precision(text: object, what: str) -> float:
    from tenantry.thresholds.limits import limit_of

    value = limit_of(str(text), "share")
    if value is None or not 0.01 <= value <= 0.5:
        raise UsageError(f"{what} {text} is no share from 1% to 50%", hint=f"write {what} 5%")
    return value
