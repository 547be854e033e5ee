"""`tenantry ci` as a process: one command, its reports, its alerts, its one exit code."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from alert_servers import Receiver, receiving
from commandline import Done, Shell, write_scenarios
from runfolder import RunFolder
from truth import TruthServer

LOADS = """
@scenario
async def quick(vu: Vu) -> None:
    page = await vu.get("/delay?ms=5", name="GET /page")
    vu.check("fine", page.ok)

@scenario
async def slow(vu: Vu) -> None:
    page = await vu.get("/delay?ms=60", name="GET /page")
    vu.check("fine", page.ok)

@scenario
async def failing(vu: Vu) -> None:
    await vu.get("/status?code=503", name="GET /page")

good = workload(quick, constant_vus(2, "0.6s"), thresholds=["failures < 1%", "checks > 99%"])
bad = workload(failing, constant_vus(2, "0.6s"), thresholds=["failures < 1%"], breaker_share="off")
never = workload(quick, constant_vus(1, "0.6s"), thresholds=['response_time{name="GET /nowhere"} p50 < 1s'])
"""
ALERTS = '[alerts]\nwebhook_env = "ALERT_URL"\nwebhook_secret_env = "ALERT_SECRET"\n[schedule]\nevery = "7d"\n'


def ci(shell: Shell, target: str, workload: str, *arguments: str, **environment: str) -> Done:
    write_scenarios(shell.folder, LOADS)
    return shell.run("ci", f"file.py:{workload}", "--target", target, "--quiet", *arguments, environment=environment)


def outcomes(junit: Path) -> dict[str, int]:
    suite = ElementTree.parse(junit).getroot()
    return {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}


def alerting(shell: Shell, receiver: Receiver) -> dict[str, str]:
    (shell.folder / "tenantry.toml").write_text(ALERTS)
    return {"ALERT_URL": receiver.url, "ALERT_SECRET": "hunter2"}


def test_a_pass_leaves_its_reports_in_the_run_folder_and_its_summary_with_the_job(shell: Shell, truth: TruthServer) -> None:
    summary = shell.folder / "summary"
    summary.write_text("what was there\n")
    done = ci(shell, truth.url, "good", "--json", GITHUB_STEP_SUMMARY=str(summary))
    (folder,) = shell.runs()
    told = done.document
    assert (done.code, told["exit"], told["verdict"], told["comparison"]) == (0, 0, "pass", None)
    assert told["files"] == {form: str(folder / file) for form, file in FILES.items()}
    assert all((shell.folder / path).stat().st_size > 500 for path in told["files"].values())
    assert outcomes(folder / "junit.xml") == {"tests": 4, "failures": 0, "errors": 0, "skipped": 0}
    assert summary.read_text() == "what was there\n" + (folder / "summary.md").read_text()
    assert (folder / "summary.md").read_text().startswith("## ✅ Pass: good\n")
    assert told["totals"]["requests"] == len(truth.arrivals)
    assert json.loads((folder / "run.json").read_text())["plan"]["tags"] == {"trigger": "ci"}


FILES = {"html": "report.html", "md": "summary.md", "junit": "junit.xml"}


@pytest.mark.parametrize(
    ("workload", "code", "counts"),
    [
        ("bad", 10, {"tests": 2, "failures": 1, "errors": 0, "skipped": 0}),
        ("never", 15, {"tests": 3, "failures": 0, "errors": 2, "skipped": 0}),
    ],
)
def test_the_exit_code_is_that_of_the_run_and_the_reports_say_the_same(
    shell: Shell, truth: TruthServer, workload: str, code: int, counts: dict[str, int]
) -> None:
    done = ci(shell, truth.url, workload, "--out", "reports/here", "--json")
    assert (done.code, done.document["exit"]) == (code, code)
    assert {path.name for path in (shell.folder / "reports/here").iterdir()} == set(FILES.values())
    assert outcomes(shell.folder / "reports/here/junit.xml") == counts


def test_no_load_is_told_in_the_summary_of_the_job_and_by_an_alert(shell: Shell) -> None:
    summary = shell.folder / "summary"
    with receiving() as receiver:
        done = ci(shell, "http://127.0.0.1:1", "good", GITHUB_STEP_SUMMARY=str(summary), **alerting(shell, receiver))
        unready = ci(shell, "http://127.0.0.1:1", "gud", **alerting(shell, receiver))
    assert (done.code, unready.code) == (13, 2)
    assert summary.read_text().startswith("## ❌ No load was sent\n") and "cannot be reached" in summary.read_text()
    assert [(alert["kind"], alert["dedup_key"].rpartition("/")[0]) for alert in receiver.alerts] == [
        ("invalid", f"{shell.folder.name}/good"),
        ("invalid", f"{shell.folder.name}/gud"),
    ]
    assert shell.runs() == []


def test_a_summary_that_cannot_be_written_is_a_note(shell: Shell, truth: TruthServer) -> None:
    done = ci(shell, truth.url, "good", GITHUB_STEP_SUMMARY=str(shell.folder / "nowhere" / "summary"))
    assert done.code == 0
    assert "note: GITHUB_STEP_SUMMARY cannot be written: No such file or directory" in done.err


def test_a_folder_for_reports_that_cannot_be_is_a_note_and_not_the_verdict(shell: Shell, truth: TruthServer) -> None:
    (shell.folder / "taken").write_text("ours")
    done = ci(shell, truth.url, "good", "--out", "taken/reports", "--json")
    assert (done.code, done.document["files"]) == (0, {})
    assert done.err.count("the report cannot be written") == 3


def test_a_failure_is_told_and_its_end_as_well(shell: Shell, truth: TruthServer) -> None:
    with receiving() as receiver:
        environment = alerting(shell, receiver)
        assert ci(shell, truth.url, "bad", **environment).code == 10
        write_scenarios(shell.folder, LOADS.replace("failing, constant", "quick, constant"))
        done = shell.run("ci", "file.py:bad", "--target", truth.url, "--quiet", environment=environment)
    assert done.code == 0
    assert [(alert["kind"], alert["status"]) for alert in receiver.alerts] == [("threshold", "firing"), ("threshold", "resolved")]
    assert receiver.alerts[0]["dedup_key"] == receiver.alerts[1]["dedup_key"] == f"{shell.folder.name}/bad/failures < 1%"


def test_a_scheduled_run_is_marked_and_ends_the_alert_of_a_missed_one(shell: Shell, truth: TruthServer) -> None:
    began = datetime.now(UTC) - timedelta(days=20)
    old = RunFolder(elapsed_s=1.0, manifest={"started_at": began.isoformat(), "plan": {"tags": {"trigger": "schedule"}}})
    old.write(shell.folder / "runs" / f"{began:%Y%m%dT%H%M%SZ}-good")
    with receiving() as receiver:
        environment = alerting(shell, receiver)
        first = ci(shell, truth.url, "good", **environment)
        second = ci(shell, truth.url, "good", **environment, GITHUB_EVENT_NAME="schedule")
        third = ci(shell, truth.url, "good", **environment)
    assert "note: the last scheduled run is 20 days old, where one is due every 7 days" in first.err
    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert "days old" not in third.err
    told = [(alert["kind"], alert["status"]) for alert in receiver.alerts]
    assert told == [("missed", "firing"), ("missed", "firing"), ("missed", "resolved")]
    assert json.loads((shell.runs()[2] / "run.json").read_text())["plan"]["tags"] == {"trigger": "schedule"}


def test_a_machine_that_is_not_ready_is_exit_code_2_before_any_load(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, LOADS)
    broken = "import sys; from tenantry.cli import doctor; from pathlib import Path; doctor.STATIC = Path('/nowhere')"
    start = (sys.executable, "-c", f"{broken}; from tenantry.cli.main import main; sys.argv = sys.argv[1:]; main()")
    done = shell.run("ci", "file.py:good", "--target", truth.url, prefix=start)
    assert done.code == 2
    assert "the machine is not ready" in done.err and "make web" in done.err
    assert (truth.arrivals, shell.runs()) == ([], [])


LONG = """
good = workload(quick, constant_vus(2, "12s"), thresholds=["failures < 1%"])
"""


@pytest.mark.skipif(find_spec("tenantry.compare") is None, reason="there is no comparison yet")
def test_a_run_that_is_worse_than_the_baseline_is_exit_code_11(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, LOADS + LONG)
    with receiving() as receiver:
        environment = alerting(shell, receiver)
        arguments = ("ci", "file.py:good", "--target", truth.url, "--quiet", "--json")
        first: dict[str, Any] = shell.run(*arguments, environment=environment).document
        assert first["comparison"] is None
        assert shell.run("baseline", "set", "latest").code == 0
        slower = LOADS + LONG.replace("quick, ", "quick, ").replace("good =", "good = None\ngood =")
        write_scenarios(shell.folder, slower.replace("/delay?ms=5", "/delay?ms=15"))
        done = shell.run(*arguments, environment=environment)
    told = done.document
    assert (done.code, told["exit"], told["verdict"], told["comparison"]["judgement"]) == (11, 11, "pass", "worse")
    assert [alert["kind"] for alert in receiver.alerts] == ["regression"]
    page = (shell.runs()[1] / "summary.md").read_text()
    assert page.startswith("## ❌ Pass, but worse than the baseline: good\n") and "**Against main:** worse" in page
    assert outcomes(shell.runs()[1] / "junit.xml")["failures"] == 1
