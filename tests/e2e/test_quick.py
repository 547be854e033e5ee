"""`tenantry quick` as a process, against a server that knows what really arrived."""

from __future__ import annotations

import json
import signal
import time

from commandline import Shell
from truth import TruthServer


def test_it_ends_as_a_run_does_with_folder_verdict_report_and_document(shell: Shell, truth: TruthServer) -> None:
    limits = ("--threshold", "failures < 1%", "--threshold", "response_time p50 < 10s")
    done = shell.run("quick", f"{truth.url}/a?x=1", "--rate", "50/s", "--duration", "1s", *limits, "--json")
    told = done.document
    assert (done.code, told["verdict"], told["exit"]) == (0, "pass", 0)
    assert told["totals"]["requests"] == told["totals"]["iterations"] == len(truth.arrivals) == 50
    assert [(series["name"], series["scenario"], series["requests"]) for series in told["series"]] == [("GET /a", "quick", 50)]
    assert told["generator"]["start_delay_s"]["n"] == 50
    (folder,) = shell.runs()
    assert folder.name.endswith("-quick")
    assert (folder / "report.html").exists()
    shell.wait_until_nothing_is_left()


def test_the_stored_run_can_be_reported_and_shown_again(shell: Shell, truth: TruthServer) -> None:
    ran = shell.run("quick", f"{truth.url}/a", "--requests", "20", "--name", "try", "--json")
    again = shell.run("report", "latest", "--format", "json")
    assert ran.document["totals"] == again.document["totals"]
    assert "try" in shell.run("runs", "list").out


def test_failures_fail_a_threshold_and_without_one_nothing_can_fail(shell: Shell, truth: TruthServer) -> None:
    wrong = f"{truth.url}/status?code=500"
    assert shell.run("quick", wrong, "--requests", "10", "--threshold", "failures < 1%", "--json").code == 10
    without = shell.run("quick", wrong, "--requests", "10", "--json")
    assert (without.code, without.document["totals"]["failures"]) == (0, 10)
    assert "no threshold was set" in without.document["reason"]


def test_a_generator_that_was_held_up_makes_the_run_invalid_and_says_what_to_do(shell: Shell, truth: TruthServer) -> None:
    with shell.start("quick", f"{truth.url}/a", "--rate", "200/s", "--duration", "2s", "--threshold", "failures < 1%") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 20)
        running.signal(signal.SIGSTOP)
        time.sleep(0.7)
        running.signal(signal.SIGCONT)
        done = running.done(timeout_s=30)
    assert done.code == 12
    shown = " ".join(done.out.split())
    assert "INVALID exit 12 (the measurement is invalid)" in shown
    assert "start delay p99 was" in shown
    assert "the generator was the bottleneck, so nothing can be said about the app" in shown
    assert "lower `--rate`, or send part of the load from another machine" in shown


def test_a_generator_without_file_descriptors_says_so(shell: Shell, truth: TruthServer) -> None:
    few = ("bash", "-c", 'ulimit -n 64; exec "$@"', "bash")
    done = shell.run("quick", f"{truth.url}/delay?ms=20", "--vus", "90", "--requests", "2000", "--json", prefix=few)
    assert (done.code, done.document["verdict"]) == (12, "invalid")
    reason = done.document["reason"]
    assert "ran out of file descriptors" in reason or "Too many open files" in reason
    assert "raise their limit (`ulimit -n 65536`), or use fewer virtual users" in reason


def test_secrets_of_flags_are_not_in_the_run_folder(shell: Shell, truth: TruthServer) -> None:
    secret = "hunter2"
    url = f"{truth.url}/a?key={secret}"
    flags = ("--header", f"x-key: {secret}", f"--header=x-other: {secret}", f"-d{secret}")
    done = shell.run("quick", url, *flags, "--requests", "5")
    assert done.code == 0
    assert [(seen.headers["x-key"], seen.body) for seen in truth.arrivals] == [(secret, secret.encode())] * 5
    (folder,) = shell.runs()
    assert [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()] == []
    assert secret not in done.out + done.err
    drill = json.loads((folder / "run.json").read_text())["plan"]["drill"]
    assert (drill["method"], drill["headers"], drill["body_bytes"]) == ("POST", ["x-key", "x-other"], 7)


def test_after_ctrl_c_running_requests_may_end_and_the_results_are_told(shell: Shell, truth: TruthServer) -> None:
    with shell.start("quick", f"{truth.url}/delay?ms=700", "--vus", "3", "--duration", "60s", "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 6)
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    told = done.document
    assert (done.code, told["exit"]) == (130, 130)
    assert told["reason"].startswith("interrupted after")
    assert told["totals"]["requests"] == len(truth.arrivals)
    assert (told["totals"]["failures"], told["totals"]["interrupted_iterations"]) == (0, 0)


def test_a_second_ctrl_c_ends_at_once_what_still_runs(shell: Shell, truth: TruthServer) -> None:
    with shell.start("quick", f"{truth.url}/hang", "--vus", "3", "--duration", "60s", "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) == 3)
        running.signal(signal.SIGINT)
        running.wait_for("Ctrl-C again")
        before = time.monotonic()
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    assert time.monotonic() - before < 15, "the graceful stop alone is 30 s"
    assert done.code == 130
    assert done.document["totals"]["interrupted_iterations"] == 3
