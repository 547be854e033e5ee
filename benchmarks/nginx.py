"""An nginx of our own on one core: it answers, and it counts for itself."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import process_cpu_s, waited_s

_BODY = (
    '{"id": 4711, "name": "Nala", "species": "cat", "clinic": "loadtest-00001", "weight_kg": "4.20", '
    '"born_on": "2021-03-14", "vaccinated": true}'
)
_CONFIG = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log error;
worker_processes 1;
worker_rlimit_nofile 32768;
events {{ worker_connections 16384; multi_accept on; }}
http {{
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /item {{ default_type application/json; return 200 '{body}'; }}
        location = /status {{ stub_status; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running server."""

    url: str
    worker: int

    def served(self) -> int:
        """Requests that it has answered until now, this question included."""
        with urllib.request.urlopen(f"{self.url}/status", timeout=10) as answer:
            found = re.search(r"requests\s+\d+ \d+ (\d+)", answer.read().decode())
        if found is None:
            raise SystemExit("nginx gives no counts: it was built without the stub_status module")
        return int(found[1])

    def cpu_s(self) -> float:
        """CPU seconds that its worker has used until now."""
        return process_cpu_s(self.worker)

    def waited_s(self) -> float:
        """Seconds until now that its worker was ready to run while others had its core."""
        return waited_s(self.worker)


@contextmanager
def nginx(core: int) -> Iterator[Nginx]:
    """One worker on `core`, on a free port of the loopback. Raises SystemExit when nginx is absent or does not start."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed; run `make peers`, or apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), _free_port()
        # As root, nginx gives its worker to another user, who must still reach the folder.
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, port=port, body=_BODY))
        command = ["taskset", "-c", str(core), program, "-p", name, "-e", f"{name}/error.log", "-c", f"{name}/nginx.conf"]
        master = subprocess.Popen(command)
        try:
            _wait_for(port, master, folder)
            yield Nginx(f"http://127.0.0.1:{port}", _worker_of(master.pid))
        finally:
            master.terminate()
            master.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, master: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(200):
        if master.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nginx did not start: {(folder / 'error.log').read_text().strip()}")


def _worker_of(master: int) -> int:
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return int(children[0])
