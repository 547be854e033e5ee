"""Settings of connections: how many there are, where they come from and lead to, through proxies and over TLS."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from loads import Act, Drive
from truth import TruthServer
from webserver import WebServer

from tenantry import Vu, constant_vus, scenario, workload
from tenantry.errors import UsageError
from tenantry.http import http_settings


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


def test_only_addresses_of_the_family_asked_for_are_used(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> str | None:
        return (await vu.get("/")).failure

    there = f"http://localhost:{web.port}"
    assert act(script, there, http=http_settings(family="4")) is None
    assert act(script, there, http=http_settings(family="6")) in ("dns", "refused", "connect"), "nobody listens there"


def test_virtual_users_share_connections_when_asked_for(web: WebServer, drive: Drive) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get("/delay?ms=5")

    settings = http_settings(connections="shared", connections_per_host=3)
    drive(workload(visit, constant_vus(12, "0.3s"), http=settings), web.url)
    assert web.connections == 3


def proxy(server: TruthServer, refusal: bytes = b"") -> tuple[int, list[bytes], threading.Thread]:
    """A proxy for one connection: a tunnel, which it may refuse, or one request with a whole URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            seen.append(head)
            if refusal:
                client.sendall(b"HTTP/1.1 " + refusal + b"\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", server.port)) as upstream:
                if head.startswith(b"CONNECT"):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    upstream.sendall(re.sub(rb"http://[^/]+", b"", head, count=1))
                pumps = [threading.Thread(target=_pump, args=ends, daemon=True) for ends in ((client, upstream), (upstream, client))]
                for pump in pumps:
                    pump.start()
                for pump in pumps:
                    pump.join(10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener.getsockname()[1], seen, thread


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_a_proxy_gets_whole_urls_for_plain_http(web: WebServer, act: Act) -> None:
    port, seen, _ = proxy(web)

    async def script(vu: Vu) -> None:
        assert (await vu.get("/fine")).ok

    act(script, web.url, http=http_settings(proxy=f"http://me:pw@127.0.0.1:{port}"))
    assert seen[0].startswith(f"GET {web.url}/fine HTTP/1.1\r\n".encode())
    assert b"\r\nproxy-authorization: Basic bWU6cHc=\r\n" in seen[0]
    assert [(seen.method, seen.path) for seen in web.arrivals] == [("GET", "/fine")]


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
        act(script, server.url, http=http_settings(proxy=f"http://me:pw@127.0.0.1:{port}", ca=roots))
        assert "proxy-authorization" not in server.arrivals[0].headers, "it is for the proxy alone"
    assert seen[0].startswith(f"CONNECT localhost:{server.port} HTTP/1.1\r\n".encode())
    assert b"\r\nproxy-authorization: Basic bWU6cHc=\r\n" in seen[0]


def test_a_tunnel_that_the_proxy_refuses_is_a_failed_connection(web: WebServer, act: Act) -> None:
    async def script(vu: Vu) -> None:
        assert (await vu.get("/fine")).failure == "connect"

    port, _, _ = proxy(web, b"407 Proxy Authentication Required")
    act(script, f"https://localhost:{web.port}", http=http_settings(proxy=f"http://127.0.0.1:{port}"))
    assert web.arrivals == []


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
