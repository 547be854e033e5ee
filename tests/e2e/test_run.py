"""`tenantry run` as a process, against a server that knows what really arrived."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from commandline import Done, Shell, one_message, small_files
from truth import TruthServer

TERMINAL = (sys.executable, "-c", "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))")
HEAD = """\
from tenantry import Vu, constant_rate, constant_vus, scenario, setup, teardown, workload

"""


def write(shell: Shell, text: str) -> None:
    """The scenario file of a test; its first line is line 3."""
    (shell.folder / "file.py").write_text(HEAD + dedent(text).lstrip("\n"))


def run(shell: Shell, truth: TruthServer, text: str, *arguments: str) -> Done:
    write(shell, text)
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
    write(shell, ONE)
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
    write(shell, ONE)
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
    write(shell, ONE)
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


def test_set_overrides_the_file(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, ONE, "--json", "--set", "rate=40/s", "--set", "duration=0.5s", "--set", "max_vus=20", "--set", "rng_seed=7")
    assert len(truth.arrivals) == done.document["totals"]["requests"] == 20
    assert done.document["about"]["rng_seed"] == 7
    profile = manifest(shell)["plan"]["streams"][0]["profile"]
    assert (profile["kind"], profile["rate"], profile["max_vus"]) == ("constant_rate", "40", 20)


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
    tokens = [arrival.headers["authorization"].split(".") for arrival in truth.arrivals]
    assert [int(token[1]) for token in tokens] == [clinic for clinic, _ in pairs]
    assert done.document["about"]["tenants"] == done.document["tenants"]["seen"] == 3


STEADY = """
@scenario
async def steady(vu: Vu) -> None:
    await vu.get("/page")
    await vu.pause(0.01)

load = workload(steady, constant_vus(2, "60s"), thresholds=["failures < 1%"])
"""

INTERRUPTED = """
from pathlib import Path

@scenario
async def slow(vu: Vu) -> None:
    await vu.get("/delay?ms=700", name="GET /slow")

@teardown
async def tidy(vu: Vu) -> None:
    await vu.post("/torn-down")

load = workload(slow, constant_vus(3, "60s"), thresholds=["failures < 1%"])
"""


def test_after_ctrl_c_running_iterations_end_teardown_runs_and_the_results_are_told(shell: Shell, truth: TruthServer) -> None:
    write(shell, INTERRUPTED)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 6)
        begun = len(truth.arrivals)
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    told = done.document
    paths = [arrival.path for arrival in truth.arrivals]
    assert (done.code, told["exit"], told["about"]["end"], told["verdict"]) == (130, 130, "interrupted", "pass")
    assert paths[-1] == "/torn-down"
    assert begun <= told["totals"]["requests"] == len(paths) - 1 <= begun + 3
    assert (told["totals"]["interrupted_iterations"], told["totals"]["failures"]) == (0, 0)
    assert "interrupted after" in told["reason"]
    assert (shell.runs()[0] / "report.html").exists()
    assert "Traceback" not in done.err
    shell.wait_until_nothing_is_left()


HANGING = """
@scenario
async def hanging(vu: Vu) -> None:
    await vu.get("/page")
    await vu.get("/hang")

load = workload(hanging, constant_vus(2, "60s", graceful_stop="60s"))
"""


def test_a_second_ctrl_c_stops_running_iterations_at_once(shell: Shell, truth: TruthServer) -> None:
    write(shell, HANGING)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) == 4)
        running.signal(signal.SIGINT)
        running.wait_for("Ctrl-C again")
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    told = done.document
    assert (done.code, told["about"]["end"]) == (130, "interrupted")
    assert (told["totals"]["requests"], told["totals"]["interrupted_iterations"]) == (2, 2)
    truth.wait_until(lambda: truth.closed_by_client >= 2)


def test_sigterm_ends_a_run_as_ctrl_c_does(shell: Shell, truth: TruthServer) -> None:
    write(shell, INTERRUPTED)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 3)
        running.process.terminate()
        done = running.done(timeout_s=20)
    assert (done.code, done.document["about"]["end"], truth.arrivals[-1].path) == (130, "interrupted", "/torn-down")


def test_killed_it_leaves_a_run_that_lacks_no_more_than_the_last_three_seconds(shell: Shell, truth: TruthServer) -> None:
    write(shell, STEADY)
    with shell.start("run", "file.py:load", "--target", truth.url) as running:
        running.wait_for("/60 s", times=2)
        running.process.kill()
        running.done()
    killed_ns = time.monotonic_ns()
    least = sum(arrival.at_ns < killed_ns - 3_000_000_000 for arrival in truth.arrivals)
    told = shell.run("report", "latest", "--format", "json").document
    assert 0 < least <= told["totals"]["requests"] <= len(truth.arrivals)
    assert (told["about"]["end"], told["exit"]) == (None, 130)


def test_iterations_that_outlast_the_graceful_stop_are_cut_off(shell: Shell, truth: TruthServer) -> None:
    write(shell, HANGING)
    begin = time.monotonic()
    arguments = ("--set", "duration=0.5s", "--set", "graceful_stop=0.5s", "--json")
    done = shell.run("run", "file.py:load", "--target", truth.url, *arguments)
    assert done.document["totals"]["interrupted_iterations"] == 2
    assert done.document["about"]["end"] == "finished"
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("keys", [1, 2], ids=["once", "twice"])
def test_ctrl_c_during_setup_leaves_no_run(shell: Shell, truth: TruthServer, keys: int) -> None:
    write(shell, SETUP.replace("/health?code=500", "/hang"))
    with shell.start("run", "file.py:load", "--target", truth.url) as running:
        truth.wait_until(lambda: len(truth.arrivals) == 1)
        for _ in range(keys):
            running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    assert (done.code, done.out, shell.runs()) == (130, "", [])
    assert "Traceback" not in done.err and "interrupted" in done.err


def test_ctrl_c_ends_a_teardown_that_hangs(shell: Shell, truth: TruthServer) -> None:
    write(shell, INTERRUPTED.replace('post("/torn-down")', 'get("/hang")').replace('"60s"', '"0.3s"'))
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: truth.arrivals[-1:] != [] and truth.arrivals[-1].path == "/hang")
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    assert done.code == 0, "the load itself was complete"
    assert done.document["totals"]["requests"] == 3
    assert "teardown" in done.err


def test_ctrl_c_often_enough_ends_a_script_that_blocks_everything(shell: Shell, truth: TruthServer) -> None:
    text = """
        import time

        @scenario
        async def stuck(vu: Vu) -> None:
            await vu.get("/page")
            time.sleep(600)

        load = workload(stuck, constant_vus(1, "60s"))
    """
    write(shell, text)
    with shell.start("run", "file.py:load", "--target", truth.url) as running:
        truth.wait_until(lambda: len(truth.arrivals) == 1)
        for _ in range(3):
            running.signal(signal.SIGINT)
            time.sleep(0.1)  # signals that come together count as one, and nobody can see that one has come
        done = running.done(timeout_s=20)
    assert done.code == 130
    assert "exit 130" in done.out and "1 request" in done.out
    assert "Traceback" not in done.err


@contextmanager
def small_disk(shell: Shell, megabytes: int) -> Iterator[Path]:
    """A file system of that size at `runs`."""
    place = shell.folder / "runs"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_run_whose_files_cannot_be_written_stops_at_once_and_says_why(shell: Shell, truth: TruthServer) -> None:
    write(shell, STEADY)
    done = shell.run("run", "file.py:load", "--target", truth.url, "--json", prefix=small_files(4096), timeout_s=30)
    told = done.document
    assert (done.code, told["exit"], told["verdict"]) == (12, 12, "invalid")
    assert "File too large" in told["reason"] and "make room" in told["reason"]
    assert len(truth.arrivals) < 6 * 200, "at most a few seconds of load"
    assert "Traceback" not in done.err
    shell.wait_until_nothing_is_left()


def test_a_disk_that_fills_up_in_the_middle_ends_the_run_as_invalid(shell: Shell, truth: TruthServer) -> None:
    write(shell, STEADY)
    with small_disk(shell, 80) as place:
        with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
            truth.wait_until(lambda: list(place.glob("*/series/http-*.parquet")) != [])
            with suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(1 << 20))
            full = len(truth.arrivals)
            done = running.done(timeout_s=30)
        told = done.document
        assert (done.code, told["exit"], told["verdict"]) == (12, 12, "invalid")
        assert "No space left on device" in told["reason"]
        assert len(truth.arrivals) - full < 6 * 200, "at most a few seconds of load"
        assert "Traceback" not in done.err
        (place / "filler").unlink()
        later = shell.run("report", "latest", "--format", "json")
        assert (later.code, later.document["verdict"], later.document["exit"]) == (0, "invalid", 12)
        assert 0 < later.document["totals"]["requests"] <= len(truth.arrivals)
        assert not list(place.glob("*/*.part"))


def test_without_room_for_a_run_nothing_is_sent(shell: Shell, truth: TruthServer) -> None:
    write(shell, STEADY)
    with small_disk(shell, 16):
        done = shell.run("run", "file.py:load", "--target", truth.url)
        message = one_message(done.err)
        assert (done.code, done.out, shell.runs(), truth.arrivals) == (2, "", [], [])
        assert "MB are free" in message and "runs" in message and "help:" in message
