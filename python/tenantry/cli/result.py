"""How commands that carried out a run show its result."""

from __future__ import annotations

import os
import sys

import click

from tenantry.run import Finished


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
