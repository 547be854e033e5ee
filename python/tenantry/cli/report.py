"""`tenantry report RUN`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import click

from tenantry.cli import options
from tenantry.errors import UsageError
from tenantry.report.formats import FORMS

STDOUT = Path("-")
# A report is a tree of a million values without cycles: the garbage collector need not look at all of them again and again.
_GARBAGE = 100_000


@click.command()
@click.argument("run")
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="html", show_default=True, help="What to make of it.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="PATH",
    help="A file or a folder to write to, or - for stdout.  [default: html goes into the run folder, all else to stdout]",
)
@click.option("--public", "is_public", is_flag=True, help="For strangers: without target, command, machine, dataset, tenants, answers.")
@options.runs
def command(run: str, form: str, out: Path | None, is_public: bool, runs: Path | None) -> None:
    """Rebuild the report of RUN from its folder alone.

    RUN is a run folder, its name, a unique part of its name, or `latest`. Works on runs that were killed, too.

    \b
      html              one page that opens offline
      json, text        the result, for programs and for people
      md                the summary of a CI job, at most 64 KB
      junit             a test case for each threshold and each check
      csv               one row per series
      k6-json           as k6 --summary-export; GitLab's load performance report
      github-benchmark  as github-action-benchmark takes it (customSmallerIsBetter)
    """
    from tenantry.results.folders import find_run

    if is_public and form != "html":
        raise UsageError("only the page can be made for strangers", where="--public", hint="leave out --format")
    show(find_run(run, options.runs_folder(runs)), form, out, is_public=is_public)


def show(folder: Path, form: str, out: Path | None = None, *, is_public: bool = False) -> None:
    """Print or write what the folder tells, and warn on stderr of what could not be read."""
    before = gc.get_threshold()
    gc.set_threshold(_GARBAGE)
    try:
        _show(folder, form, out, is_public=is_public)
    finally:
        gc.set_threshold(*before)


def _show(folder: Path, form: str, out: Path | None, *, is_public: bool) -> None:
    from tenantry.results import open_run

    with open_run(folder) as opened:
        opened.read_ahead()
        make = FORMS[form].load()
        from tenantry.report.document import document, page_document
        from tenantry.report.public import FILE, public

        told = page_document(opened) if form == "html" else document(opened)
    if form == "text" and out is None:
        _print_text(folder, told)
        return
    for warning in told["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    if is_public:
        told, out = public(told), out or folder / FILE
    if out is None and form == "html":
        out = folder
    _deliver(make(told), FORMS[form].file, out or STDOUT)


def _print_text(folder: Path, told: dict[str, Any]) -> None:
    """For people: with colours on a terminal, and as wide as it is."""
    from tenantry.report.text import print_summary
    from tenantry.report.write import REPORT

    page = folder / REPORT
    print_summary(told, report=page if page.exists() else None)


def _deliver(made: str, file: str, out: Path) -> None:
    from tenantry.report.write import write_text

    if out == STDOUT:
        click.echo(made.encode("utf-8", "replace"), nl=False)
    else:
        click.echo(str(write_text(made, out / file if out.is_dir() else out)))
