"""Alerts of `tenantry run` as a process: told while the run still goes on, and never in the way of its exit code."""

from __future__ import annotations

from alert_servers import receiving
from commandline import Shell, write_scenarios
from truth import TruthServer

CONFIG = '[alerts]\nwebhook_env = "ALERT_URL"\nwebhook_secret_env = "ALERT_SECRET"\n'
ABORTING = """
import asyncio
from pathlib import Path

@scenario
async def one(vu: Vu) -> None:
    await vu.get("/status?code=503", name="GET /page")

@teardown(timeout="60s")
async def waits(vu: Vu) -> None:
    while not Path("go-on").exists():
        await asyncio.sleep(0.05)

load = workload(one, constant_vus(2, "30s"), thresholds=["failures < 1% abort"], breaker_share=1)
"""
FAILING = """
@scenario
async def one(vu: Vu) -> None:
    await vu.get("/status?code=503", name="GET /page")

load = workload(one, constant_vus(2, "0.6s"), thresholds=["failures < 1%", "checks > 99% or requests count > 1"])
"""


def environment(url: str) -> dict[str, str]:
    return {"ALERT_URL": url, "ALERT_SECRET": "hunter2"}


def test_an_abort_threshold_is_told_while_the_run_goes_on_and_only_once(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, ABORTING)
    (shell.folder / "tenantry.toml").write_text(CONFIG)
    arguments = ("run", "file.py:load", "--target", truth.url, "--json")
    with receiving() as receiver, shell.start(*arguments, environment=environment(receiver.url)) as running:
        assert receiver.came.wait(60)
        assert running.process.poll() is None, "its teardown waits until the alert has come"
        (shell.folder / "go-on").touch()
        done = running.done()
    assert done.code == 14
    (alert,) = receiver.alerts
    assert (alert["kind"], alert["severity"], alert["run"]) == ("threshold", "critical", shell.runs()[0].name)
    assert alert["title"] == "[critical] 127.0.0.1 load: requests fail (100 %, limit < 1.00 %)"
    assert "hunter2" not in done.out + done.err + str([path.read_bytes() for path in shell.folder.rglob("*.json")])


def test_a_run_ends_as_without_alerts_when_nobody_takes_them(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, FAILING)
    (shell.folder / "tenantry.toml").write_text(CONFIG)
    with receiving(403) as receiver:
        done = shell.run("run", "file.py:load", "--target", truth.url, "--json", environment=environment(receiver.url))
    assert (done.code, done.document["exit"], len(receiver.bodies)) == (10, 10, 1)
    assert "note: an alert was not sent by webhook at 127.0.0.1: it answered 403" in done.err


def test_a_target_that_is_not_there_is_told(shell: Shell) -> None:
    write_scenarios(shell.folder, FAILING)
    (shell.folder / "tenantry.toml").write_text(CONFIG)
    with receiving() as receiver:
        done = shell.run("run", "file.py:load", "--target", "http://127.0.0.1:1", environment=environment(receiver.url))
    assert done.code == 13
    assert [(alert["kind"], alert["valid"]) for alert in receiver.alerts] == [("invalid", False)]
    assert "cannot be reached" in receiver.alerts[0]["reason"]
    assert "alerts:" not in done.err
