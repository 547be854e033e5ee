"""`tenantry run --processes N`: the shares together are the load of one process, and so is everything else that a user sees of it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import psutil
import pytest
from commandline import Done, Shell, one_message, wait_until, write_scenarios
from truth import TruthServer

from tenantry.units import NS

OPEN = """
import os

@setup
async def prepare(vu: Vu) -> dict[str, int]:
    await vu.post("/set-up")
    return {"leader": os.getpid()}

@on_start
async def begin(vu: Vu) -> None:
    await vu.post(f"/on-start?vu={vu.number}")

@on_stop
async def end(vu: Vu) -> None:
    await vu.post(f"/on-stop?vu={vu.number}")

@teardown
async def tidy(vu: Vu) -> None:
    await vu.post("/torn-down")

@scenario
async def browse(vu: Vu) -> None:
    await vu.get(f"/browse?vu={vu.number}&pid={os.getpid()}&leader={vu.shared['leader']}", name="GET /browse")

load = workload(browse, constant_rate("50/s", "LENGTH", max_vus=10), thresholds=["failures < 1%"])
"""

CLOSED = """
import os

@scenario
async def loop(vu: Vu) -> None:
    await vu.get(f"/loop?ms=10&pid={os.getpid()}", name="GET /loop")

load = workload(loop, constant_vus(6, "60s"), thresholds=["failures < 1%"])
"""

AFTER = """
@scenario
async def first(vu: Vu) -> None:
    await vu.get("/first")

@scenario
async def second(vu: Vu) -> None:
    await vu.get("/second")

load = workload(first.at(PROFILE), second.at(constant_rate("50/s", "1s", max_vus=4), start_after="first"))
"""


def start(shell: Shell, truth: TruthServer, *options: str) -> Any:
    return shell.start("run", "file.py:load", "--target", truth.url, "--json", *options)


def run(shell: Shell, truth: TruthServer, text: str, *options: str) -> Done:
    write_scenarios(shell.folder, text)
    return shell.run("run", "file.py:load", "--target", truth.url, "--json", *options)


def asked(truth: TruthServer, path: str) -> list[dict[str, str]]:
    """The queries of the requests for a path, in order of their arrival."""
    split = [urlsplit(arrival.path) for arrival in truth.arrivals]
    return [{key: values[0] for key, values in parse_qs(each.query).items()} for each in split if each.path == path]


def samples(shell: Shell, sql: str) -> list[tuple[Any, ...]]:
    """Of every request of the newest run, whichever process sent it: a run this short keeps all of them."""
    files = [str(path) for path in shell.runs()[-1].rglob("samples/requests-*.parquet")]
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {sql} FROM read_parquet(?, filename = true) ORDER BY ALL", [files]).fetchall()


def generators(shell: Shell) -> list[psutil.Process]:
    return [process for process in shell.processes() if "tenantry.generator" in process.cmdline()]


def test_the_shares_together_are_the_plan_and_every_hook_runs_as_often_as_in_one_process(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, OPEN.replace("LENGTH", "3s"), "--processes", "3")
    told = done.document
    assert (done.code, told["verdict"], told["totals"]["requests"], told["totals"]["failures"]) == (0, "pass", 150, 0)
    assert samples(shell, "intended_start_ns") == [(k * NS // 50,) for k in range(150)]
    sent = asked(truth, "/browse")
    assert len(sent) == 150 and len({request["pid"] for request in sent}) == 3
    owners = {request["vu"]: request["pid"] for request in sent}
    assert all(owners[request["vu"]] == request["pid"] for request in sent), "a virtual user belongs to one process"
    assert {request["leader"] for request in sent} <= {request["pid"] for request in sent}
    for path in ("/on-start", "/on-stop"):
        assert sorted(int(request["vu"]) for request in asked(truth, path)) == list(range(1, 11))
    paths = [arrival.path for arrival in truth.arrivals]
    assert (paths[0], paths[-1], paths.count("/set-up"), paths.count("/torn-down")) == ("/set-up", "/torn-down", 1, 1)
    ids = [number for (number,) in samples(shell, "id")]
    assert len(set(ids)) == 150
    assert 100 <= told["generator"]["hand_over_s"]["n"] <= 150, "what hooks ask for is not measured"
    plan = json.loads((shell.runs()[0] / "run.json").read_text())["plan"]
    assert plan["processes"] == 3
    shell.wait_until_nothing_is_left()


def test_virtual_users_of_a_closed_load_are_those_of_one_process(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, CLOSED.replace("60s", "1s"), "--processes", "2")
    assert done.code == 0, done
    assert samples(shell, "DISTINCT vu, parse_path(filename)[-3] = 'process-1'") == [(n, n % 2 == 0) for n in range(1, 7)]
    told = shell.run("report", "latest", "--format", "json").document
    assert (max(told["timeline"]["vus"]), told["about"]["processes"]) == (6, 2)
    assert "generator  2 processes" in shell.run("report", "latest", "--format", "text").out


def test_a_stream_begins_in_all_processes_when_the_time_of_another_is_over(shell: Shell, truth: TruthServer) -> None:
    done = run(shell, truth, AFTER.replace("PROFILE", 'constant_rate("20/s", "500ms", max_vus=2)'), "--processes", "2")
    assert (done.code, done.document["totals"]["requests"]) == (0, 60), done
    assert samples(shell, "intended_start_ns") == [
        (at,) for at in (*(k * NS // 20 for k in range(10)), *(NS // 2 + k * NS // 50 for k in range(50)))
    ]


def test_orders_reach_all_processes_and_hold_from_one_instant(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, OPEN.replace("LENGTH", "60s"))
    with start(shell, truth, "--processes", "2") as running:
        truth.wait_until(lambda: len(asked(truth, "/browse")) >= 20)
        at = round(shell.run("ctl", "latest", "rate", "100/s", "--json").document["at_s"] * NS)
        truth.wait_until(lambda: len(asked(truth, "/browse")) >= 120)
        shell.run("ctl", "latest", "stop")
        told = running.done(timeout_s=20).document
    starts = [ns for (ns,) in samples(shell, "intended_start_ns")]
    before, after = [ns for ns in starts if ns < at], [ns for ns in starts if ns >= at]
    assert before == [k * NS // 50 for k in range(-(-at * 50 // NS))]
    assert len(after) >= 50
    # What one process had begun when the word to stop came, the other may not have: only the last ones can be missing.
    assert after[:40] == [at + k * NS // 100 for k in range(40)]
    assert (told["verdict"], told["about"]["end"]) == ("pass", "stopped")


def test_ctrl_c_ends_all_processes_in_order(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, CLOSED)
    with start(shell, truth, "--processes", "3") as running:
        truth.wait_until(lambda: len({request["pid"] for request in asked(truth, "/loop")}) == 3)
        running.signal(signal.SIGINT)
        done = running.done(timeout_s=20)
    told = done.document
    assert (done.code, told["verdict"], told["about"]["end"]) == (130, "pass", "interrupted")
    assert told["totals"]["requests"] == len(asked(truth, "/loop"))
    assert told["totals"]["interrupted_iterations"] == 0
    shell.wait_until_nothing_is_left()


def test_a_run_that_loses_a_process_is_invalid_and_tells_its_last_words(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, CLOSED)
    with start(shell, truth, "--processes", "3") as running:
        truth.wait_until(lambda: len({request["pid"] for request in asked(truth, "/loop")}) == 3)
        victim = min(generators(shell), key=lambda process: process.pid)
        victim.kill()
        done = running.done(timeout_s=30)
    told = done.document
    assert (done.code, told["exit"], told["verdict"]) == (12, 12, "invalid")
    assert "was killed (signal 9)" in told["reason"] and "part of the load was not sent or not measured" in told["reason"]
    assert "lost" in [event["kind"] for event in told["events"]]
    later = shell.run("report", "latest", "--format", "json").document
    assert (later["verdict"], later["exit"], later["reason"]) == ("invalid", 12, told["reason"])
    shell.wait_until_nothing_is_left()


def test_what_a_process_prints_before_it_dies_is_its_last_words(shell: Shell, truth: TruthServer) -> None:
    text = """
    import os

    @on_start
    async def begin(vu: Vu) -> None:
        if vu.number == 2:
            print("out of luck", flush=True)
            os._exit(3)

    @scenario
    async def browse(vu: Vu) -> None:
        await vu.get("/browse")

    load = workload(browse, constant_vus(2, "1s"))
    """
    done = run(shell, truth, text, "--processes", "2")
    assert done.code == 2
    message = one_message(done.err)
    assert "load process 1 ended (exit code 3)" in message and "out of luck" in message
    assert shell.runs() == []
    shell.wait_until_nothing_is_left()


def test_when_the_first_process_is_killed_nothing_goes_on(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, CLOSED)
    with start(shell, truth, "--processes", "3") as running:
        wait_until(lambda: len({file.parent for file in shell.folder.rglob("series/http-*.parquet")}) == 3)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)
        wait_until(lambda: not shell.processes())
    told = shell.run("report", "latest", "--format", "json").document
    assert told["about"]["end"] is None and told["totals"]["requests"] > 0


def test_errors_of_the_scripts_are_counted_over_all_processes(shell: Shell, truth: TruthServer) -> None:
    text = """
    @scenario
    async def broken(vu: Vu) -> None:
        await vu.get("/browse")
        if vu.iteration == 0:
            raise ValueError("at the first turn")

    load = workload(broken, constant_vus(4, "1s"))
    """
    told = run(shell, truth, text, "--processes", "2").document
    assert [(error["message"], error["count"]) for error in told["errors"]] == [("ValueError: at the first turn", 4)]


def test_no_row_of_a_unique_feeder_is_given_out_twice(shell: Shell, truth: TruthServer) -> None:
    (shell.folder / "users.csv").write_text("name\n" + "".join(f"u{number}\n" for number in range(400)))
    text = """
    from tenantry import feeders

    users = feeders.from_csv("users.csv", order="unique", on_end="stop")

    @scenario
    async def login(vu: Vu) -> None:
        await vu.get(f"/login?name={users.next(vu)['name']}", name="GET /login")

    load = workload(login, constant_vus(4, "20s"))
    """
    done = run(shell, truth, text, "--processes", "2")
    assert Counter(request["name"] for request in asked(truth, "/login")) == Counter(f"u{number}" for number in range(400))
    assert "a feeder has no more rows" in done.err


def test_a_feeder_that_reads_other_rows_in_each_process_is_refused(shell: Shell, truth: TruthServer) -> None:
    text = """
    import os
    from pathlib import Path
    from tenantry import feeders

    Path("users.csv").write_text(f"name\\nu{os.getpid()}\\nv{os.getpid()}\\n")
    users = feeders.from_csv("users.csv")

    @scenario
    async def login(vu: Vu) -> None:
        await vu.get(f"/login?name={users.next(vu)['name']}")

    load = workload(login, constant_vus(2, "1s"))
    """
    done = run(shell, truth, text, "--processes", "2")
    message = one_message(done.err)
    assert done.code == 2 and "file.py:8: each load process reads other rows" in message and "ORDER BY" in message
    assert (truth.arrivals, shell.runs()) == ([], [])


def test_what_setup_returns_must_be_fit_to_be_handed_on(shell: Shell, truth: TruthServer) -> None:
    text = """
    import threading

    @setup
    async def prepare(vu: Vu) -> object:
        return threading.Lock()

    @scenario
    async def browse(vu: Vu) -> None:
        await vu.get("/browse")

    load = workload(browse, constant_vus(2, "1s"))
    """
    done = run(shell, truth, text, "--processes", "2")
    message = one_message(done.err)
    assert done.code == 2 and "setup: what it returned cannot be handed to the other load processes" in message and "lock" in message
    assert shell.runs() == []
    assert run(shell, truth, text, "--processes", "1").code == 0


@pytest.mark.parametrize(
    ("options", "text", "told"),
    [
        (("--processes", "7"), CLOSED, ("--processes 7", "there are 6 virtual users to share out", "give at most 6")),
        (("--processes", "0"), CLOSED, ("--processes", "run.processes is '0'", "auto")),
        (("--processes", "many"), CLOSED, ("--processes", "run.processes is 'many'", "auto")),
        (
            ("--processes", "2"),
            AFTER.replace("PROFILE", "shared_iterations(4, vus=2)"),
            (
                "--processes 2",
                "second begins when the last iteration of first has ended",
                'start_after as a time, such as "60s"',
                "use one process",
            ),
        ),
    ],
)
def test_a_load_that_cannot_be_shared_out_is_refused(
    shell: Shell, truth: TruthServer, options: tuple[str, ...], text: str, told: tuple[str, ...]
) -> None:
    done = run(shell, truth, text, *options)
    message = one_message(done.err)
    assert done.code == 2 and all(part in message for part in told), message
    assert (truth.arrivals, shell.runs()) == ([], [])


def test_a_configuration_file_and_the_environment_may_say_how_many(shell: Shell, truth: TruthServer) -> None:
    (shell.folder / "tenantry.toml").write_text("[run]\nprocesses = 2\n")
    run(shell, truth, CLOSED.replace("60s", "500ms"))
    assert (shell.runs()[0] / "process-1").is_dir()
    cores = len(os.sched_getaffinity(0))
    write_scenarios(shell.folder, CLOSED.replace("60s", "500ms"))
    shell.run("run", "file.py:load", "--target", truth.url, environment={"TENANTRY_RUN_PROCESSES": "auto"})
    assert len(list(shell.runs()[1].glob("process-*"))) == min(cores, 6) - 1


def test_a_quick_load_from_two_processes_sends_exactly_its_requests(shell: Shell, truth: TruthServer) -> None:
    done = shell.run("quick", f"{truth.url}/page", "--requests", "1001", "--vus", "4", "--processes", "2", "--json")
    assert (done.code, done.document["totals"]["requests"], len(truth.arrivals)) == (0, 1001, 1001)
    assert len(list(Path(done.document["run"]).glob("process-*"))) == 1


def test_the_live_figures_are_those_of_all_processes(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, OPEN.replace("LENGTH", "4s"))
    with start(shell, truth, "--processes", "2") as running:
        done = running.done()
    rates = [float(line.split("s  ")[1].split("/s offered")[0]) for line in done.err.splitlines() if "/s offered" in line]
    assert rates and all(40 < rate < 60 for rate in rates[1:]), done.err
