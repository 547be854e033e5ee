"""The live page of a real run, against the server that the run sends to."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from commandline import Running, Shell, wait_until, write_scenarios
from serving import TOKEN, Dashboard, dashboard
from truth import TruthServer

LOAD = """
@scenario
async def browse(vu: Vu) -> None:
    await vu.get("/browse?ms=20", name="GET /browse")

load = workload(browse, constant_rate("20/s", "60s", max_vus=20), thresholds=["failures < 1%"])
"""
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@contextmanager
def going(shell: Shell, truth: TruthServer) -> Iterator[tuple[Running, str]]:
    """A run that goes on and has sent requests, and its name."""
    write_scenarios(shell.folder, LOAD)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 10)
        yield running, shell.runs()[-1].name


def events(server: Dashboard, name: str) -> Iterator[tuple[str, str]]:
    """The server-sent events of a run."""
    with httpx.stream("GET", f"{server.client.base_url}runs/{name}/events", headers=BEARER, timeout=20, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        kind, data = "", list[str]()
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind, data = line.removeprefix("event: "), []
            elif line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            elif not line:
                yield kind, "\n".join(data)


def number(part: str, pattern: str) -> float:
    found = re.search(pattern, part)
    assert found, part
    return float(found[1].replace(",", ""))


def test_a_run_that_goes_on_is_marked_and_tells_what_its_target_saw(shell: Shell, truth: TruthServer) -> None:
    with going(shell, truth) as (_, name), dashboard(shell) as server:
        (told,) = server.runs()
        assert (told["state"], told["figures"]) == ("running", None)
        assert f'href="/runs/{name}/live"' in server.get("/").text
        assert server.get(f"/runs/{name}").headers["location"] == f"/runs/{name}/live"
        assert "Stop the test" not in server.get(f"/runs/{name}/live").text
        for kind, part in events(server, name):
            assert kind == "part"
            seconds = int(number(part, r"<progress[^>]*>(\d+) s"))
            if seconds >= 3:
                break
    requests = number(part, r"([\d,.]+) so far")
    assert abs(requests - 20 * seconds) <= 2
    assert number(part, r"([\d.]+)/s due") == 20
    assert 20 <= number(part, r"p50</dt><dd class=.value.>([\d.]+) ms") < 60
    assert len(truth.arrivals) >= requests


def test_the_stop_button_ends_the_test_in_order_and_the_page_hears_of_it(shell: Shell, truth: TruthServer) -> None:
    with going(shell, truth) as (running, name), dashboard(shell, token=TOKEN) as server:
        assert server.client.post(f"/runs/{name}/stop").status_code == 401
        assert server.client.post(f"/runs/{name}/stop", headers=BEARER | {"Origin": "http://evil.example"}).status_code == 403
        assert running.process.poll() is None and not [text for text in running.heard("err") if "stop" in text]
        assert "Stop the test" in server.get(f"/runs/{name}/live", headers=BEARER).text
        heard = events(server, name)
        assert next(heard)[0] == "part"
        assert server.client.post(f"/runs/{name}/stop", headers=BEARER).headers["location"] == f"/runs/{name}/live"
        assert [kind for kind, _ in heard][-1] == "end"
        result = running.done(timeout_s=20)
        assert (result.code, result.document["about"]["end"], result.document["verdict"]) == (0, "stopped", "pass")
        assert server.get(f"/runs/{name}/live", headers=BEARER).headers["location"] == f"/runs/{name}"
        again = server.client.post(f"/runs/{name}/stop", headers=BEARER)
        assert again.status_code == 422 and "the run has ended" in again.text


def test_without_a_token_nobody_stops_a_test_from_the_browser(shell: Shell, truth: TruthServer) -> None:
    with going(shell, truth) as (running, name), dashboard(shell) as server:
        answer = server.client.post(f"/runs/{name}/stop")
        assert answer.status_code == 403 and "needs a token" in answer.text
        assert running.process.poll() is None


def test_an_open_page_does_not_keep_the_server_from_ending(shell: Shell, truth: TruthServer) -> None:
    with going(shell, truth) as (_, name), dashboard(shell) as server:
        heard = events(server, name)
        assert next(heard)[0] == "part"
        server.running.signal(signal.SIGINT)
        done = server.running.done(timeout_s=5)
        assert done.code == 0 and "Traceback" not in done.err


def test_a_killed_run_is_no_longer_running(shell: Shell, truth: TruthServer) -> None:
    with going(shell, truth) as (running, name), dashboard(shell) as server:
        running.signal(signal.SIGKILL)
        running.done()
        wait_until(lambda: server.runs()[0]["state"] == "killed", server.runs)
        assert server.get(f"/runs/{name}").status_code == 200
