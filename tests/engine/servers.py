"""Servers that others wrote, as processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """A server from the moment at which it accepts connections; what it says is in `server.log`."""
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < give_up, (folder / "server.log").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def hypercorn(folder: Path, port: int, app: str, *options: str) -> list[str]:
    """The command that serves an ASGI app, given as source, with HTTP/1.1 and HTTP/2."""
    (folder / "app.py").write_text(app)
    return [sys.executable, "-m", "hypercorn", "--graceful-timeout", "0", "--bind", f"127.0.0.1:{port}", *options, "app:app"]


def certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a certificate for localhost with its key."""
    authority = trustme.CA()
    roots, own = folder / "ca.pem", folder / "own.pem"
    authority.cert_pem.write_to_path(str(roots))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(own))
    return roots, own
