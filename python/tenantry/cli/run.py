"""`tenantry run FILE:WORKLOAD`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tenantry.cli import options
from tenantry.errors import UsageError


@click.command()
@click.argument("workload", required=False)
@click.option("--target", help="Base URL of the app, for example http://127.0.0.1:8000.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as rate=200/s.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Store a tag with the run, such as build=42.")
@click.option("--tenants", type=click.IntRange(min=1), help="How many tenants of the dataset are seeded.  [default: all of it]")
@options.processes
@click.option("--runs", type=click.Path(path_type=Path), help="Folder of the run folders.  [default: runs]")
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
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
    from tenantry.cli.seeded import check_seeded
    from tenantry.config import load_config
    from tenantry.plan.tags import parse_tags
    from tenantry.prepare import prepare, shared_out
    from tenantry.report.live import LiveView
    from tenantry.run import Finished, run_workload

    flags = {"target": target, "workload": workload, "runs": str(runs) if runs else None}
    config = load_config({**flags, "run.set": settings, "run.processes": processes})
    if config.workload is None:
        raise UsageError("there is no workload", hint="give FILE.py:WORKLOAD, for example clinic.py:mixed")
    prepared = prepare(
        config.workload,
        target=config.target,
        overrides=config.overrides,
        tenants=tenants,
        allow=config.allow,
        confirm=yes_production,
        environment={name: os.environ[name] for name in ("APP_ENV", "ENVIRONMENT") if name in os.environ},
        tags=parse_tags(tags),
    )
    prepared = shared_out(prepared, config.processes)
    check_seeded(prepared, config)
    alerts = alerter(config)

    def carry_out() -> Finished:
        with LiveView(quiet=quiet) as view:
            on_breach = alerts.breach if alerts is not None else None
            return run_workload(prepared, runs=config.runs, command=sys.argv, on_progress=view.show, on_note=view.note, on_breach=on_breach)

    return show(alerted(alerts, prepared.plan, carry_out), as_json=as_json)
