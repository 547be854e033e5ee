"""The engine against servers that others wrote: HTTP/2 and HTTP/1.1, with and without TLS."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from loads import Act, Drive
from servers import certificates, hypercorn, running

from tenantry import Vu, constant_vus, scenario, shared_iterations, workload
from tenantry.http import Transfer, http_settings
from tenantry.processes import free_port

APP = """
import asyncio, json
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    path = scope["path"]
    if path == "/slow":
        await asyncio.sleep(0.05)
    answer = json.dumps({"version": scope["http_version"], "length": len(body), "query": scope["query_string"].decode()}).encode()
    if path == "/big":
        answer = b"x" * 3_000_000
    status = 404 if path == "/missing" else 200
    headers = [(b"content-type", b"application/json"), (b"set-cookie", b"seen=1; Path=/")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for start in range(0, len(answer), 500_000):
        await send({"type": "http.response.body", "body": answer[start:start + 500_000], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
"""


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """The authority, and a certificate for localhost with its key."""
    return certificates(tmp_path)


async def everything(vu: Vu) -> str:
    """What an app is asked, whatever the version; returns the version that it saw."""
    page = await vu.get("/item", params={"q": "ä b"})
    assert page.ok, page.failure
    assert page.json()["query"] == "q=%C3%A4+b"
    assert vu.cookies.get("seen") == "1"
    assert (await vu.post("/echo", data=b"y" * 2_000_000)).json()["length"] == 2_000_000
    assert len((await vu.get("/big")).body) == 3_000_000
    assert (await vu.get("/missing", expect=404)).ok
    assert (await vu.head("/item")).body == b""
    at_once = await asyncio.gather(*(vu.get(f"/slow?n={n}") for n in range(12)))
    assert [slow.json()["query"] for slow in at_once] == [f"n={n}" for n in range(12)]
    async with vu.stream("GET", "/big") as big:
        assert sum([len(piece) async for piece in big.pieces()]) == 3_000_000
    assert (await vu.get("/slow", timeout=0.01)).failure == "timeout"
    assert (await vu.get("/item")).ok
    version: str = page.json()["version"]
    assert page.http_version == version
    return version


@pytest.mark.parametrize(("version", "saw"), [("auto", "2"), ("2", "2"), ("1.1", "1.1")])
def test_hypercorn_over_tls(act: Act, tmp_path: Path, certificate: tuple[Path, Path], version: str, saw: str) -> None:
    roots, own = certificate
    port = free_port()
    with running(hypercorn(tmp_path, port, APP, "--certfile", str(own), "--keyfile", str(own)), port, tmp_path):
        assert act(everything, f"https://localhost:{port}", http=http_settings(version=version, ca=roots)) == saw


@pytest.mark.parametrize(("version", "saw"), [("auto", "1.1"), ("2", "2")])
def test_hypercorn_without_tls(act: Act, tmp_path: Path, version: str, saw: str) -> None:
    port = free_port()
    with running(hypercorn(tmp_path, port, APP), port, tmp_path):
        assert act(everything, f"http://localhost:{port}", http=http_settings(version=version)) == saw


def test_requests_share_one_connection_over_http2(drive: Drive, tmp_path: Path) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await asyncio.gather(*(vu.get(f"/slow?n={n}", name="slow") for n in range(10)))

    port = free_port()
    with running(hypercorn(tmp_path, port, APP), port, tmp_path):
        done = drive(workload(visit, constant_vus(2, "0.3s"), http=http_settings(version="2")), f"http://localhost:{port}")
    (row,) = done.rows("series/http", "sum(requests), sum(failures), sum(connections)")
    assert row[0] >= 20 and row[1] == 0 and row[2] <= 2 * 10
    (probe,) = done.rows("probes/generator", "max(open_connections)") or [(0,)]
    assert probe[0] is None or probe[0] <= 2


def nginx(folder: Path, config: str) -> list[str]:
    """The command that serves such a configuration."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        pytest.skip("nginx is not installed")
    (folder / "nginx.conf").write_text(config)
    return [found, "-p", str(folder), "-c", str(folder / "nginx.conf")]


NGINX = """
daemon off; pid nginx.pid; error_log error.log; worker_processes 1; events {{}}
http {{
    access_log access.log combined buffer=64k flush=1s; keepalive_requests {most};
    client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    gzip on; gzip_types application/json; gzip_min_length 1;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {own}; ssl_certificate_key {own};
        location / {{ default_type application/json; return 200 '{{"version": "$server_protocol", "agent": "$http_user_agent"}}'; }}
    }}
}}
"""


@pytest.mark.parametrize(("version", "saw"), [("auto", "HTTP/2.0"), ("1.1", "HTTP/1.1")])
def test_nginx_over_tls_with_compression(act: Act, tmp_path: Path, certificate: tuple[Path, Path], version: str, saw: str) -> None:
    roots, own = certificate
    port = free_port()
    command = nginx(tmp_path, NGINX.format(port=port, own=own, most=1000))

    async def script(vu: Vu) -> Any:
        page = await vu.get("/item")
        assert page.ok, page.failure
        assert page.headers["content-encoding"] == "gzip"
        assert page.json()["agent"].startswith("tenantry/")
        return page.json()["version"]

    with running(command, port, tmp_path):
        assert act(script, f"https://localhost:{port}", http=http_settings(version=version, ca=roots)) == saw


def test_requests_that_a_server_turned_away_when_it_ended_a_connection_go_over_the_next_one(
    drive: Drive, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await asyncio.gather(*(vu.post("/item", data=b"x") for _ in range(7)))

    roots, own = certificate
    port = free_port()
    with running(nginx(tmp_path, NGINX.format(port=port, own=own, most=10)), port, tmp_path):
        once = workload(visit, shared_iterations(60, vus=2), http=http_settings(ca=roots))
        run = drive(once, f"https://localhost:{port}")
    assert len((tmp_path / "access.log").read_text().splitlines()) == run.total("series/http", "requests") == 60 * 7
    assert run.rows("series/failures") == []
    assert run.total("series/http", "resent") > 0
    assert run.total("series/http", "connections") >= 42


def test_the_file_server_of_python(act: Act, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("hello")
    (tmp_path / "sub").mkdir()

    async def script(vu: Vu) -> None:
        assert (await vu.get("/page.txt")).text == "hello"
        assert (await vu.get("/sub")).status == 200, "it redirects to /sub/"
        assert (await vu.get("/absent")).failure == "status"
        assert (await vu.get("/page.txt", transfer=Transfer(discard=True))).body == b""

    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with running(command, port, tmp_path):
        act(script, f"http://127.0.0.1:{port}")
