"""`tenantry quick` over TLS and HTTP/2, against a server that tells what it was asked in which version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from commandline import Shell
from servers import certificates, hypercorn, running

from tenantry.processes import free_port

APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body")
    with open("seen.txt", "a") as seen:
        print(scope["http_version"], scope["method"], scope["path"], len(body), file=seen)
    await send({"type": "http.response.start", "status": 500 if scope["path"] == "/broken" else 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""
Serve = Callable[[str], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve the app over `http` or `https`; returns its base URL."""
    with ExitStack() as stack:

        def start(scheme: str) -> str:
            port = free_port()
            own = str(certificates(tmp_path)[1])
            options = ("--certfile", own, "--keyfile", own) if scheme == "https" else ()
            stack.enter_context(running(hypercorn(tmp_path, port, APP, *options), port, tmp_path))
            return f"{scheme}://localhost:{port}"

        yield start


@pytest.mark.parametrize(
    ("scheme", "flags", "version"),
    [
        ("https", (), "2"),
        ("https", ("--http2",), "2"),
        ("https", ("--http1.1",), "1.1"),
        ("http", (), "1.1"),
        ("http", ("--http2",), "2"),
    ],
)
def test_every_request_arrives_in_the_version_that_was_asked_for_or_agreed_on(
    shell: Shell, serve: Serve, tmp_path: Path, scheme: str, flags: tuple[str, ...], version: str
) -> None:
    url = serve(scheme)
    done = shell.run("quick", f"{url}/a", *flags, "--insecure", "-n", "60", "-c", "3", "--body", "x" * 40_000, "--json")
    assert (done.code, done.document["totals"]["requests"], done.document["totals"]["failures"]) == (0, 60, 0)
    assert (tmp_path / "seen.txt").read_text().splitlines() == [f"{version} POST /a 40000"] * 60
    (folder,) = shell.runs()
    assert json.loads((folder / "run.json").read_text())["plan"]["http"]["verify"] is False


@pytest.mark.parametrize("flags", [("--http2",), ("--http1.1",)])
def test_at_a_rate_a_5xx_is_a_failure_in_either_version(shell: Shell, serve: Serve, tmp_path: Path, flags: tuple[str, ...]) -> None:
    url = serve("https")
    urls = (f"{url}/a", f"{url}/broken")
    # What starts late, beside other tests, makes a run invalid where it matters beside the limit of the response time.
    limits = ("--threshold", "failures < 1%", "--threshold", "response_time p50 < 10s")
    done = shell.run("quick", *urls, *flags, "-k", "-q", "40/s", "-z", "1s", *limits, "--json")
    assert (done.code, done.document["totals"]["requests"], done.document["totals"]["failures"]) == (10, 40, 20)
    assert [(each["name"], each["kind"], each["count"]) for each in done.document["failures"]] == [("GET /broken", "status", 20)]
    assert len((tmp_path / "seen.txt").read_text().splitlines()) == 40


def test_a_certificate_that_nobody_vouches_for_fails_every_request_before_it_is_sent(shell: Shell, serve: Serve, tmp_path: Path) -> None:
    done = shell.run("quick", f"{serve('https')}/a", "-n", "6", "-c", "2", "--threshold", "failures < 1%", "--json")
    assert done.code == 10
    (failure,) = done.document["failures"]
    assert (failure["kind"], failure["count"]) == ("tls", 6)
    assert "UnknownIssuer" in failure["detail"]
    assert not (tmp_path / "seen.txt").exists()
