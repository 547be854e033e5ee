"""`tenantry serve` as its users start it, and a client that asks it over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from commandline import Running, Shell, wait_until
from runfolder import clinic_run

TOKEN = "a-token-of-the-tests-1234"
ADDRESS = re.compile(r"http://\S+?:\d+/")


@dataclass
class Dashboard:
    """A server that goes on, and its client; redirects are not followed."""

    running: Running
    client: httpx.Client

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def runs(self, query: str = "") -> list[dict[str, Any]]:
        """What `/api/runs` lists."""
        found: list[dict[str, Any]] = self.get(f"/api/runs{query}").json()["runs"]
        return found

    def wait_for_figures(self) -> list[dict[str, Any]]:
        """The list, once the figures of all runs have been read."""
        wait_until(lambda: all(run["figures"] for run in self.runs()), self.runs, timeout_s=60)
        return self.runs()


@contextmanager
def dashboard(shell: Shell, *options: str, token: str | None = None, wildcard: str = "") -> Iterator[Dashboard]:
    """Serve the runs of the shell's folder on a free port."""
    environment = {"TENANTRY_SERVE_TOKEN": token} if token else {}
    with shell.start("serve", "--port", "0", *options, environment=environment) as running:
        running.wait_for("Ctrl-C ends it")
        found = ADDRESS.search("".join(running.heard("err")))
        assert found
        address = found[0].replace(wildcard, "127.0.0.1") if wildcard else found[0]
        with httpx.Client(base_url=address, timeout=20, trust_env=False) as client:
            yield Dashboard(running, client)


def store(runs: Path, minute: int, *, seconds: int = 3, speed: float = 1.0, name: str = "clinic", **manifest: Any) -> str:
    """A finished run in `runs`, named by its minute; further keys go into its manifest."""
    run = clinic_run(seconds, 40, seed=minute + 1, speed=speed)
    run.manifest = {
        "name": name,
        "started_at": f"2026-01-05T08:{minute:02}:00Z",
        "verdict": {"verdict": "pass", "reason": "all thresholds were met", "exit": 0},
        **manifest,
    }
    folder = run.write(runs / f"20260105T08{minute:02}00Z-{name}")
    return folder.name


def edit(folder: Path, **changes: Any) -> None:
    """Change keys of a stored manifest."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
