"""`tenantry ci FILE:WORKLOAD`: doctor, run, comparison, reports and alerts in one command with one exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tenantry.cli import options
from tenantry.errors import EnvironmentFault, Exit, TenantryError, UsageError
from tenantry.run import Finished

if TYPE_CHECKING:
    from tenantry.alerts.alerter import Alerter
    from tenantry.cli.doctor import Check
    from tenantry.config import Config
    from tenantry.prepare import Prepared

FORMS = ("html", "md", "junit")


@click.command()
@click.argument("workload", required=False)
@click.option("--target", help="Base URL of the app, for example http://127.0.0.1:8000.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting, such as rate=200/s.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="Store a tag with the run, such as build=42.")
@click.option("--tenants", type=click.IntRange(min=1), help="How many tenants of the dataset are seeded.  [default: all of it]")
@options.processes
@click.option("--baseline", default="main", show_default=True, metavar="NAME", help="The baseline to compare with, if there is one.")
@click.option("--scheduled", is_flag=True, help="A schedule started this.  [default: as GitHub and GitLab say]")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the reports.  [default: the run folder]")
@options.runs
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(workload: str | None, target: str | None, runs: Path | None, as_json: bool, quiet: bool, **given: Any) -> int:
    """Check the machine, run WORKLOAD, compare it with the baseline, write its reports, and send alerts.

    The reports are report.html, summary.md and junit.xml. The summary is also
    appended to the file that GITHUB_STEP_SUMMARY names.

    \b
    Exit code: 0 pass, 2 wrong usage or machine, 10 a threshold failed, 11
    worse than the baseline, 12 the run is invalid, 13 the target is
    unreachable or its setup failed, 14 stopped early, 15 no data, 130
    interrupted.
    """
    from tenantry.alerts.alerter import alerter
    from tenantry.cli.result import alerted, show
    from tenantry.config import load_config

    flags = {"target": target, "workload": workload, "runs": str(runs) if runs else None}
    config = load_config({**flags, "run.set": given["settings"], "run.processes": given["processes"]})
    scheduled = given["scheduled"] or started_by_schedule(os.environ)
    alerts = alerter(config)
    work = partial(_carried_out, config, alerts, {**given, "scheduled": scheduled, "quiet": quiet})
    name = (config.workload or "").rpartition(":")[2]
    try:
        finished = alerted(alerts, name, config.target or "", work, scheduled=scheduled)
    except TenantryError as error:
        append_summary(f"## ❌ No load was sent\n\n{_literal(str(error))}\n")
        raise
    return show(finished, as_json=as_json)


def started_by_schedule(environ: Mapping[str, str]) -> bool:
    """Whether the CI says so."""
    return environ.get("GITHUB_EVENT_NAME") == "schedule" or environ.get("CI_PIPELINE_SOURCE") == "schedule"


def checked(config: Config) -> list[str]:
    """What `doctor` warns of; raises EnvironmentFault with everything that prevents a run."""
    from tenantry.cli.doctor import CHECKS, demo_packages, named_postgres, schedule

    # What the demo needs does not matter here, and the schedule is looked at by itself.
    found = [check for checks in CHECKS if checks not in (demo_packages, schedule) for check in checks()]
    found += named_postgres(config.dsn) if config.dsn else ()
    failed = [check for check in found if check.result == "fail"]
    if failed:
        what = "\n".join(_told(check) for check in failed)
        raise EnvironmentFault(f"the machine is not ready:\n{what}", hint="`tenantry doctor` checks again")
    return [_told(check) for check in found if check.result == "warn"]


def _told(check: Check) -> str:
    return f"{check.name}: {check.detail}" + (f"; {check.fix}" if check.fix else "")


def _missed(config: Config, ready: Prepared, alerts: Alerter | None) -> list[str]:
    """Look whether the schedule was kept, before this run hides that it was not."""
    from tenantry.results.scheduled import overdue

    late = overdue(config.runs, config.schedule_s, datetime.now(UTC)) if config.schedule_s else None
    if late is not None and alerts is not None:
        alerts.missed(ready.plan.name, ready.plan.target, late)
    return [late] if late is not None else []


def _carried_out(config: Config, alerts: Alerter | None, given: dict[str, Any]) -> Finished:
    """Everything but the alerts; the document gets the `comparison` and the `files`."""
    from tenantry.cli.runner import carry_out, prepared
    from tenantry.plan.tags import parse_tags
    from tenantry.results.scheduled import SCHEDULED, TAG

    notes = checked(config)
    tags = {**parse_tags(given["tags"]), TAG: SCHEDULED if given["scheduled"] else "ci"}
    ready = prepared(config, tenants=given["tenants"], confirm=given["yes_production"], tags=tags)
    notes += _missed(config, ready, alerts)
    finished = carry_out(ready, config, alerts, quiet=given["quiet"])
    folder, notes = Path(finished.told["run"]), [*notes, *finished.notes]
    told = finished.told | {"comparison": _compared(folder, config.runs, given["baseline"], notes)}
    if told["exit"] == Exit.PASS and told["comparison"] and told["comparison"]["judgement"] == "worse":
        told["exit"] = int(Exit.REGRESSION)
    files = _reported(told, given["out"] or folder, notes)
    return Finished(told | {"files": files}, Path(files["html"]) if "html" in files else None, tuple(notes))


def _compared(folder: Path, runs: Path, baseline: str, notes: list[str]) -> dict[str, Any] | None:
    from tenantry.against import against_baseline

    try:
        return against_baseline(folder, runs, baseline)
    except UsageError as fault:
        notes.append(f"not compared with the baseline {baseline}: {fault.what}")
        return None


def _reported(told: dict[str, Any], out: Path, notes: list[str]) -> dict[str, str]:
    """Write the reports, as far as they can be written; a report that is missing is a note and never the verdict."""
    from tenantry.report.formats import FORMS as ALL
    from tenantry.report.write import write_text

    files: dict[str, str] = {}
    with suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
    for form in FORMS:
        page = ALL[form].load()(told)
        try:
            files[form] = str(write_text(page, out / ALL[form].file))
        except EnvironmentFault as fault:
            notes.append(str(fault))
        if form == "md":
            notes += append_summary(page)
    return files


def append_summary(page: str) -> list[str]:
    """Append Markdown to the summary of a GitHub job, if there is one; a note when that fails."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return []
    try:
        with Path(place).open("a", encoding="utf-8", errors="replace") as file:
            file.write(page)
    except OSError as error:
        return [f"GITHUB_STEP_SUMMARY cannot be written: {error.strerror or error}"]
    return []


def _literal(message: str) -> str:
    from tenantry.report.markdown import text

    return "<br>\n".join(text(line, 1000) for line in message.splitlines())
