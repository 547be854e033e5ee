"""`tenantry run FILE:WORKLOAD`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tenantry.cli import options


@click.command()
@click.argument("workload", required=False)
@click.option("--target", help="Base URL of the app, for example http://127.0.0.1:8000.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as rate=200/s.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Store a tag with the run, such as build=42.")
@click.option("--tenants", type=click.IntRange(min=1), help="How many tenants of the dataset are seeded.  [default: all of it]")
@options.processes
@options.runs
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    workload: str | None,
    target: str | None,
    settings: tuple[str, ...],
    tags: tuple[str, ...],
    tenants: int | None,
    processes: str | None,
    runs: Path | None,
    yes_production: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run WORKLOAD (FILE.py:NAME or MODULE:NAME) against a target, judge it, and write its report.

    \b
    Exit code: 0 pass, 2 wrong usage, 10 a threshold failed, 12 the run is
    invalid, 13 the target is unreachable or its setup failed, 14 stopped
    early, 15 no data, 130 interrupted.
    """
    from tenantry.alerts.alerter import alerter
    from tenantry.cli.result import alerted, show
    from tenantry.cli.runner import carry_out, prepared
    from tenantry.config import load_config
    from tenantry.plan.tags import parse_tags

    flags = {"target": target, "workload": workload, "runs": str(runs) if runs else None}
    config = load_config({**flags, "run.set": settings, "run.processes": processes})
    ready = prepared(config, tenants=tenants, confirm=yes_production, tags=parse_tags(tags))
    alerts = alerter(config)
    finished = alerted(alerts, ready.plan.name, ready.plan.target, partial(carry_out, ready, config, alerts, quiet=quiet))
    return show(finished, as_json=as_json)
