"""What browsers and APIs do beyond one request and one answer, against a server that knows what it did."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
from pathlib import Path

import pytest
from loads import Act, Drive
from truth import TruthServer
from webserver import TEXT, WebServer

from tenantry import Vu, constant_vus, scenario, shared_iterations, workload
from tenantry.errors import RequestFailed, UsageError
from tenantry.http import Basic, Bearer, Digest, Event, Transfer, http_settings


def paths(server: TruthServer) -> list[tuple[str, str]]:
    return [(seen.method, seen.path) for seen in server.arrivals]


@pytest.mark.parametrize(
    ("code", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "PATCH", "PATCH"), (302, "PUT", "PUT")],
)
def test_a_redirect_is_followed_as_the_standard_says(web: WebServer, act: Act, code: int, method: str, then: str) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.request(method, f"/to?where=/echo&code={code}", json={"a": 1})
        assert page.status == 200
        assert page.body == (b'{"a":1}' if then == method else b"")

    act(script, web.url)
    assert paths(web)[1] == (then, "/echo")
    kept = web.arrivals[1].headers.get("content-type")
    assert kept == ("application/json" if then == method else None)


def test_every_hop_of_a_redirect_is_a_sample_in_a_series_of_its_own(web: WebServer, drive: Drive) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get("/to?where=/to%3Fwhere%3D/fine", name="door")

    done = drive(workload(visit, constant_vus(1, "0.1s")), web.url)
    rows = dict(done.rows("series/http", "name, sum(requests)", "true group by name"))
    assert rows["door (redirected)"] == 2 * rows["door"] > 0
    assert done.total("series/http", "requests") == len(web.arrivals)


def test_redirects_end_at_their_bound_and_at_foreign_hosts(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        none = await vu.get("/to?where=/fine", transfer=Transfer(redirects=0))
        assert (none.status, none.ok, none.headers["location"]) == (302, True, "/fine")
        loop = await vu.get("/to?where=/to%3Fwhere%3D/to%253Fwhere%253D/fine", transfer=Transfer(redirects=1))
        assert (loop.status, loop.failure) == (302, "status")
        away = await vu.get("/to?where=http://example.com/")
        assert (away.failure, away.status) == ("redirect", 302)

    act(script, web.url)
    assert len(web.arrivals) == 4


def test_credentials_stay_with_their_host(web: WebServer, act: Act) -> None:
    with WebServer() as other:

        async def script(vu: Vu) -> None:
            await vu.get("/login")
            await vu.get("/here", transfer=Transfer(auth=Bearer("t0ken")))
            there = f"http://localhost:{other.port}/there"
            assert (await vu.get(f"/to?where={there}", transfer=Transfer(auth=Basic("me", "pw")))).ok

        act(script, web.url)
        assert web.arrivals[1].headers["authorization"] == "Bearer t0ken"
        assert web.arrivals[2].headers["authorization"] == "Basic bWU6cHc="
        assert not {"authorization", "cookie"} & set(other.arrivals[0].headers)


def test_cookies_are_kept_by_host_and_path_until_they_are_cleared(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        await vu.get("/first")
        await vu.get("/login")
        assert vu.cookies.all("/shop/cart") == {"session": "s3cret", "theme": "dark"}
        await vu.get("/account")
        await vu.get("/shop/cart")
        vu.cookies.set("seen", "1")
        assert vu.cookies.get("seen") == "1"
        await vu.get("/again")
        await vu.get("/mine", headers={"cookie": "own=1"})
        vu.cookies.clear()
        await vu.get("/gone")

    act(script, web.url)
    sent = [{*filter(None, seen.headers.get("cookie", "").split("; "))} for seen in web.arrivals]
    assert sent == [set(), set(), {"session=s3cret"}, {"session=s3cret", "theme=dark"}, {"session=s3cret", "seen=1"}, {"own=1"}, set()]


def test_a_workload_may_keep_no_cookies(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        await vu.get("/login")
        await vu.get("/account")
        with pytest.raises(UsageError, match="cannot be set"):
            vu.cookies.set("a", "b")

    act(script, web.url, http=http_settings(cookies=False))
    assert "cookie" not in web.arrivals[1].headers


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw-deflate"])
def test_a_coded_body_is_read_as_what_it_stands_for(web: WebServer, act: Act, coding: str) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.get(f"/coded?as={coding}")
        assert page.body == TEXT == page.text.encode()

    act(script, web.url)
    assert web.arrivals[0].headers["accept-encoding"] == "gzip, deflate, br, zstd"


def test_a_body_that_is_not_in_its_coding_ends_the_iteration_as_the_apps_failure(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.get("/coded?as=broken")
        with pytest.raises(RequestFailed, match="not gzip"):
            _ = page.body

    act(script, web.url)


def test_a_request_body_is_coded_when_asked_for(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        await vu.post("/echo", data=TEXT, transfer=Transfer(coding="gzip"))

    act(script, web.url)
    (seen,) = web.arrivals
    assert gzip.decompress(seen.body) == TEXT
    assert (seen.headers["content-encoding"], int(seen.headers["content-length"])) == ("gzip", len(seen.body))


def test_digest_authentication_answers_the_challenge_and_a_wrong_password_fails(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        assert (await vu.get("/secret", transfer=Transfer(auth=Digest("Mufasa", "Circle of Life")))).text == "in"
        assert (await vu.get("/secret", transfer=Transfer(auth=Digest("Mufasa", "hakuna")))).status == 403
        assert (await vu.get("/secret")).status == 401

    act(script, web.url)
    assert len(web.arrivals) == 5


def test_retries_happen_only_when_asked_for_and_each_is_a_sample(web: WebServer, drive: Drive) -> None:
    @scenario
    async def stubborn(vu: Vu) -> None:
        assert (await vu.get("/flaky", transfer=Transfer(retries=2))).ok
        await vu.pause(5)

    done = drive(workload(stubborn, constant_vus(1, "0.5s", graceful_stop="0s")), web.url)
    assert done.errors.found == {}
    rows = {
        name: (count, failed)
        for name, count, failed in done.rows("series/http", "name, sum(requests), sum(failures)", "true group by name")
    }
    assert rows == {"GET /flaky": (1, 1), "GET /flaky (retried)": (2, 1)}
    first, second, third = (seen.at_ns for seen in web.arrivals)
    assert second - first >= 100_000_000
    assert third - second >= 200_000_000


def test_a_failure_that_is_not_retried_reaches_the_script(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        assert (await vu.get("/flaky")).status == 503
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert (await vu.get(url, transfer=Transfer(retries=1))).failure == "refused"

    act(script, web.url)


def test_files_are_sent_as_a_form_and_large_ones_from_disk(web: WebServer, act: Act, tmp_path: Path) -> None:
    scan = tmp_path / 'x"ray.bin'
    scan.write_bytes(bytes(range(256)) * 4096)

    async def script(vu: Vu) -> None:
        page = await vu.post("/echo", data={"pet": 7}, files={"scan": scan, "note": ("note.txt", b"fine")})
        assert page.ok

    act(script, web.url)
    (seen,) = web.arrivals
    kind = seen.headers["content-type"]
    boundary = re.fullmatch(r"multipart/form-data; boundary=(\w+)", kind)
    assert boundary is not None
    parts = seen.body.split(b"--" + boundary[1].encode())
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:4]] == [b"7\r\n", scan.read_bytes() + b"\r\n", b"fine\r\n"]
    assert b'name="scan"; filename="x%22ray.bin"' in parts[2]
    assert b"content-type: text/plain" in parts[3]
    assert parts[4] == b"--\r\n"


def test_a_body_may_be_discarded_or_limited(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        page = await vu.get("/big", transfer=Transfer(discard=True))
        assert (page.ok, page.body) == (True, b"")
        assert (await vu.get("/big", transfer=Transfer(most_body="1MB"))).ok
        long = await vu.get("/big", transfer=Transfer(most_body=999_999))
        assert (long.failure, long.body) == ("too_large", b"")

    act(script, web.url)


def test_a_stream_gives_its_pieces_as_they_come(web: WebServer, drive: Drive) -> None:
    seen: list[tuple[bytes, float]] = []

    @scenario
    async def read(vu: Vu) -> None:
        loop = asyncio.get_running_loop()
        async with vu.stream("GET", "/drip") as drip:
            assert drip.response.status == 200
            seen.extend([(piece, loop.time()) async for piece in drip.pieces()])
            assert drip.end is not None and drip.end.ok and drip.end.service_time_s >= 0.04
        await vu.pause(5)

    done = drive(workload(read, constant_vus(1, "0.3s", graceful_stop="0s")), web.url)
    assert done.errors.found == {}
    assert [piece for piece, _ in seen] == [b"one", b"two", b"three"]
    assert seen[2][1] - seen[0][1] >= 0.03
    assert done.rows("series/http", "sum(requests), sum(failures)") == [(1, 0)]


def test_leaving_a_stream_early_closes_its_connection(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        async with vu.stream("GET", "/drip") as drip:
            async for _ in drip.pieces():
                break
        async with vu.stream("GET", "/hang") as never:
            raise AssertionError(never)

    with pytest.raises(Exception, match=r"did not end|timed out|Timeout"):
        act(script, web.url, hook_timeout_s=0.5)
    web.wait_until(lambda: web.closed_by_client >= 1)


def test_server_sent_events_are_read_one_by_one(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> list[Event]:
        async with vu.events("/events") as news:
            return [event async for event in news.events()]

    assert act(script, web.url) == [Event("first"), Event("a\nb", "news", "7")]
    assert web.arrivals[0].headers["accept"] == "text/event-stream"


def test_every_request_carries_a_trace_context_unless_told_otherwise(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        await vu.get("/a")
        await vu.get("/b")

    act(script, web.url)
    found = [re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", seen.headers["traceparent"]) for seen in web.arrivals]
    assert all(found) and len({match[1] for match in found if match}) == 2
    act(script, web.url, http=http_settings(traceparent=False))
    assert "traceparent" not in web.arrivals[-1].headers


def test_what_the_app_says_of_its_time_is_in_the_run_folder(web: WebServer, drive: Drive) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get("/timing")

    run = drive(workload(visit, shared_iterations(5, vus=1)), web.url)
    told = run.rows("series/server_timing", "name, metric, sum(count), sum(sum_ns)::bigint", "true group by all order by metric")
    assert told == [("GET /timing", "app", 5, 15_000_000), ("GET /timing", "db", 5, 62_500_000)]
    assert run.rows("samples/requests", "distinct server_timing") == [("db;dur=12.5, app;dur=3",)]


def test_a_failure_keeps_its_request_and_response_without_secrets_and_cut_to_a_size(web: WebServer, drive: Drive) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get("/login")
        secret = {"password": "hunter2", "name": "me", "note": "n" * 5000}
        await vu.post("/status?code=500&token=hunter2", json=secret, transfer=Transfer(auth=Bearer("hunter2")))
        await vu.get("/fine")

    run = drive(workload(visit, shared_iterations(1, vus=1)), web.url)
    assert run.rows("samples/requests", "name", "request <> ''") == [("POST /status",)], "those that are fine keep nothing"
    ((request, response),) = run.rows("samples/requests", "request, response", "kind = 'status'")
    head, _, body = request.partition("\n\n")
    assert head.startswith("POST /status?code=500&token=(redacted)")
    assert "authorization: (redacted)" in head and "content-type: application/json" in head
    assert body.startswith('{"password": "(redacted)"') and len(body) < 1100
    assert "hunter2" not in request + response and "s3cret" not in request + response
    assert response.startswith("500") and "server-timing: db;dur=1.5" in response and response.endswith("{}")
