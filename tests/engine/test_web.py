"""What browsers and APIs do beyond one request and one answer, against a server that knows what it did."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from loads import Act, Drive
from truth import TruthServer
from webserver import TEXT, WebServer

from tenantry import Vu, constant_vus, scenario, workload
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


def test_connections_are_closed_shared_or_come_from_given_addresses_when_asked_for(web: WebServer, act: Act) -> None:
    async def two(vu: Vu) -> None:
        await vu.get("/a")
        await vu.get("/b")

    act(two, web.url, http=http_settings(keep_alive=False))
    assert web.connections == 2
    assert [seen.headers.get("connection") for seen in web.arrivals] == ["close", "close"]
    act(two, f"http://app.test:{web.port}", http=http_settings(hosts={"app.test": "127.0.0.1"}), allow=("app.test",))
    assert web.arrivals[-1].headers["host"] == f"app.test:{web.port}"
    act(two, web.url, http=http_settings(source_addresses=["127.0.0.9"]))
    assert web.peers[-1] == "127.0.0.9"


def test_virtual_users_share_connections_when_asked_for(web: WebServer, drive: Drive) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get("/delay?ms=5")

    settings = http_settings(connections="shared", connections_per_host=3)
    drive(workload(visit, constant_vus(12, "0.3s"), http=settings), web.url)
    assert web.connections == 3


def proxy(server: TruthServer) -> tuple[int, list[bytes], threading.Thread]:
    """A proxy for one connection: a tunnel, or one request with a whole URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            seen.append(head)
            with socket.create_connection(("127.0.0.1", server.port)) as upstream:
                if head.startswith(b"CONNECT"):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    upstream.sendall(re.sub(rb"http://[^/]+", b"", head, count=1))
                for one, two in ((client, upstream), (upstream, client)):
                    threading.Thread(target=_pump, args=(one, two), daemon=True).start()
                done.wait(10)

    done = threading.Event()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener.getsockname()[1], seen, thread


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


def test_a_proxy_gets_whole_urls_for_plain_http(web: WebServer, act: Act) -> None:
    port, seen, _ = proxy(web)

    async def script(vu: Vu) -> None:
        assert (await vu.get("/fine")).ok

    act(script, web.url, http=http_settings(proxy=f"http://127.0.0.1:{port}"))
    assert seen[0].startswith(f"GET {web.url}/fine HTTP/1.1\r\n".encode())
    assert paths(web) == [("GET", "/fine")]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *, client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    return context


def test_a_tunnel_of_a_proxy_carries_tls(authority: trustme.CA, act: Act, tmp_path: Path) -> None:
    roots = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(roots))

    async def script(vu: Vu) -> None:
        page = await vu.get("/fine")
        assert page.ok, page.failure

    with TruthServer(tls=server_context(authority)) as server:
        port, seen, _ = proxy(server)
        act(script, server.url, http=http_settings(proxy=f"http://127.0.0.1:{port}", ca=roots))
    assert seen[0].startswith(f"CONNECT localhost:{server.port} HTTP/1.1\r\n".encode())


# The test server drops the sockets of handshakes that failed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_trusts_a_given_authority_or_everybody_and_proves_itself_when_asked(authority: trustme.CA, act: Act, tmp_path: Path) -> None:
    roots, mine = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(roots))
    authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(str(mine))

    async def works(vu: Vu) -> None:
        page = await vu.get("/fine")
        assert page.ok, page.failure

    async def refused(vu: Vu) -> None:
        assert (await vu.get("/fine")).failure in ("tls", "reset")

    with TruthServer(tls=server_context(authority)) as server:
        act(refused, server.url)
        act(works, server.url, http=http_settings(ca=roots))
        act(works, server.url, http=http_settings(verify=False))
    with TruthServer(tls=server_context(authority, client=True)) as server:
        act(refused, server.url, http=http_settings(ca=roots))
        act(works, server.url, http=http_settings(ca=roots, client_certificate=mine))


def test_files_of_tls_that_are_none_are_faults_of_the_workload(web: WebServer, act: Act, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(UsageError, match=r"no such file"):
        act(lambda vu: asyncio.sleep(0), web.url, http=http_settings(ca=tmp_path / "absent.pem"))
    with pytest.raises(UsageError, match=r"holds no certificate|empty.pem"):
        act(lambda vu: asyncio.sleep(0), web.url, http=http_settings(ca=empty))


def test_settings_can_be_changed_by_overrides(web: WebServer) -> None:
    @scenario
    async def visit(vu: Vu) -> None: ...

    base = workload(visit, constant_vus(1, "1s"))
    plan = base.plan(target=web.url, overrides={"http.version": "2", "http.verify": "false", "http.dns_ttl": "0s"})
    assert (plan.http.version, plan.http.verify, plan.http.dns_ttl_ns) == ("2", False, 0)
    assert replace(plan.http, faults=()) == plan.http
    with pytest.raises(Exception, match=r"version is '3'"):
        base.plan(target=web.url, overrides={"http.version": "3"})
    with pytest.raises(Exception, match=r"unknown setting http.versio"):
        base.plan(target=web.url, overrides={"http.versio": "2"})
