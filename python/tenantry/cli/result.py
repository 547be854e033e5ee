"""How commands that carried out a run show its result."""

from __future__ import annotations

import os
import sys

import click

from tenantry.run import Finished


def show(finished: Finished, *, as_json: bool) -> int:
    """Print the result of a run, JSON on stdout or the summary for people, and return its exit code."""
    from tenantry.report.document import document
    from tenantry.report.text import print_summary
    from tenantry.results import open_run

    verdict = finished.verdict
    with open_run(finished.folder) as run:
        # On a full disk the folder does not say what became of its run.
        told = document(run) | {"verdict": verdict.verdict, "reason": verdict.reason, "exit": int(verdict.exit)}
    try:
        for note in finished.notes:
            click.echo(f"note: {note}", err=True)
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(told))
        else:
            print_summary(told, report=finished.report)
    except (BrokenPipeError, SystemExit):
        # Whoever stopped reading still gets the run's exit code; rich makes a SystemExit of a broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(verdict.exit)
