"""Requests against a server that knows what it did."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from loads import Act
from truth import TruthServer

from tenantry import Vu
from tenantry.errors import CheckFailed, RequestFailed, TargetError
from tenantry.http import http_settings


def test_a_response_has_status_headers_body_and_json(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.get("/pets", headers={"x-mark": "7"}, params={"q": "a b"})
        assert (page.status, page.ok, page.failure) == (200, True, None)
        assert page.headers["content-type"] == "application/json"
        assert page.body == b'{"status":"ok"}' == page.text.encode()
        assert page.json() == {"status": "ok"}

    act(script, truth.url)
    (seen,) = truth.arrivals
    assert (seen.method, seen.path, seen.headers["x-mark"]) == ("GET", "/pets?q=a+b", "7")
    assert seen.headers["host"] == f"127.0.0.1:{truth.port}"


def test_bodies_arrive_as_they_were_given(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        assert (await vu.post("/echo", json={"pet": [1, None]})).json() == {"pet": [1, None]}
        assert (await vu.put("/echo", data=b"\x00\xff")).body == b"\x00\xff"
        assert (await vu.post("/echo", data={"a": "ä", "b": 2})).text == "a=%C3%A4&b=2"
        assert (await vu.get("/chunked")).text == "hello world"

    act(script, truth.url)
    assert [seen.headers.get("content-type") for seen in truth.arrivals[:3]] == [
        "application/json",
        None,
        "application/x-www-form-urlencoded",
    ]


def test_service_time_covers_the_delay_of_the_server_and_the_phases_add_up_to_it(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> Any:
        return await vu.get("/delay?ms=80"), await vu.get("/delay?ms=80")

    first, second = act(script, truth.url)
    for page in (first, second):
        assert 0.080 <= page.wait_s <= page.service_time_s < 0.5
        phases = (page.blocked_s, page.dns_s, page.connect_s, page.tls_s, page.send_s, page.wait_s, page.receive_s)
        assert sum(phases) == pytest.approx(page.service_time_s, abs=1e-9)
        assert min(phases) >= 0
    assert first.connect_s > 0
    assert second.connect_s == second.dns_s == 0, "the connection was kept"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/reset", "reset"),
        ("/close", "reset"),
        ("/garbage", "malformed"),
        ("/short", "truncated"),
        ("/chunked-short", "truncated"),
        ("/status?code=500", "status"),
        ("/status?code=404", "status"),
    ],
)
def test_a_misbehaving_server_is_a_classified_failure(truth: TruthServer, act: Act, path: str, kind: str) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.get(path)
        assert (page.ok, page.failure) == (False, kind)
        assert page.status == (int(path[-3:]) if kind == "status" else 0)
        with pytest.raises(RequestFailed, match=kind):
            page.json()
        assert (await vu.get("/fine")).ok, "the next request is not touched"

    act(script, truth.url)


def test_a_refused_connection_an_unknown_host_and_plain_text_instead_of_tls_are_told_apart(truth: TruthServer, act: Act) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    async def script(vu: Vu) -> None:
        assert (await vu.get(f"http://127.0.0.1:{port}/")).failure == "refused"
        assert (await vu.get("http://no-such-host.invalid/")).failure == "dns"
        assert (await vu.get(f"https://127.0.0.1:{truth.port}/")).failure == "tls"

    act(script, truth.url, allow=("no-such-host.invalid",))


def test_an_answer_that_is_no_http2_is_malformed_where_http2_was_asked_for(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        assert (await vu.get("/")).failure == "malformed"

    act(script, truth.url, http=http_settings(version="2"))


def test_a_request_ends_at_its_time_out_and_frees_its_connection(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.get("/hang", timeout=0.1)
        assert page.failure == "timeout"
        assert 0.1 <= page.service_time_s < 2
        assert (await vu.get("/fine")).ok

    act(script, truth.url)
    truth.wait_until(lambda: truth.closed_by_client >= 1)
    assert truth.connections == 2


def test_every_request_ends_at_its_time_out_even_one_that_never_began(truth: TruthServer, act: Act) -> None:
    async def impatient(vu: Vu) -> None:
        for number in range(60):
            page = await vu.get("/delay?ms=50", timeout=(1e-6, 5e-4, 1e-3, 2e-3, 3e-3)[number % 5])
            assert page.failure == "timeout"

    async def script(vu: Vu) -> None:
        await asyncio.gather(*(impatient(vu) for _ in range(100)))
        assert (await vu.get("/fine")).ok

    act(script, truth.url)


def test_a_connection_that_nobody_accepts_ends_as_connect_timeout(act: Act) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        place = deaf.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(place)

        async def script(vu: Vu) -> None:
            assert (await vu.get("/", timeout=5)).failure == "connect_timeout"

        act(script, f"http://127.0.0.1:{place[1]}", connect_timeout=0.2)
        for filler in fillers:
            filler.close()


def test_a_stale_kept_connection_is_replaced_without_a_failure(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        for _ in range(5):
            assert (await vu.get("/idle-close")).ok
            # The server, in Python, closes it a moment after its answer; one that a request met would tell of a fault after a millisecond.
            await asyncio.sleep(0.05)

    act(script, truth.url)
    assert truth.connections == 5


def test_expected_statuses_are_no_failures_and_others_are(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        assert (await vu.get("/status?code=409", expect=(201, 409))).ok
        assert (await vu.get("/status?code=200", expect=201)).failure == "status"
        (await vu.get("/fine")).expect(status=200).expect(status=(200, 204)).expect()
        with pytest.raises(CheckFailed, match="status is 201"):
            (await vu.get("/fine")).expect(status=201)

    act(script, truth.url)


def test_asyncio_time_outs_abort_the_request_itself(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await vu.get("/hang")
        assert (await vu.get("/fine")).ok

    act(script, truth.url)
    truth.wait_until(lambda: truth.closed_by_client >= 1)
    assert truth.connections == 2, "the aborted request's connection was not used again"


def test_task_groups_gather_and_wait_take_requests_as_they_are(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(vu.get(f"/delay?ms=20&n={n}")) for n in range(4)]
        assert all(task.result().ok for task in tasks)
        both = await asyncio.gather(vu.get("/a"), vu.get("/b"))
        assert [page.status for page in both] == [200, 200]
        assert (await asyncio.wait_for(vu.get("/c"), 5)).ok
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(vu.get("/hang"), 0.05)

    act(script, truth.url)
    assert truth.connections <= 6, "a virtual user holds as many connections as a browser"


def test_a_failing_task_group_cancels_the_requests_of_its_other_tasks(truth: TruthServer, act: Act) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.02)
        raise ValueError("on purpose")

    async def script(vu: Vu) -> None:
        with pytest.raises(ExceptionGroup, match="unhandled"):
            async with asyncio.TaskGroup() as group:
                group.create_task(vu.get("/hang"))
                group.create_task(fail())
        assert (await vu.get("/fine")).ok

    act(script, truth.url)
    truth.wait_until(lambda: truth.closed_by_client >= 1)


def test_more_requests_at_once_than_connections_wait_their_turn(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> Any:
        return await asyncio.gather(*(vu.get(f"/delay?ms=30&n={n}") for n in range(12)))

    pages = act(script, truth.url)
    assert truth.connections == 6
    assert sorted(page.blocked_s for page in pages)[-1] >= 0.03


def test_a_pause_lasts_at_least_as_long_as_asked(act: Act, truth: TruthServer) -> None:
    async def script(vu: Vu) -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        await vu.pause(0.05)
        with suppress(TimeoutError):
            await asyncio.wait_for(vu.pause(30), 0.01)
        return loop.time() - before

    assert 0.05 <= act(script, truth.url) < 2


def test_tls_with_a_trusted_authority_works_and_an_unknown_one_is_refused(
    act: Act, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))

    async def trusted(vu: Vu) -> None:
        page = await vu.get("/fine")
        assert page.ok, page.failure
        assert page.tls_s > 0
        assert (await vu.get("/fine")).tls_s == 0

    async def refused(vu: Vu) -> None:
        assert (await vu.get("/fine")).failure == "tls"

    with TruthServer(tls=context) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(roots))
        act(trusted, server.url)
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(other))
        monkeypatch.setenv("SSL_CERT_FILE", str(other))
        act(refused, server.url)


def test_a_url_that_is_none_is_an_error_of_the_script(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        await vu.get("ftp://somewhere/")

    with pytest.raises(TargetError, match="ftp"):
        act(script, truth.url)
    assert truth.arrivals == []


def test_a_scenario_cannot_send_load_to_a_host_that_was_not_allowed(truth: TruthServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        await vu.get("//example.com/next-page")

    with pytest.raises(TargetError, match=r"neither the target nor this machine"):
        act(script, truth.url)
