"""How commands that carried out a run show its result."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tenantry.errors import Interrupted, TenantryError
from tenantry.run import Finished

if TYPE_CHECKING:
    from tenantry.alerts.alerter import Alerter


def alerted(alerts: Alerter | None, workload: str, target: str, carry_out: Callable[[], Finished], *, scheduled: bool = False) -> Finished:
    """Carry out a run and send its alerts, also those of a run that could not begin; what they were hindered by is a note."""
    if alerts is None:
        return carry_out()
    try:
        finished = carry_out()
    except TenantryError as error:
        if not isinstance(error, Interrupted):
            alerts.failed(workload, target, error)
        for note in alerts.close():
            click.echo(f"note: {note}", err=True)
        raise
    alerts.concluded(finished.told, scheduled=scheduled)
    return replace(finished, notes=(*finished.notes, *alerts.close()))


def show(finished: Finished, *, as_json: bool) -> int:
    """Print the result of a run, JSON on stdout or the summary for people, and return its exit code."""
    from tenantry.report.text import print_summary

    try:
        for note in finished.notes:
            click.echo(f"note: {note}", err=True)
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(finished.told))
        else:
            print_summary(finished.told, report=finished.report)
    except (BrokenPipeError, SystemExit):
        # Whoever stopped reading still gets the run's exit code; rich makes a SystemExit of a broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(finished.told["exit"])
