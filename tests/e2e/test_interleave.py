"""`tenantry compare --interleave` as a process, against two servers of which one answers later and fails more often."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from commandline import Shell, one_message, write_scenarios
from truth import Arrival, TruthServer

QUICK_MS, SLOW_MS = 10, 100
LOAD = """
@scenario
async def visit(vu: Vu) -> None:
    await vu.get("/list", name="GET /list")

@scenario
async def raises(vu: Vu) -> None:
    raise ValueError("of the script")

@scenario
async def complains(vu: Vu) -> None:
    await vu.get("/list")
    vu.check("never", False)

# In a closed loop no start is late, whatever else the machine does; the second threshold looks beyond any slice.
load = workload(visit, constant_vus(8, "1m"), thresholds=["throughput > 1000/s", "response_time p99 < 1s after 30s"])
stopped = workload(complains, constant_vus(8, "1m"), thresholds=["checks > 99% abort"])
broken = workload(raises, constant_vus(8, "1m"))
"""
# A server that can be killed: prints its port, and answers.
SHORT_LIVED = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *told):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""
SHORT = ("--slice", "3s", "--after", "1s", "--pause", "0.1s")


@dataclass
class Late(TruthServer):
    """Answers everything after so many milliseconds; every `fails`-th request by 500, which no busy machine can hide."""

    ms: int = QUICK_MS
    fails: int = 0

    async def _answer(self, arrival: Arrival, reader: Any, writer: Any) -> bool:
        code = "&code=500" if self.fails and len(self.arrivals) % self.fails == 0 else ""
        path = f"{arrival.path}?ms={self.ms}{code}"
        arrival = Arrival(arrival.at_ns, arrival.method, path, arrival.headers, arrival.body, arrival.connection)
        return await super()._answer(arrival, reader, writer)


@pytest.fixture
def quick() -> Iterator[Late]:
    with Late() as server:
        yield server


@pytest.fixture
def slow() -> Iterator[Late]:
    with Late(ms=SLOW_MS, fails=4) as server:
        yield server


def between(old: str, new: str, *more: str, workload: str = "load") -> tuple[str, ...]:
    return ("compare", "--interleave", old, new, "--workload", f"file.py:{workload}", *SHORT, *more)


def whole(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures of all requests."""
    (series,) = [series for series in told["series"] if not series["name"]]
    return {figure["figure"]: figure for figure in series["figures"]}


def test_the_worse_one_of_two_targets_is_found_from_pairs_in_balanced_order(shell: Shell, quick: Late, slow: Late) -> None:
    write_scenarios(shell.folder, LOAD)
    done = shell.run(*between(quick.url, slow.url, "--slices", "5", "--json"), timeout_s=120)
    told = done.document
    assert (done.code, told["exit"], told["judgement"], told["end"]) == (11, 11, "worse", "finished"), done.err
    assert (told["run"], told["bases"], told["pairs"]) == (slow.url, [quick.url], 5)
    assert [each["target"] for each in told["slices"]] == ["old", "new", "new", "old", "old", "new", "new", "old", "old", "new"]
    failures, p50 = whole(told)["failures"], whole(told)["p50"]
    assert failures["judgement"] == "worse" and failures["pairs"] == [pytest.approx(0.25, abs=0.1)] * 5
    assert failures["low"] <= failures["change"] <= failures["high"] and failures["old"] == 0
    assert len(p50["pairs"]) == 5 and p50["old"] < p50["new"]
    for each, server in zip(told["slices"], [quick, slow, slow, quick, quick, slow, slow, quick, quick, slow], strict=True):
        manifest = json.loads((shell.folder / told["folder"] / each["run"] / "run.json").read_text())
        assert manifest["target"] == server.url and manifest["plan"]["thresholds"] == ["throughput > 1000/s"]
    assert json.loads((shell.folder / told["folder"] / "interleaved.json").read_text()) == told
    assert done.err.count("pair ") == 10
    assert shell.run("runs", "list", "--json").document["runs"] == [], "the slices are no history"
    anew = shell.run("compare", told["folder"], "--json")
    assert (anew.code, anew.document) == (11, told)
    page = shell.run("compare", told["folder"], "--floor", "99%", "--after", "0s").out
    assert "5 of 5 pairs of slices, the first 0 s of each left out" in page and slow.url in page


def test_ctrl_c_keeps_the_pairs_that_were_measured(shell: Shell, quick: Late, slow: Late) -> None:
    write_scenarios(shell.folder, LOAD)
    with shell.start(*between(quick.url, slow.url, "--slices", "9", "--json")) as running:
        running.wait_for("pair 2 of 9")
        before = len(quick.arrivals)
        quick.wait_until(lambda: len(quick.arrivals) >= before + 100)
        running.signal(signal.SIGINT)
        done = running.done()
    told = done.document
    assert (done.code, told["exit"], told["end"], told["pairs"]) == (130, 130, "interrupted", 1)
    assert told["judgement"] == "cannot tell" and "takes 3 pairs" in told["reason"]
    # A slice that a busy machine spoiled was measured again, and does not count.
    assert [each["pair"] for each in told["slices"] if each["counts"]] == [1, 1]
    assert (told["slices"][-1]["pair"], told["slices"][-1]["counts"]) == (2, False)
    shell.wait_until_nothing_is_left()


def test_a_target_that_goes_away_is_exit_13_with_what_is_known(shell: Shell, quick: Late) -> None:
    write_scenarios(shell.folder, LOAD)
    other = subprocess.Popen([sys.executable, "-c", SHORT_LIVED], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    with (
        other,
        shell.start(*between(quick.url, f"http://127.0.0.1:{other.stdout.readline().strip()}", "--slices", "9", "--json")) as running,
    ):
        running.wait_for("pair 1 of 9", times=2)
        other.kill()
        done = running.done()
    told = done.document
    assert (done.code, told["end"]) in ((13, "unreachable"), (14, "aborted")), done.err
    assert told["pairs"] >= 1 and "http://127.0.0.1" in told["why"]


def test_a_target_that_is_not_there_is_exit_13_before_anything_is_sent(shell: Shell, quick: Late) -> None:
    write_scenarios(shell.folder, LOAD)
    done = shell.run("compare", "--interleave", quick.url, "http://127.0.0.1:1", "--workload", "file.py:load", *SHORT)
    assert (done.code, done.out, shell.runs(), len(quick.arrivals)) == (13, "", [], 0)
    assert "http://127.0.0.1:1" in one_message(done.err)


def test_a_slice_that_is_stopped_early_ends_it_with_14(shell: Shell, quick: Late, slow: Late) -> None:
    write_scenarios(shell.folder, LOAD)
    done = shell.run(*between(quick.url, slow.url, "--json", workload="stopped"))
    told = done.document
    assert (done.code, told["end"], told["pairs"], len(told["slices"])) == (14, "aborted", 0, 1)
    assert quick.url in told["why"] and "checks" in told["why"]


def test_a_script_that_only_raises_is_exit_15(shell: Shell, quick: Late, slow: Late) -> None:
    write_scenarios(shell.folder, LOAD)
    done = shell.run(*between(quick.url, slow.url, "--json", workload="broken"))
    assert (done.code, done.document["end"]) == (15, "no_data")
    assert "of the script" in done.document["why"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--interleave", "OLD", "NEW", "--workload", "file.py:load", "--slice", "2s"), "a slice takes 2s"),
        (("--interleave", "OLD", "NEW", "--workload", "file.py:load", "--slices", "2"), "--slices"),
        (("--interleave", "OLD", "NEW"), "there is no workload"),
        (("--interleave", "OLD", "http://shop.example", "--workload", "file.py:load"), "[safety] allow"),
        (("latest", "--interleave", "OLD", "NEW"), "beside --interleave"),
        (("latest", "--slices", "5", "--set", "rate=5/s"), "--slices, --set without --interleave"),
        ((), "it is not said what to compare"),
        (("folder",), "interleaved.json: is damaged"),
    ],
)
def test_wrong_use_is_one_message_and_sends_nothing(shell: Shell, quick: Late, slow: Late, arguments: tuple[str, ...], says: str) -> None:
    write_scenarios(shell.folder, LOAD)
    (shell.folder / "folder").mkdir()
    (shell.folder / "folder" / "interleaved.json").write_text('{"schema": 1')
    done = shell.run("compare", *(part.replace("OLD", quick.url).replace("NEW", slow.url) for part in arguments))
    assert done.code == 2 and says in one_message(done.err)
    assert quick.connections == slow.connections == 0
