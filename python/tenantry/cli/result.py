"""How commands that carried out a run show its result."""

from __future__ import annotations

import click

from tenantry.run import Finished


def show(finished: Finished, *, as_json: bool) -> int:
    """Print the result of a run, JSON on stdout or the summary for people, and return its exit code."""
    from tenantry.report.document import document
    from tenantry.report.text import print_summary
    from tenantry.results import open_run

    for note in finished.notes:
        click.echo(f"note: {note}", err=True)
    with open_run(finished.folder) as run:
        if as_json:
            import msgspec

            click.echo(msgspec.json.encode(document(run)))
        else:
            print_summary(document(run), report=finished.report)
    return int(finished.verdict.exit)
