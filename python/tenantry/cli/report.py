"""`tenantry report RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("run")
@click.option(
    "--format", "form", type=click.Choice(["html", "json", "text"]), default="html", show_default=True, help="What to make of it."
)
@click.option("--runs", type=click.Path(path_type=Path), help="Folder of the run folders.  [default: runs]")
def command(run: str, form: Literal["html", "json", "text"], runs: Path | None) -> None:
    """Rebuild the report of RUN from its folder alone.

    RUN is a run folder, its name, a unique part of its name, or `latest`. `html` writes report.html into the folder and prints its path;
    `json` and `text` print to stdout. Works on runs that were killed, too.
    """
    from tenantry.config import load_config
    from tenantry.results.folders import find_run

    show(find_run(run, load_config({"runs": str(runs) if runs else None}).runs), form)


def show(folder: Path, form: Literal["html", "json", "text"]) -> None:
    """Print or write what the folder tells, and warn on stderr of what could not be read."""
    from tenantry.report.document import document
    from tenantry.results import open_run

    with open_run(folder) as opened:
        told = document(opened)
    if form == "text":
        from tenantry.report.text import print_summary
        from tenantry.report.write import REPORT

        page = folder / REPORT
        print_summary(told, report=page if page.exists() else None)
        return
    for warning in told["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    if form == "json":
        import msgspec

        click.echo(msgspec.json.encode(told))
    else:
        from tenantry.report.write import write_page

        click.echo(str(write_page(told, folder)))
