"""Load without a script against a server that counts: what is asked for on the command line is what arrives, and what is recorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loads import Recorded
from truth import TruthServer
from webserver import WebServer

from tenantry.drill import Drillers
from tenantry.driver import ScriptErrors
from tenantry.engine import close_engine, open_engine
from tenantry.plan.plan import Plan
from tenantry.quick import Wish, prepare_quick
from tenantry.units import NS


async def carry_out(plan: Plan, folder: Path) -> int:
    engine = open_engine(plan, folder)
    try:
        vus = Drillers(engine, plan)
        engine.start(0.02)
        await vus.work()
        return engine.load_end_ns() or 0
    finally:
        close_engine(engine)


def drill(folder: Path, *urls: str, graceful_stop_ns: int | None = None, **wish: Any) -> Recorded:
    plan = prepare_quick(Wish(urls=urls, **wish)).plan
    if graceful_stop_ns is not None:
        (stream,) = plan.streams
        stream = replace(stream, profile=replace(stream.profile, graceful_stop_ns=graceful_stop_ns))
        plan = replace(plan, streams=(stream,))
    length = asyncio.run(carry_out(plan, folder))
    return Recorded(folder, ScriptErrors(folder), length)


def test_as_many_requests_are_sent_as_were_asked_for_and_the_urls_take_turns(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/a", f"{truth.url}/b?x=1", f"{truth.url}/c", requests="300", vus="7")
    assert Counter(arrival.path for arrival in truth.arrivals) == {"/a": 100, "/b?x=1": 100, "/c": 100}
    assert dict(run.rows("series/http", "name, sum(requests)", "true group by name")) == {"GET /a": 100, "GET /b": 100, "GET /c": 100}
    assert run.total("series/iterations", "completed") == run.total("series/iterations", "started") == 300
    assert 0 < run.load_ns < 60 * NS, "the load ends with the last answer"


def test_a_duration_bounds_a_number_of_requests_in_a_closed_loop(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/delay?ms=100", requests="500", vus="2", duration="500ms")
    arrived = len(truth.arrivals)
    assert 2 <= arrived <= 10, "two at a time, each for at least 0.1 s"
    assert (run.total("series/iterations", "started"), run.total("series/iterations", "dropped")) == (arrived, 500 - arrived)


@pytest.mark.parametrize(("requests", "duration", "arrive"), [("10", "10s", 10), ("1000", "500ms", 20)])
def test_a_rate_ends_with_its_duration_or_its_number_whichever_comes_first(
    truth: TruthServer, tmp_path: Path, requests: str, duration: str, arrive: int
) -> None:
    run = drill(tmp_path, f"{truth.url}/a", rate="40/s", requests=requests, duration=duration)
    assert (len(truth.arrivals), run.total("series/iterations", "dropped")) == (arrive, 0)


def test_a_rate_starts_each_request_at_its_exact_time(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/a", rate="120/s", duration="500ms", max_vus="60")
    assert len(truth.arrivals) == 60
    starts = sorted(start for (start,) in run.rows("samples/requests", "intended_start_ns"))
    assert starts == [k * NS // 120 for k in range(60)]
    assert all(delay >= 0 for (delay,) in run.rows("samples/requests", "start_ns - intended_start_ns"))
    assert (run.total("series/iterations", "due"), run.total("series/iterations", "started")) == (60, 60)


@pytest.mark.parametrize("rate", ["70/s", "1/ms", "333.3/s"])
def test_a_rate_with_a_number_of_requests_sends_exactly_that_many(truth: TruthServer, tmp_path: Path, rate: str) -> None:
    drill(tmp_path, f"{truth.url}/a", rate=rate, requests="10")
    assert len(truth.arrivals) == 10


def test_response_time_counts_from_the_intended_start(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/a", rate="100/s", duration="500ms")
    ((response, service),) = run.rows("series/http", "sum(response_sum_ns)::bigint, sum(service_sum_ns)::bigint")
    ((from_intended, from_start),) = run.rows("samples/requests", "sum(end_ns - intended_start_ns)::bigint, sum(end_ns - start_ns)::bigint")
    assert (response, service) == (from_intended, from_start)
    assert response > service


def test_a_rate_does_not_wait_for_answers_and_what_finds_no_virtual_user_is_dropped(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/delay?ms=300", rate="40/s", duration="1s", max_vus="2")
    started, dropped = run.total("series/iterations", "started"), run.total("series/iterations", "dropped")
    assert started + dropped == run.total("series/iterations", "due") == 40
    assert started == len(truth.arrivals) <= 8


def test_a_rate_opens_no_more_connections_than_it_needs_at_once(truth: TruthServer, tmp_path: Path) -> None:
    drill(tmp_path, f"{truth.url}/a", rate="100/s", duration="1s", max_vus="500")
    assert len(truth.arrivals) == 100
    assert truth.connections < 20


def test_in_a_closed_loop_each_virtual_user_has_a_connection_and_no_start_but_its_own(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/delay?ms=50", vus="5", duration="1s")
    assert truth.connections == 5
    assert 50 <= len(truth.arrivals) <= 5 * 21
    assert run.total("series/http", "requests") == len(truth.arrivals) == run.total("series/iterations", "completed")
    assert run.rows("series/iterations", "max(vus)")[0][0] == 5
    later = run.rows("samples/requests", "start_ns - intended_start_ns", "start_ns > 45000000")
    assert set(later) == {(0,)}


def test_method_headers_and_body_arrive_as_they_were_given(truth: TruthServer, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\x00\xff")
    (tmp_path / "headers").write_text("x-two: 2\n\nAccept: text/plain\n")
    headers = ("X-One: 1", f"@{tmp_path / 'headers'}")
    drill(tmp_path, f"{truth.url}/echo", method="put", body=f"@{tmp_path / 'body'}", headers=headers, requests="3")
    assert [(seen.method, seen.body) for seen in truth.arrivals] == [("PUT", b"\x00\xff")] * 3
    (seen, *_) = truth.arrivals
    assert (seen.headers["x-one"], seen.headers["x-two"], seen.headers["accept"]) == ("1", "2", "text/plain")
    assert seen.headers["host"] == f"127.0.0.1:{truth.port}"
    assert "traceparent" not in seen.headers


def test_a_body_makes_it_a_post(truth: TruthServer, tmp_path: Path) -> None:
    drill(tmp_path, f"{truth.url}/echo", body='{"a": 1}', requests="1")
    assert [(seen.method, seen.body) for seen in truth.arrivals] == [("POST", b'{"a": 1}')]


def test_failures_are_counted_by_kind_and_the_load_goes_on(truth: TruthServer, tmp_path: Path) -> None:
    paths = ("/status?code=503", "/status?code=404", "/reset", "/garbage", "/short")
    run = drill(tmp_path, *(truth.url + path for path in paths), rate="250/s", duration="200ms", max_vus="50")
    kinds = dict(run.rows("series/failures", "kind, sum(count)", "true group by kind"))
    assert kinds == {"status": 20, "reset": 10, "malformed": 10, "truncated": 10}
    assert run.total("series/iterations", "failed") == 50
    assert run.total("series/http", "failures") == 50


def test_expected_statuses_are_no_failures_and_others_are(truth: TruthServer, tmp_path: Path) -> None:
    urls = [f"{truth.url}/status?code={code}" for code in (200, 404, 302)]
    run = drill(tmp_path, *urls, requests="30", expect="200,404")
    assert (run.total("series/http", "requests"), run.total("series/http", "failures")) == (30, 10)


@pytest.mark.parametrize(("code", "then"), [("303", ("GET", b"")), ("307", ("POST", b"x"))])
def test_redirects_are_followed_as_often_as_asked_and_every_hop_is_a_sample(
    web: WebServer, tmp_path: Path, code: str, then: tuple[str, bytes]
) -> None:
    url = f"{web.url}/to?code={code}&where=/to?where=/end%26code={code}"
    run = drill(tmp_path, url, requests="12", vus="3", body="x", headers=("content-type: text/plain",), redirects="5")
    first, *_ = [(seen.method, seen.body) for seen in web.arrivals if seen.path.startswith("/to?code")]
    hops = Counter((seen.path.partition("?")[0], seen.method, seen.body) for seen in web.arrivals)
    assert first == ("POST", b"x")
    assert hops[("/end", *then)] == 12
    assert sum(hops.values()) == 36
    assert {"content-type" in seen.headers for seen in web.arrivals if seen.path == "/end"} == {then[0] == "POST"}
    told = dict(run.rows("series/http", "name, sum(requests)", "true group by name"))
    assert told == {"POST /to": 12, "POST /to (redirected)": 24}
    assert (run.total("series/iterations", "completed"), run.total("series/http", "failures")) == (12, 0)


@pytest.mark.parametrize(("redirects", "arrive", "fail"), [("none", 1, 0), ("0", 1, 0), ("1", 2, 1), ("2", 3, 0)])
def test_a_redirect_is_an_answer_until_more_were_to_be_followed_than_allowed(
    web: WebServer, tmp_path: Path, redirects: str, arrive: int, fail: int
) -> None:
    run = drill(tmp_path, f"{web.url}/to?where=/to?where=/end", requests="4", vus="2", redirects=redirects)
    assert len(web.arrivals) == 4 * arrive
    assert (run.total("series/http", "requests"), run.total("series/http", "failures")) == (4 * arrive, 4 * fail)


def test_a_request_without_an_answer_ends_with_its_time_out(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/hang", requests="4", vus="2", timeout="150ms")
    assert run.rows("series/failures", "kind, sum(count)", "true group by kind") == [("timeout", 4)]
    ((shortest, longest),) = run.rows("samples/requests", "min(end_ns - start_ns), max(end_ns - start_ns)")
    assert 0.15 * NS <= shortest <= longest < 5 * NS


def test_what_outlasts_the_graceful_stop_is_interrupted_and_no_failure(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/hang", vus="3", duration="200ms", graceful_stop_ns=NS // 10)
    assert run.total("series/iterations", "interrupted") == 3
    truth.wait_until(lambda: truth.closed_by_client == 3)
    assert run.total("series/failures", "count") == 0


def test_connections_are_closed_at_the_end_and_kept_until_then(truth: TruthServer, tmp_path: Path) -> None:
    drill(tmp_path, f"{truth.url}/a", requests="20", vus="2")
    assert truth.connections == 2
    truth.wait_until(lambda: truth.closed_by_client == 2)


def test_without_keep_alive_each_request_has_a_connection_of_its_own(truth: TruthServer, tmp_path: Path) -> None:
    run = drill(tmp_path, f"{truth.url}/a", requests="20", vus="2", keep_alive=False)
    assert (truth.connections, run.total("series/http", "connections")) == (20, 20)


def test_urls_of_several_hosts_have_their_host_in_their_name(truth: TruthServer, tmp_path: Path) -> None:
    with TruthServer() as other:
        run = drill(tmp_path, f"{truth.url}/a", f"{other.url}/a", requests="20")
        assert (len(truth.arrivals), len(other.arrivals)) == (10, 10)
    names = {f"GET 127.0.0.1:{server.port}/a" for server in (truth, other)}
    assert set(run.rows("series/http", "name, sum(requests)", "true group by name")) == {(name, 10) for name in names}
