"""Hooks, tags and metrics of scripts through the command line, and how hooks end a run or outlive Ctrl-C."""

from __future__ import annotations

import json
import signal

from commandline import Shell, one_message, write_scenarios
from truth import TruthServer

WITH_HOOKS = """
from tenantry.metrics import counter, trend
visits, waited = counter("visits"), trend("waited", unit="s")

@on_start
async def log_in(vu: Vu) -> None:
    await vu.post(f"/login/{vu.number}")

@scenario(tags={"kind": "read"})
async def slow(vu: Vu) -> None:
    with vu.group("page", tags={"part": "top"}):
        page = await vu.get("/delay?ms=300", name="GET /slow")
        waited.add(page.wait_s)
        visits.add()

@on_stop(timeout="1s")
async def log_out(vu: Vu) -> None:
    await vu.post(f"/logout/{vu.number}")

@teardown
async def tidy(vu: Vu) -> None:
    await vu.post("/torn-down")

load = workload(slow, constant_vus(3, "60s"), tag_names=["part"], thresholds=[
    "visits count > 0", "waited p50 > 0.2s", 'failures{kind="read", part!="bottom"} < 1%', "group_duration{group=page} avg < 5s"])
"""


def test_after_ctrl_c_every_virtual_user_stops_once_and_teardown_comes_last(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, WITH_HOOKS)
    with shell.start("run", "file.py:load", "--target", truth.url, "--tag", "build=42", "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 9)
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    told = done.document
    paths = [arrival.path for arrival in truth.arrivals]
    assert (done.code, told["about"]["end"]) == (130, "interrupted")
    assert sorted(paths[:3]) == [f"/login/{number}" for number in (1, 2, 3)]
    assert sorted(paths[-4:-1]) == [f"/logout/{number}" for number in (1, 2, 3)]
    assert paths[-1] == "/torn-down"
    slow = [path for path in paths if path.startswith("/delay")]
    metrics = {metric["name"]: metric for metric in told["metrics"]}
    assert metrics["visits"]["value"] == metrics["waited"]["n"] == len(slow) == told["totals"]["requests"]
    assert 0.3 <= metrics["waited"]["p50"] < 1 and metrics["waited"]["unit"] == "s"
    assert (metrics["group_duration"]["group"], metrics["group_duration"]["n"]) == ("page", len(slow))
    outcomes = {row["metric"]: row["result"] for row in told["thresholds"]}
    assert (outcomes["visits"], outcomes["failures"], outcomes["group_duration"]) == ("pass", "pass", "pass")
    assert json.loads((shell.runs()[0] / "run.json").read_text())["plan"]["tags"] == {"build": "42"}
    page = shell.run("report", "latest")
    assert page.code == 0
    assert "Metrics of the scenarios" in (shell.runs()[0] / "report.html").read_text()


def test_after_a_second_ctrl_c_nobody_stops_in_order_any_more(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, WITH_HOOKS.replace("/delay?ms=300", "/hang"))
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) == 6)
        running.signal(signal.SIGINT)
        running.wait_for("Ctrl-C again")
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    assert done.code == 130
    assert [arrival.path for arrival in truth.arrivals[6:]] == ["/torn-down"]


def test_a_stop_that_hangs_after_ctrl_c_has_its_time_and_no_more(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, WITH_HOOKS.replace('post(f"/logout/{vu.number}")', 'get("/hang")'))
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 6)
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    assert done.code == 130
    assert truth.arrivals[-1].path == "/torn-down"
    assert "on_stop" in done.err


def test_a_setup_that_takes_too_long_is_exit_13_with_its_place(shell: Shell, truth: TruthServer) -> None:
    text = """
        @setup(timeout="0.3s")
        async def ready(vu: Vu) -> None:
            await vu.get("/hang")

        @scenario
        async def one(vu: Vu) -> None: ...

        load = workload(one, constant_vus(1, "1s"))
    """
    write_scenarios(shell.folder, text)
    done = shell.run("run", "file.py:load", "--target", truth.url)
    message = one_message(done.err)
    assert (done.code, shell.runs()) == (13, [])
    assert "setup did not end within 0.3 s" in message and "file.py:5" in message


def test_a_start_that_fails_for_everybody_is_exit_13_and_no_load(shell: Shell, truth: TruthServer) -> None:
    refused = '(await vu.get("/status?code=503")).expect(status=200)'
    write_scenarios(shell.folder, WITH_HOOKS.replace('await vu.post(f"/login/{vu.number}")', refused))
    done = shell.run("run", "file.py:load", "--target", truth.url)
    assert (done.code, shell.runs()) == (13, [])
    assert "on_start failed for every virtual user: status is 200" in one_message(done.err)
    assert {arrival.path for arrival in truth.arrivals} == {"/status?code=503"}


def test_wrong_tags_metrics_and_hooks_are_told_together_before_any_traffic(shell: Shell, truth: TruthServer) -> None:
    text = (
        WITH_HOOKS.replace('"kind": "read"', '"scenario": "x"').replace('counter("visits")', 'counter("Visits")').replace('"1s"', '"-1s"')
    )
    write_scenarios(shell.folder, text.replace("visits count", "Visits count"))
    done = shell.run("run", "file.py:load", "--target", truth.url)
    assert (done.code, truth.arrivals) == (2, [])
    for part in ("scenario is kept for every series", "'Visits' is no name for a metric", "the timeout of on_stop"):
        assert part in done.err
    assert "Traceback" not in done.err
