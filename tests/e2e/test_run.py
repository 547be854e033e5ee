"""`tenantry run` as a process, against a server that knows what really arrived."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import jwt
import pytest
from commandline import Done, Shell, one_message, write_scenarios
from truth import TruthServer

TERMINAL = (sys.executable, "-c", "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))")


def run(shell: Shell, truth: TruthServer, text: str, *arguments: str) -> Done:
    write_scenarios(shell.folder, text)
    return shell.run("run", "file.py:load", "--target", truth.url, *arguments)


def manifest(shell: Shell) -> dict[str, Any]:
    (folder,) = shell.runs()
    read: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return read


ONE = """
@scenario
async def one(vu: Vu) -> None:
    page = await vu.get("/delay?ms=20", name="GET /page")
    vu.check("fine", page.ok)

load = workload(one, constant_vus(2, "0.6s"), thresholds=["failures < 1%", "checks > 99%"])
"""


def test_a_run_that_meets_its_thresholds_passes_and_counts_what_arrived(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, ONE, "--json")
    told = done.document
    assert (done.code, told["verdict"], told["exit"]) == (0, "pass", 0)
    assert told["totals"]["requests"] == len(truth.arrivals) > 10
    assert told["totals"]["service_time_s"]["p50"] >= 0.02
    assert [(series["name"], series["requests"]) for series in told["series"]] == [("GET /page", len(truth.arrivals))]
    assert (shell.runs()[0] / "report.html").exists()
    assert manifest(shell)["verdict"]["verdict"] == "pass"
    shell.wait_until_nothing_is_left()


def test_the_summary_is_on_stdout_and_plain_progress_on_stderr(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, ONE, "--set", "duration=1.6s")
    assert done.code == 0
    assert "PASS" in done.out.upper()
    assert str(shell.runs()[0].name) in done.out
    assert "\x1b" not in done.out + done.err
    assert "requests" in done.err and "1/2 s" in done.err


def test_who_stops_reading_still_gets_the_exit_code(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, ONE)
    pipe = ("bash", "-c", 'set -o pipefail; "$@" 2>&1 | true', "bash")
    done = shell.run("run", "file.py:load", "--target", truth.url, "--set", "duration=1.2s", prefix=pipe)
    assert (done.code, "Traceback" in done.err) == (0, False)


@pytest.mark.parametrize(
    ("environment", "live", "colour"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"CI": "true", "NO_COLOR": "1"}, False, False)],
    ids=["terminal", "NO_COLOR", "CI"],
)
def test_a_terminal_shows_a_live_view_and_is_left_as_it_was(
    shell: Shell, truth: TruthServer, environment: dict[str, str], live: bool, colour: bool
) -> None:
    write_scenarios(shell.folder, ONE)
    environment |= {"TERM": "xterm-256color"}
    done = shell.run("run", "file.py:load", "--target", truth.url, prefix=TERMINAL, environment=environment)
    assert done.code == 0
    assert ("virtual users" in done.out) == live
    assert (re.search(r"\x1b\[(\d+;)*[34][0-8]", done.out) is not None) == colour
    assert done.out.count("\x1b[?25l") == done.out.count("\x1b[?25h") == live, "the cursor is shown again"
    assert done.out.rindex("PASS") > done.out.rfind("\x1b[?25h")


def test_a_failed_threshold_is_exit_10(shell: Shell, truth: TruthServer) -> None:
    text = """
        @scenario
        async def failing(vu: Vu) -> None:
            await vu.get("/status?code=503")

        load = workload(failing, constant_rate("20/s", "0.5s", max_vus=5), thresholds=["failures < 1%", "response_time p50 < 60s"])
    """
    done = run(shell, truth, text, "--json")
    told = done.document
    assert (done.code, told["verdict"], told["exit"]) == (10, "fail", 10)
    assert told["totals"]["failures"] == told["totals"]["requests"] == len(truth.arrivals) == 10
    assert [threshold["result"] for threshold in told["thresholds"]] == ["fail", "pass"]
    assert [(failure["kind"], failure["count"]) for failure in told["failures"]] == [("status", 10)]


def test_a_threshold_without_data_is_exit_15(shell: Shell, truth: TruthServer) -> None:
    text = """
        @scenario
        async def unchecked(vu: Vu) -> None:
            await vu.get("/page")

        load = workload(unchecked, constant_rate("20/s", "0.5s", max_vus=5), thresholds=["checks > 99%", "response_time p50 < 60s"])
    """
    done = run(shell, truth, text, "--json", "--quiet")
    assert (done.code, done.document["verdict"], done.err) == (15, "no_data", "")
    assert "checks > 99%" in done.document["reason"]


def test_when_every_iteration_raises_the_run_stops_early_and_names_the_line(shell: Shell, truth: TruthServer) -> None:
    text = """
        @scenario
        async def broken(vu: Vu) -> None:
            page = await vu.get("/page")
            page.json()["missing"]

        load = workload(broken, constant_rate("200/s", "60s", max_vus=100))
    """
    done = run(shell, truth, text, "--set", "graceful_stop=1s")
    assert done.code == 15
    assert "KeyError: 'missing'" in done.out and "file.py:6" in done.out
    assert manifest(shell)["end"] == "aborted"
    assert 100 <= len(truth.arrivals) < 1000, "60 s would have been 12,000"


def test_a_generator_that_cannot_keep_its_schedule_is_exit_12(shell: Shell, truth: TruthServer) -> None:
    text = """
        import time

        @scenario
        async def blocking(vu: Vu) -> None:
            await vu.get("/page")
            time.sleep(0.08)

        load = workload(blocking, constant_rate("25/s", "0.8s", max_vus=50), thresholds=["failures < 1%"])
    """
    done = run(shell, truth, text, "--json")
    assert (done.code, done.document["verdict"]) == (12, "invalid")
    assert "generator" in done.document["reason"]
    assert done.document["thresholds"][0]["result"] == "pass", "what was observed is still told"


SETUP = """
@setup
async def healthy(vu: Vu) -> None:
    (await vu.get("/health?code=500")).expect(status=200)

@scenario
async def one(vu: Vu) -> None:
    await vu.get("/page")

load = workload(one, constant_vus(1, "1s"))
"""


def test_a_health_check_answered_with_500_is_exit_13_and_no_load(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, SETUP)
    message = one_message(done.err)
    assert done.code == 13
    assert "setup failed" in message and "500" in message and "file.py:5" in message and "help:" in message
    assert [arrival.path for arrival in truth.arrivals] == ["/health?code=500"]
    assert (done.out, shell.runs()) == ("", [])


def test_a_target_that_nobody_listens_at_is_exit_13_and_leaves_no_run(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, ONE)
    done = shell.run("run", "file.py:load", "--target", "http://127.0.0.1:1")
    message = one_message(done.err)
    assert (done.code, done.out, shell.runs()) == (13, "", [])
    assert "http://127.0.0.1:1" in message and "refused" in message and "help:" in message


def test_an_abort_threshold_ends_the_run_early_with_exit_14(shell: Shell, truth: TruthServer) -> None:
    text = """
        @scenario
        async def failing(vu: Vu) -> None:
            await vu.get("/status?code=500")
            await vu.pause(0.02)

        load = workload(failing, constant_vus(1, "60s"), thresholds=["failures < 5% abort"])
    """
    done = run(shell, truth, text, "--json")
    told = done.document
    assert (done.code, told["exit"], told["verdict"], told["about"]["end"]) == (14, 14, "fail", "aborted")
    assert told["about"]["duration_s"] < 10
    assert told["totals"]["requests"] == len(truth.arrivals) < 600
    assert "stopped early" in done.err and "< 5% abort" in done.err


def test_an_abort_with_a_delay_lets_the_load_begin(shell: Shell, truth: TruthServer) -> None:
    text = """
        @scenario
        async def failing(vu: Vu) -> None:
            await vu.get("/status?code=500")
            await vu.pause(0.02)

        load = workload(failing, constant_vus(1, "60s"), thresholds=["failures < 5% and (errors == 0 or checks > 99%) abort after 5s"])
    """
    done = run(shell, truth, text, "--json")
    assert (done.code, done.document["verdict"]) == (14, "fail")
    assert 5 <= done.document["about"]["duration_s"] < 12


def test_set_overrides_the_file(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, ONE, "--json", "--set", "rate=40/s", "--set", "duration=0.5s", "--set", "max_vus=20", "--set", "rng_seed=7")
    assert len(truth.arrivals) == done.document["totals"]["requests"] == 20
    assert done.document["about"]["rng_seed"] == 7
    profile = manifest(shell)["plan"]["streams"][0]["profile"]
    assert (profile["kind"], profile["rate"], profile["max_vus"]) == ("constant_rate", "40", 20)


def test_a_whole_workload_is_scaled_with_its_limit_on_throughput(shell: Shell, truth: TruthServer) -> None:
    text = """
        @scenario
        async def one(vu: Vu) -> None:
            await vu.get("/delay?ms=1")

        load = workload(one, constant_rate("100/s", "1s", max_vus=20), thresholds=["throughput > 60/s"])
    """
    told = run(shell, truth, text, "--set", "scale=20%", "--json").document
    (threshold,) = told["thresholds"]
    assert told["totals"]["requests"] == len(truth.arrivals) == 20
    assert (told["verdict"], threshold["text"], threshold["written"]) == ("pass", "throughput rate > 12/s", "throughput > 60/s")
    assert told["about"]["scale"] == {"load": 0.2}


def test_grades_are_stored_with_their_bounds_and_change_no_verdict(shell: Shell, truth: TruthServer) -> None:
    text = """
        from tenantry.grades import bounds

        @scenario
        async def one(vu: Vu) -> None:
            await vu.get("/delay?ms=5")

        load = workload(
            one, constant_rate("100/s", "1s", max_vus=20), thresholds=["failures < 1%"], grades=bounds(p95=("1ms", "2ms", "3ms"))
        )
    """
    done = run(shell, truth, text, "--json")
    told = done.document
    assert (done.code, told["verdict"], told["grades"]["grade"], told["grades"]["note"]) == (
        0,
        "pass",
        "critical",
        "by response time p95, one",
    )
    assert told["grades"]["figures"]["throughput"]["value"] == len(truth.arrivals) / 100 == 1.0
    assert manifest(shell)["grades"] == told["grades"]
    assert manifest(shell)["plan"]["grades"]["p95"] == {"good": 0.001, "warning": 0.002, "critical": 0.003}
    again = shell.run("runs", "show", "latest", "--json")
    assert again.document["grades"] == told["grades"]


def test_a_dataset_needs_no_database_to_pick_from(shell: Shell, truth: TruthServer) -> None:
    text = """
        from tenantry_clinic.dataset import clinic

        @scenario
        async def pet(vu: Vu) -> None:
            await vu.get("/clinics/{clinic}/pets/{pet}", clinic=vu.tenant.id, pet=vu.pick("pets").id)

        load = workload(pet, constant_rate("60/s", "0.5s", max_vus=30), dataset=clinic)
    """
    done = run(shell, truth, text, "--tenants", "3", "--json")
    pairs = [tuple(map(int, arrival.path.split("/")[2::2])) for arrival in truth.arrivals]
    assert len(pairs) == 30
    assert {clinic for clinic, _ in pairs} == {1, 2, 3}
    assert all((pet - 1) // 100 + 1 == clinic for clinic, pet in pairs), "pets of clinic i are (i - 1) * 100 + 1 to i * 100"
    tokens = [arrival.headers["authorization"].removeprefix("Bearer ") for arrival in truth.arrivals]
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert [found["clinic_id"] for found in claims] == [clinic for clinic, _ in pairs]
    assert done.document["about"]["tenants"] == done.document["tenants"]["seen"] == 3


def test_a_name_that_runs_code_when_it_is_let_go_stops_nothing(shell: Shell, truth: TruthServer) -> None:
    """Names of checks are remembered; one that makes room for another is let go inside a check, and may ask for a check itself."""
    text = """
        from tenantry import per_vu_iterations

        class Name(str):
            vu: Vu

            def __del__(self) -> None:
                self.vu.check("let go", True)

        @scenario
        async def checking(vu: Vu) -> None:
            await vu.get("/page")
            for number in range(3000):
                name = Name(f"name {number % 7}")
                name.vu = vu
                vu.check(name, True)

        load = workload(checking, per_vu_iterations(1, vus=1))
    """
    done = run(shell, truth, text, "--json")
    assert done.code == 0, done
    checks = {check["name"]: check["passes"] for check in done.document["checks"]}
    assert sum(count for name, count in checks.items() if name != "let go") == 3000 and checks["let go"] > 2000
