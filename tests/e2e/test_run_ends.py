"""How `tenantry run` ends early, as a process: Ctrl-C and other signals, kill -9, a graceful stop, a full disk."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from commandline import Shell, one_message, small_files, write_scenarios
from truth import TruthServer

HANGING_SETUP = """
@setup
async def healthy(vu: Vu) -> None:
    (await vu.get("/hang")).expect(status=200)

@scenario
async def one(vu: Vu) -> None:
    await vu.get("/page")

load = workload(one, constant_vus(1, "1s"))
"""

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
    write_scenarios(shell.folder, INTERRUPTED)
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
    write_scenarios(shell.folder, HANGING)
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
    write_scenarios(shell.folder, INTERRUPTED)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 3)
        running.process.terminate()
        done = running.done(timeout_s=20)
    assert (done.code, done.document["about"]["end"], truth.arrivals[-1].path) == (130, "interrupted", "/torn-down")


def test_killed_it_leaves_a_run_that_lacks_no_more_than_the_last_three_seconds(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, STEADY)
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
    write_scenarios(shell.folder, HANGING)
    begin = time.monotonic()
    arguments = ("--set", "duration=0.5s", "--set", "graceful_stop=0.5s", "--json")
    done = shell.run("run", "file.py:load", "--target", truth.url, *arguments)
    assert done.document["totals"]["interrupted_iterations"] == 2
    assert done.document["about"]["end"] == "finished"
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("keys", [1, 2], ids=["once", "twice"])
def test_ctrl_c_during_setup_leaves_no_run(shell: Shell, truth: TruthServer, keys: int) -> None:
    write_scenarios(shell.folder, HANGING_SETUP)
    with shell.start("run", "file.py:load", "--target", truth.url) as running:
        truth.wait_until(lambda: len(truth.arrivals) == 1)
        for _ in range(keys):
            running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    assert (done.code, done.out, shell.runs()) == (130, "", [])
    assert "Traceback" not in done.err and "interrupted" in done.err


def test_ctrl_c_ends_a_teardown_that_hangs(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, INTERRUPTED.replace('post("/torn-down")', 'get("/hang")').replace('"60s"', '"0.3s"'))
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
    write_scenarios(shell.folder, text)
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
    write_scenarios(shell.folder, STEADY)
    done = shell.run("run", "file.py:load", "--target", truth.url, "--json", prefix=small_files(4096), timeout_s=30)
    told = done.document
    assert (done.code, told["exit"], told["verdict"]) == (12, 12, "invalid")
    assert "File too large" in told["reason"] and "make room" in told["reason"]
    assert len(truth.arrivals) < 6 * 200, "at most a few seconds of load"
    assert "Traceback" not in done.err
    shell.wait_until_nothing_is_left()


def test_a_disk_that_fills_up_in_the_middle_ends_the_run_as_invalid(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, STEADY)
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
    write_scenarios(shell.folder, STEADY)
    with small_disk(shell, 16):
        done = shell.run("run", "file.py:load", "--target", truth.url)
        message = one_message(done.err)
        assert (done.code, done.out, shell.runs(), truth.arrivals) == (2, "", [], [])
        assert "MB are free" in message and "runs" in message and "help:" in message


REFUSING = """
@scenario
async def refused(vu: Vu) -> None:
    await vu.get("/page") if vu.iteration == 0 else await vu.get("/reset", name="GET /orders")
    await vu.pause(0.02)

load = workload(refused, constant_vus(2, "60s"), thresholds=["response_time p50 < 10s"], breaker_window="2s")
"""


def test_an_app_that_fails_every_request_stops_a_long_run_early_with_exit_14(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, REFUSING)
    done = shell.run("run", "file.py:load", "--target", truth.url, "--json")
    told = done.document
    assert (done.code, told["exit"], told["verdict"], told["about"]["end"]) == (14, 14, "fail", "aborted")
    assert 2 <= told["about"]["duration_s"] < 10
    assert "the error breaker stopped the run" in told["reason"] and "in the last 2 s" in told["reason"]
    assert "most often GET /orders by reset" in told["reason"]
    assert "error breaker" in done.err and "breaker_share" in done.err
    assert [event["kind"] for event in told["events"]] == ["breaker"]


def test_the_error_breaker_can_be_switched_off(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, REFUSING)
    arguments = ("--set", "duration=3.5s", "--set", "breaker_share=off", "--json", "--quiet")
    done = shell.run("run", "file.py:load", "--target", truth.url, *arguments)
    assert (done.code, done.document["about"]["end"], done.document["verdict"]) == (0, "finished", "pass")
    assert done.document["totals"]["failures"] > 100
    assert done.err == ""


MANY_NAMES = """
@scenario
async def unnamed(vu: Vu) -> None:
    for number in range(1300):
        await vu.get(f"/orders/{vu.number * 10000 + number}")

load = workload(unnamed, constant_vus(4, "0.5s", graceful_stop="60s"), thresholds=["failures < 1%"])
"""


def test_more_names_than_a_run_keeps_are_told_with_the_scenario_and_examples(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, MANY_NAMES)
    done = shell.run("run", "file.py:load", "--target", truth.url, "--json", "--quiet", timeout_s=120)
    told = done.document
    assert len(told["series"]) == 5001
    assert sum(series["requests"] for series in told["series"]) == told["totals"]["requests"] == len(truth.arrivals)
    assert told["series"][0]["name"] == "(other)"
    assert "scenario unnamed alone has 5000 names, such as GET /orders/" in done.err
    assert 'vu.get("/pets/{id}", id=...)' in done.err
    (event,) = (event for event in told["events"] if event["kind"] == "folded")
    assert event["text"] in done.err


CROWD = """
@scenario
async def crowd(vu: Vu) -> None:
    await vu.get("/delay?ms=300", name="GET /slow")

load = workload(crowd, constant_vus(200, "1s"), thresholds=["response_time p50 < 60s"])
"""


def test_a_generator_without_file_descriptors_makes_the_run_invalid(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, CROWD)
    few = ("bash", "-c", 'ulimit -n 100; exec "$@"', "bash")
    done = shell.run("run", "file.py:load", "--target", truth.url, "--json", "--quiet", prefix=few)
    assert (done.code, done.document["verdict"]) == (12, "invalid")
    assert "ran out of file descriptors" in done.document["reason"] and "ulimit -n" in done.document["reason"]
