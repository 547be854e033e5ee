"""What `init --ci` and `schedule --systemd` write, read back by YAML's and systemd's own parsers; and whether a schedule was kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from runfolder import RunFolder

from tenantry import __version__
from tenantry.cli import doctor
from tenantry.cli.ci import started_by_schedule
from tenantry.cli.init import command as init
from tenantry.cli.schedule import command as schedule
from tenantry.cli.schedule import service
from tenantry.errors import UsageError
from tenantry.results.scheduled import last_scheduled, overdue

CONFIG = """
workload = "shop.py:mixed"
dsn_env = "SHOP_DSN"
[alerts]
apprise_env = ["SLACK_URL"]
webhook_env = "ALERT_URL"
webhook_secret_env = "ALERT_SECRET"
"""
NOW = datetime(2026, 6, 1, tzinfo=UTC)
GITHUB, GITLAB = Path(".github/workflows/tenantry.yml"), Path(".gitlab/tenantry.gitlab-ci.yml")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TENANTRY_RUNS", "TENANTRY_TARGET", "TENANTRY_WORKLOAD", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tenantry.toml").write_text(CONFIG)
    return tmp_path


def call(command: Any, *arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def github() -> dict[str, Any]:
    call(init, "--ci", "github")
    found: dict[str, Any] = yaml.load(GITHUB.read_text(), Loader=yaml.BaseLoader)
    return found


def test_the_github_workflow_runs_weekly_at_an_odd_minute_and_by_hand() -> None:
    workflow = github()
    minute, hour, day, month, weekday = workflow["on"]["schedule"][0]["cron"].split()
    assert int(minute) % 2 == 1 and minute not in ("0", "15", "30", "45") and hour.isdigit()
    assert (day, month) == ("*", "*") and weekday.isdigit()
    assert {name: entry["type"] for name, entry in workflow["on"]["workflow_dispatch"]["inputs"].items()} == {
        "target": "string",
        "set": "string",
        "baseline": "boolean",
    }


def test_the_github_workflow_pins_its_actions_and_may_only_read() -> None:
    workflow = github()
    uses = [step["uses"] for step in workflow["jobs"]["load-test"]["steps"] if "uses" in step]
    assert len(uses) >= 4
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", use) for use in uses)
    assert set(workflow["permissions"].values()) == {"read"}


def test_the_github_workflow_runs_ci_and_keeps_report_and_runs_whatever_comes_of_it() -> None:
    job = github()["jobs"]["load-test"]
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    assert any("tenantry ci --runs runs --out report" in script for script in scripts)
    assert any(f"tenantry[notify]=={__version__}" in script for script in scripts)
    kept = {step["with"]["path"]: step["if"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")}
    assert kept == {"report": "always()", "runs": "always()"}
    assert {"SHOP_DSN", "SLACK_URL", "ALERT_URL", "ALERT_SECRET", "TENANTRY_TARGET"} == set(job["env"])
    assert job["env"]["SLACK_URL"] == "${{ secrets.SLACK_URL }}"


def test_nothing_that_a_person_types_is_pasted_into_a_script() -> None:
    for step in github()["jobs"]["load-test"]["steps"]:
        assert "${{" not in step.get("run", "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="it takes bash to read it")
def test_the_scripts_of_the_jobs_are_bash() -> None:
    call(init, "--ci", "gitlab")
    gitlab = yaml.safe_load(GITLAB.read_text())["load-test"]
    scripts = [step["run"] for step in github()["jobs"]["load-test"]["steps"] if "run" in step]
    scripts += ["\n".join(gitlab[part]) for part in ("before_script", "script", "after_script")]
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_overrides_of_a_person_become_set_options(tmp_path: Path) -> None:
    (script,) = (step["run"] for step in github()["jobs"]["load-test"]["steps"] if step.get("name") == "Load test")
    (tmp_path / "tenantry").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tmp_path / "tenantry").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OVERRIDES": "duration=1m rate=20/s"}
    ran = subprocess.run(["bash", "-eu", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "ci|--runs|runs|--out|report|--set|duration=1m|--set|rate=20/s|"


def test_the_gitlab_job_runs_by_schedule_and_by_hand_and_gives_both_reports() -> None:
    call(init, "--ci", "gitlab")
    whole = yaml.safe_load(GITLAB.read_text())
    job = whole["load-test"]
    assert [rule["if"] for rule in job["rules"]] == ['$CI_PIPELINE_SOURCE == "schedule"', '$CI_PIPELINE_SOURCE == "web"']
    assert job["artifacts"]["reports"] == {"junit": "report/junit.xml", "load_performance": "report/load-performance.json"}
    assert job["artifacts"]["when"] == job["cache"]["when"] == "always"
    assert any("tenantry ci" in line for line in job["script"])
    assert set(whole) == {"variables", "load-test"}
    assert "SLACK_URL" in GITLAB.read_text().partition("variables:")[0]


@pytest.mark.parametrize(("system", "path"), [("github", GITHUB), ("gitlab", GITLAB)])
def test_a_job_that_is_there_is_left_alone(system: str, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("ours")
    with pytest.raises(UsageError, match="left alone"):
        call(init, "--ci", system)
    assert path.read_text() == "ours"


def test_what_is_left_to_do_is_told(project: Path) -> None:
    assert call(init, "--ci", "github").stdout.splitlines()[1:] == [
        "to do: the variable TENANTRY_TARGET in the settings of the repository, and its host in [safety] allow",
        *(f"to do: the secret {name} in the settings of the repository" for name in ("SHOP_DSN", "ALERT_URL", "ALERT_SECRET", "SLACK_URL")),
    ]
    (project / "tenantry.toml").unlink()
    assert 'to do: workload = "FILE.py:NAME"' in call(init, "--ci", "gitlab").stdout
    with pytest.raises(UsageError, match="nothing to begin from"):
        call(init)


def units(*arguments: str) -> tuple[Path, Path]:
    service, timer = map(Path, call(schedule, "--systemd", *arguments).stdout.split())
    return service, timer


def parsed(unit: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit, encoding="utf-8")
    return parser


def test_the_service_runs_ci_in_the_folder_of_the_project(project: Path) -> None:
    service, timer = (parsed(unit) for unit in units())
    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["WorkingDirectory"] == str(project)
    assert service["Service"]["ExecStart"].endswith("-m tenantry ci --scheduled --quiet")
    assert (timer["Timer"]["OnCalendar"], timer["Timer"]["Persistent"]) == ("Mon *-*-* 04:37:00", "true")
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.parametrize(
    ("every", "key", "value"),
    [("1d", "OnCalendar", "*-*-* 04:37:00"), ("7d", "OnCalendar", "Mon *-*-* 04:37:00"), ("36h", "OnUnitActiveSec", "129600s")],
)
def test_the_timer_keeps_the_period_of_the_configuration(project: Path, every: str, key: str, value: str) -> None:
    (project / "tenantry.toml").write_text(f'[schedule]\nevery = "{every}"\n')
    assert parsed(units()[1])["Timer"][key] == value


def test_units_that_are_there_stay_unless_told_otherwise(project: Path) -> None:
    service, timer = units("--out", "units")
    timer.write_text("ours")
    with pytest.raises(UsageError, match="left alone"):
        units("--out", "units")
    assert timer.read_text() == "ours"
    assert units("--out", "units", "--force") == (service, timer)
    assert "OnCalendar" in timer.read_text()
    with pytest.raises(UsageError, match="not said for what"):
        call(schedule)


def test_no_sign_of_a_path_means_anything_to_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", '/opt/50%h/a "b"/$HOME/c\\d/python')
    unit = service(Path("/srv/50%h $HOME"), "tenantry-x")
    # systemd.unit(5): %% is a per cent sign. systemd.service(5): $$ is a dollar sign, on command lines alone; C escapes in quotes.
    assert "WorkingDirectory=/srv/50%%h $HOME\n" in unit
    assert """ExecStart="/opt/50%%h/a \\"b\\"/$$HOME/c\\\\d/python" -m tenantry ci""" in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not there")
@pytest.mark.parametrize("name", ["shop", "a shop", "100%$HOME", "größe"])
def test_systemd_takes_the_units_whatever_the_folder_is_called(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    place = project / name
    place.mkdir()
    (place / "tenantry.toml").write_text("")
    monkeypatch.chdir(place)
    verify = ["systemd-analyze", "--user", "verify", *map(str, units("--out", str(project / "units")))]
    ran = subprocess.run(
        verify, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(project)}
    )
    complaints = [line for line in ran.stderr.splitlines() if "tenantry-" in line]
    assert (ran.returncode, complaints) == (0, []), ran.stderr


def stored(project: Path, age_days: float, *, trigger: str) -> None:
    began = NOW - timedelta(days=age_days)
    run = RunFolder(elapsed_s=1.0, manifest={"started_at": began.isoformat(), "plan": {"tags": {"trigger": trigger}}})
    run.write(project / "runs" / f"{began:%Y%m%dT%H%M%SZ}-mixed")


@pytest.mark.parametrize(("age", "late"), [(13.9, False), (14.1, True)])
def test_a_schedule_was_not_kept_when_its_last_run_is_older_than_two_periods(project: Path, age: float, late: bool) -> None:
    stored(project, age, trigger="schedule")
    stored(project, 1, trigger="ci")
    assert (overdue(project / "runs", 7 * 86_400, NOW) is not None) == late
    assert last_scheduled(project / "runs") == NOW - timedelta(days=age)


def test_without_a_scheduled_run_nothing_is_late(project: Path) -> None:
    stored(project, 50, trigger="ci")
    assert overdue(project / "runs", 3600, NOW) is None
    assert overdue(project / "nowhere", 3600, NOW) is None


def test_a_late_run_is_told_with_its_age_and_the_period(project: Path) -> None:
    stored(project, 20.5, trigger="schedule")
    assert overdue(project / "runs", 7 * 86_400, NOW) == "the last scheduled run is 20.5 days old, where one is due every 7 days"


def checks() -> list[tuple[str, str]]:
    return [(check.result, check.detail) for check in doctor.schedule()]


def test_doctor_tells_whether_the_schedule_is_kept(project: Path) -> None:
    assert checks() == []
    (project / "tenantry.toml").write_text('[schedule]\nevery = "7d"\n')
    assert checks() == [("warn", "no scheduled run yet")]
    age = (datetime.now(UTC) - NOW).total_seconds() / 86_400
    stored(project, 30 - age, trigger="schedule")
    assert checks() == [("warn", "the last scheduled run is 30 days old, where one is due every 7 days")]
    stored(project, 3 - age, trigger="schedule")
    assert [result for result, _ in checks()] == ["ok"]


def test_github_and_gitlab_say_whether_a_schedule_started_the_job() -> None:
    assert started_by_schedule({"GITHUB_EVENT_NAME": "schedule"}) and started_by_schedule({"CI_PIPELINE_SOURCE": "schedule"})
    assert not started_by_schedule({"GITHUB_EVENT_NAME": "push"}) and not started_by_schedule({})
