"""A kept connection that the server closes: what is sent again, what is a failure, and that both are told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from closing import ClosingServer, after_reading, closing_server, leave, reset
from loads import Drive, Recorded

from tenantry import Vu, scenario, shared_iterations, workload

DELAY_S = 0.1


def load_of(server: ClosingServer, drive: Drive, method: str, *, far: bool) -> Recorded:
    """Two requests of one virtual user; with `far`, of the second one its server is a round trip of a second away."""

    @scenario
    async def asks_twice(vu: Vu) -> None:
        if far:
            server.fill()
        server.make_room_soon()
        assert (await vu.get("/first")).ok
        await _ask(vu, method)

    return drive(workload(asks_twice, shared_iterations(1, vus=1, max_duration="20s")), server.url)


async def _ask(vu: Vu, method: str) -> Any:
    body: dict[str, Any] = {} if method == "GET" else {"data": b"x"}
    return await getattr(vu, method.lower())("/second", **body)


@pytest.mark.parametrize("how", [leave, reset])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_request_that_a_closing_connection_crossed_is_sent_again_and_counted(drive: Drive, how: Any, method: str) -> None:
    with closing_server(after_reading(how, delay_s=DELAY_S)) as server:
        run = load_of(server, drive, method, far=True)
    assert server.arrivals == [("GET", 1), (method, 1), (method, 2)]
    told = run.rows("series/http", "name, sum(requests), sum(resent), sum(failures)", "true group by name order by name")
    assert sorted(told) == sorted([("GET /first", 1, 0, 0), (f"{method} /second", 1, 1, 0)])


def test_the_times_of_a_request_that_was_sent_again_begin_with_its_first_sending(drive: Drive) -> None:
    with closing_server(after_reading(delay_s=DELAY_S)) as server:
        run = load_of(server, drive, "GET", far=True)
    ((service, response, wait, phases),) = run.rows(
        "samples/requests",
        "end_ns - start_ns, end_ns - intended_start_ns, wait_ns,"
        " blocked_ns + dns_ns + connect_ns + tls_ns + send_ns + wait_ns + receive_ns",
        "name = 'GET /second'",
    )
    assert service == response == phases >= wait >= DELAY_S * 1e9, "the server kept the first one waiting for so long"
    ((histogram,),) = run.rows("series/http", "service_sum_ns", "name = 'GET /second'")
    assert histogram == service


@pytest.mark.parametrize(
    ("why", "method", "far", "end", "kind"),
    [
        ("the server had time to read it", "GET", False, after_reading(delay_s=0.5), "reset"),
        ("a POST is not sent twice", "POST", True, after_reading(delay_s=DELAY_S), "reset"),
        ("a POST is not sent twice", "POST", True, after_reading(reset, delay_s=DELAY_S), "reset"),
        ("the answer had begun", "GET", True, after_reading(answer=b"HTTP/1.1 200"), "truncated"),
    ],
)
def test_any_other_closure_is_a_failure_and_nothing_is_sent_twice(
    drive: Drive, why: str, method: str, far: bool, end: Any, kind: str
) -> None:
    with closing_server(end) as server:
        run = load_of(server, drive, method, far=far)
    assert server.arrivals == [("GET", 1), (method, 1)], why
    assert run.rows("series/failures", "name, kind, count") == [(f"{method} /second", kind, 1)]
    assert run.total("series/http", "resent") == 0


def test_a_connection_that_was_closed_before_is_not_used_so_even_a_post_arrives_once(drive: Drive) -> None:
    @scenario
    async def rests_between(vu: Vu) -> None:
        server.make_room_soon()
        assert (await vu.get("/first")).ok
        await asyncio.to_thread(server.ended.wait, 10)
        await vu.pause(0.02)
        assert (await _ask(vu, "POST")).ok

    with closing_server(lambda server, connection: None) as server:
        run = drive(workload(rests_between, shared_iterations(1, vus=1, max_duration="20s")), server.url)
    assert server.arrivals == [("GET", 1), ("POST", 2)]
    assert (run.total("series/http", "resent"), run.total("series/http", "failures"), run.total("series/http", "connections")) == (0, 0, 2)
