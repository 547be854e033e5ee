"""`tenantry capacity` as a process, against a server whose capacity is known."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from commandline import Shell, one_message, write_scenarios

ANSWER = b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nok"
EACH_S = 0.01
MOST_WAITING = 10


class OneAtATime:
    """Takes 10 ms for each request, one after the other, so 100 per second; turns away what would be the eleventh to wait."""

    def __init__(self) -> None:
        self.free_at = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                full = self.free_at - clock() > MOST_WAITING * EACH_S
                if not full:
                    self.free_at = max(self.free_at, clock()) + EACH_S
                    await asyncio.sleep(self.free_at - clock())
                writer.write(ANSWER % (503 if full else 200))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()


@pytest.fixture
def hundred_per_second() -> Iterator[str]:
    """The URL of a server that can do 100 requests per second."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(OneAtATime().serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


# The latency limit is far away: it only tells how much delay of its own start the run may have on a busy machine.
LOAD = """
@scenario
async def one(vu: Vu) -> None:
    await vu.get("/page")

load = workload(one, constant_vus(50, "1m"), thresholds=["failures < 3%", "response_time p95 < 10s"])
never = workload(one, constant_vus(50, "1m"), thresholds=["throughput > 1000/s", "response_time p95 < 10s"])
"""
SHORT = ("--step", "4s", "--warmup", "2s", "--pause", "0.2s")


def search(shell: Shell, url: str, *arguments: str, workload: str = "load") -> tuple[str, ...]:
    write_scenarios(shell.folder, LOAD)
    return ("capacity", f"file.py:{workload}", "--target", url, *SHORT, *arguments)


def stored(shell: Shell) -> dict[str, Any]:
    (folder,) = shell.runs()
    assert folder.name.endswith("-capacity")
    read: dict[str, Any] = json.loads((folder / "capacity.json").read_text())
    return read


def test_a_server_of_a_hundred_per_second_has_a_capacity_of_about_that(shell: Shell, hundred_per_second: str) -> None:
    arguments = ("--from", "40/s", "--to", "1000/s", "--precision", "10%", "--json", "--quiet")
    done = shell.run(*search(shell, hundred_per_second, *arguments), timeout_s=240)
    told = done.document
    assert done.code == told["exit"] == 0, done.out + done.err
    assert 85 <= told["rate"] < told["failed_rate"] <= 120
    assert told["failed_rate"] <= 1.1 * told["rate"] + 0.1
    assert told["failed_by"].startswith("failures rate < 3% after 2s (was ")
    assert [step["rate"] for step in told["steps"][:2]] == [40, 80]
    assert stored(shell) == told
    (folder,) = shell.runs()
    for step in told["steps"]:
        manifest = json.loads((folder / step["run"] / "run.json").read_text())
        assert manifest["plan"]["streams"][0]["profile"]["rate_per_s"] == step["rate"]
        assert manifest["verdict"]["verdict"] == step["verdict"]
    assert told["law"] is not None or told["law_note"]


def test_when_even_the_lowest_rate_fails_the_exit_code_is_10_and_the_table_shows_the_step(shell: Shell, hundred_per_second: str) -> None:
    done = shell.run(*search(shell, hundred_per_second, "--from", "60/s", "--precision", "50%", workload="never"), timeout_s=120)
    assert done.code == 10, done.out + done.err
    assert "even the lowest rate failed" in done.out and "throughput rate > 1000/s after 2s" in done.out
    assert "60.0" in done.out and "fail" in done.out and str(shell.runs()[0].name) in done.out


def test_ctrl_c_keeps_what_was_found(shell: Shell, hundred_per_second: str) -> None:
    with shell.start(*search(shell, hundred_per_second, "--from", "20/s", "--to", "80/s", "--json")) as running:
        running.wait_for("20.0/s: ")
        running.signal(signal.SIGINT)
        done = running.done()
    told = done.document
    assert (done.code, told["end"], told["rate"]) == (130, "interrupted", 20)
    assert stored(shell) == told
    shell.wait_until_nothing_is_left()


def test_a_target_that_nobody_listens_at_is_exit_13_and_leaves_nothing(shell: Shell) -> None:
    done = shell.run(*search(shell, "http://127.0.0.1:1"))
    assert (done.code, done.out, shell.runs()) == (13, "", [])
    assert "cannot be reached" in one_message(done.err)


def test_all_wrong_flags_are_told_at_once(shell: Shell, hundred_per_second: str) -> None:
    arguments = ("--from", "90/s", "--to", "10/s", "--step", "1.5s", "--precision", "90%")
    done = shell.run(*search(shell, hundred_per_second, *arguments))
    assert done.code == 2
    for part in ("--step 1.5s is no whole number of seconds", "--precision 90% is no share from 1% to 50%"):
        assert part in done.err
    assert shell.runs() == []
