"""`tenantry ctl` from another process, while a real run goes on."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from commandline import Done, Running, Shell, one_message, wait_until, write_scenarios
from truth import TruthServer

from tenantry.units import NS

OPEN = """
@scenario
async def browse(vu: Vu) -> None:
    await vu.get("/browse")

load = workload(browse, constant_rate("20/s", "60s", max_vus=20), thresholds=["failures < 1%"])
"""

CLOSED = """
@scenario
async def loop(vu: Vu) -> None:
    await vu.get("/loop?ms=10", name="GET /loop")

@teardown
async def tidy(vu: Vu) -> None:
    await vu.post("/torn-down")

load = workload(loop, constant_vus(6, "60s"), thresholds=["failures < 1%"])
"""

BOTH = """
from tenantry import shared_iterations

@scenario
async def browse(vu: Vu) -> None:
    await vu.get("/browse")

@scenario
async def loop(vu: Vu) -> None:
    await vu.get("/loop?ms=10", name="GET /loop")

@scenario
async def buy(vu: Vu) -> None:
    await vu.get("/buy?ms=100", name="GET /buy")

load = workload(
    browse.at(constant_rate("20/s", "60s", max_vus=20)),
    loop.at(constant_vus(6, "60s")),
    buy.at(shared_iterations(100000, vus=2, max_duration="60s")),
)
"""


class Going:
    """A run that goes on, and the terminal beside it."""

    def __init__(self, shell: Shell, running: Running, truth: TruthServer) -> None:
        self.shell, self.running, self.truth = shell, running, truth

    def ctl(self, *words: str, code: int = 0) -> Done:
        done = self.shell.run("ctl", "latest", *words)
        assert done.code == code, done
        return done

    def order(self, *words: str) -> dict[str, Any]:
        """The order as it was carried out."""
        return self.ctl(*words, "--json").document

    def finish(self) -> dict[str, Any]:
        """Stop the run and return its result."""
        self.order("stop")
        return self.running.done(timeout_s=20).document

    def wait_for(self, more: int) -> None:
        """Until so many more requests have come."""
        least = len(self.truth.arrivals) + more
        self.truth.wait_until(lambda: len(self.truth.arrivals) >= least)


@pytest.fixture
def start(shell: Shell, truth: TruthServer) -> Any:
    """Begin a test of the scenario file, and come back when it has sent requests."""

    @contextmanager
    def begin(text: str) -> Iterator[Going]:
        write_scenarios(shell.folder, text)
        with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
            test = Going(shell, running, truth)
            test.wait_for(10)
            yield test

    return begin


def asked(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.sql(sql.format(folder=folder)).fetchall()


def events(shell: Shell) -> list[tuple[Any, ...]]:
    """The marks of the newest run, from its file."""
    return asked(shell.runs()[-1], "SELECT kind, text, at_ns FROM '{folder}/events.parquet' ORDER BY at_ns")


def intended(shell: Shell, name: str) -> list[int]:
    """When each iteration of the newest run was due. A run this short keeps every one of its requests."""
    sql = f"SELECT intended_start_ns FROM '{{folder}}/samples/requests-*.parquet' WHERE name = '{name}' ORDER BY 1"
    return [ns for (ns,) in asked(shell.runs()[-1], sql)]


def test_a_new_rate_holds_from_the_instant_that_is_told_and_noted(shell: Shell, start: Any) -> None:
    with start(OPEN) as test:
        told = test.order("rate", "40/s", "--scenario", "browse")
        test.wait_for(40)
        result = test.finish()
    at = round(told["at_s"] * NS)
    assert told | {"at_s": 0} == {"schema": 1, "run": told["run"], "order": "rate", "value": "40/s", "scenarios": ["load"], "at_s": 0}
    assert Path(told["run"]).name == shell.runs()[0].name
    starts = intended(shell, "GET /browse")
    before, after = [ns for ns in starts if ns < at], [ns for ns in starts if ns >= at]
    assert before == [k * NS // 20 for k in range(len(before))] and len(before) == -(-at * 20 // NS)
    assert after == [at + k * NS // 40 for k in range(len(after))] and len(after) >= 30
    assert [(kind, text) for kind, text, _ in events(shell)] == [
        ("rate", "rate 40/s: load"),
        ("stop", "stop: no new iterations; running ones may end"),
    ]
    assert events(shell)[0][2] == pytest.approx(at, abs=1000)
    assert [event["kind"] for event in result["events"]] == ["rate", "stop"]
    assert result["totals"]["dropped_iterations"] == 0
    assert result["totals"]["offered_rate"] * result["about"]["duration_s"] == pytest.approx(len(starts))


def test_in_a_pause_nothing_starts_and_nothing_is_due(shell: Shell, start: Any) -> None:
    with start(OPEN) as test:
        begin = round(test.order("pause")["at_s"] * NS)
        test.running.wait_for("pause: load (by tenantry ctl)")
        assert "is paused already" in one_message(test.ctl("pause", code=2).err)
        paused_until = begin + NS
        wait_until(lambda: round(test.order("rate", "20/s")["at_s"] * NS) > paused_until)
        end = round(test.order("resume")["at_s"] * NS)
        assert "is not paused" in one_message(test.ctl("resume", code=2).err)
        test.wait_for(10)
        result = test.finish()
    starts = intended(shell, "GET /browse")
    assert [ns for ns in starts if begin <= ns < end] == []
    assert [ns for ns in starts if ns >= end] != []
    assert [kind for kind, _, _ in events(shell) if kind != "rate"] == ["pause", "resume", "stop"]
    assert result["totals"]["offered_rate"] * result["about"]["duration_s"] == pytest.approx(len(starts))


def test_a_stop_ends_the_load_in_order_and_judges_what_ran(shell: Shell, start: Any) -> None:
    with start(CLOSED) as test:
        done = test.ctl("stop")
        result = test.running.done(timeout_s=20)
    told = result.document
    assert done.out.startswith("stop, from ")
    assert (result.code, told["exit"], told["verdict"], told["about"]["end"]) == (0, 0, "pass", "stopped")
    assert re.match(r"stopped by hand after \S+ m?s of 60 s; until then the threshold was met", told["reason"])
    assert told["totals"]["interrupted_iterations"] == 0
    assert test.truth.arrivals[-1].path == "/torn-down"
    assert json.loads((shell.runs()[0] / "run.json").read_text())["end"] == "stopped"
    later = shell.run("report", "latest", "--format", "json").document
    assert (later["exit"], later["verdict"], later["reason"]) == (0, "pass", told["reason"])
    shell.wait_until_nothing_is_left()


def test_a_stopped_run_whose_threshold_fails_has_the_exit_code_of_that(shell: Shell, start: Any) -> None:
    with start(CLOSED.replace("failures < 1%", "response_time p50 < 1ms")) as test:
        test.wait_for(40)
        test.ctl("stop")
        result = test.running.done(timeout_s=20)
    assert (result.code, result.document["verdict"], result.document["about"]["end"]) == (10, "fail", "stopped")


def test_fewer_virtual_users_leave_fewer_at_work_until_there_are_more_again(shell: Shell, start: Any) -> None:
    with start(CLOSED) as test:
        less = round(test.order("vus", "2")["at_s"] * NS)
        test.wait_for(100)
        more = round(test.order("vus", "5")["at_s"] * NS)
        test.wait_for(100)
        test.finish()
    sql = "SELECT DISTINCT vu FROM '{folder}/samples/requests-*.parquet' WHERE intended_start_ns BETWEEN %d AND %d"
    during = asked(shell.runs()[0], sql % (less, more - 1))
    after = asked(shell.runs()[0], sql % (more, 60 * NS))
    assert sorted(during) == [(1,), (2,)]
    assert sorted(after) == [(1,), (2,), (3,), (4,), (5,)]


def test_an_order_goes_to_every_load_profile_that_it_fits_or_to_the_one_that_is_named(start: Any) -> None:
    with start(BOTH) as test:
        assert test.order("rate", "30/s")["scenarios"] == ["browse"]
        assert test.order("vus", "3")["scenarios"] == ["loop"]
        assert test.order("pause", "--scenario", "buy")["scenarios"] == ["buy"]
        assert test.order("pause")["scenarios"] == ["browse", "loop"]
        assert test.order("resume")["scenarios"] == ["browse", "loop", "buy"]
        for words, reason in [
            (("rate", "5/s", "--scenario", "loop"), "loop has virtual users that loop, and no rate: use vus"),
            (("vus", "2", "--scenario", "browse"), "browse has a rate, and as many virtual users as that needs: use rate"),
            (("vus", "7", "--scenario", "loop"), "loop has at most 6 virtual users"),
            (("vus", "1", "--scenario", "buy"), "buy has a fixed number of iterations: only pause, resume and stop can change it"),
            (("pause", "--scenario", "sell"), 'no load profile "sell" in this run; there are: browse, loop, buy'),
        ]:
            refused = test.ctl(*words, code=2)
            assert reason in one_message(refused.err) and refused.out == ""
        test.finish()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rates", "5/s"), "there is no order 'rates'\n  help: did you mean rate?"),
        (("rate", "fast"), "rate 'fast' is not understood"),
        (("rate", "0/s"), "rate is zero"),
        (("rate",), "rate needs a value\n  help: a rate such as 200/s"),
        (("vus", "many"), "vus 'many' is not a whole number"),
        (("vus", "0"), "vus is 0; it must be 1 or more"),
        (("vus",), "vus needs a value"),
        (("pause", "10s"), "pause takes no value"),
        (("stop", "--scenario", "one"), "stop ends the whole run"),
    ],
)
def test_an_order_that_means_nothing_is_refused_before_any_run_is_looked_for(shell: Shell, words: tuple[str, ...], message: str) -> None:
    done = shell.run("ctl", "latest", *words)
    assert (done.code, done.out) == (2, "")
    assert message in one_message(done.err)


def test_a_run_that_has_ended_or_was_killed_takes_no_orders(shell: Shell, start: Any) -> None:
    with start(OPEN) as test:
        test.finish()
    done = shell.run("ctl", "latest", "pause")
    assert done.code == 2 and "the run has ended" in one_message(done.err)
    with start(OPEN) as test:
        test.running.process.send_signal(signal.SIGKILL)
        test.running.done()
        assert "the run has ended" in one_message(test.ctl("pause", code=2).err)
    shell.wait_until_nothing_is_left()


def test_before_the_load_begins_no_orders_are_taken(shell: Shell, truth: TruthServer) -> None:
    hanging = '@setup\nasync def healthy(vu: Vu) -> None:\n    await vu.get("/hang")\n'
    write_scenarios(shell.folder, hanging + OPEN)
    with shell.start("run", "file.py:load", "--target", truth.url):
        truth.wait_until(lambda: len(truth.arrivals) == 1)
        done = shell.run("ctl", "latest", "pause")
    assert done.code == 2 and "its load has not begun, or is over" in one_message(done.err)


def test_ctrl_c_after_a_stop_cuts_running_iterations_off(shell: Shell, truth: TruthServer, start: Any) -> None:
    with start(CLOSED.replace("await vu.get", "await vu.pause(30) if vu.iteration > 9 else await vu.get")) as test:
        truth.wait_until(lambda: len(truth.arrivals) == 60)
        test.ctl("stop")
        assert "the run is ending already" in one_message(test.ctl("stop", code=2).err)
        test.running.signal(signal.SIGINT)
        result = test.running.done(timeout_s=20)
    assert (result.code, result.document["about"]["end"]) == (0, "stopped")
    assert result.document["totals"]["interrupted_iterations"] == 6


def test_only_its_user_can_reach_a_run_and_nothing_is_left_of_the_way_to_it(shell: Shell, start: Any) -> None:
    with start(OPEN) as test:
        address = json.loads((shell.runs()[0] / "control.json").read_text())
        socket = Path(address["socket"])
        assert address["pid"] == test.running.process.pid
        assert socket.is_socket() and socket.parent.stat().st_mode & 0o077 == 0
        test.finish()
    assert not socket.parent.exists() and not (shell.runs()[0] / "control.json").exists()


def test_a_load_without_a_script_takes_orders_as_well(shell: Shell, truth: TruthServer) -> None:
    with shell.start("quick", f"{truth.url}/page", "--rate", "20/s", "--duration", "60s", "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 5)
        at = round(shell.run("ctl", "latest", "rate", "50/s", "--json").document["at_s"] * NS)
        least = len(truth.arrivals) + 20
        truth.wait_until(lambda: len(truth.arrivals) >= least)
        shell.run("ctl", "latest", "stop")
        assert running.done(timeout_s=20).document["about"]["end"] == "stopped"
    after = [ns for ns in intended(shell, "GET /page") if ns >= at]
    assert after == [at + k * NS // 50 for k in range(len(after))] and after
