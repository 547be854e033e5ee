"""`python -m benchmarks.comparing_runs FOLDER`: real runs of one workload for `make bench-compare RUNS=FOLDER`.

In rounds of three: on an app, on the same app with 15 % longer times, on the first one again; so that whatever else the machine does hits
all alike. The tag `variant` says which of them a run is.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import click

HERE = Path(__file__).parent
SCENARIO = HERE / "comparing_scenario.py"
REGRESSION = 1.15
VARIANT, SAME, SLOWER = "variant", "same", "slower"
_START_S, _LIMIT_S = 30, 180


@contextmanager
def serving(variant: str) -> Iterator[str]:
    """The app in a process of its own; its base URL."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    factor = REGRESSION if variant == SLOWER else 1.0
    command = [sys.executable, "-m", "uvicorn", "benchmarks.comparing_app:app", "--port", str(port), "--log-level", "error"]
    server = subprocess.Popen(command, cwd=HERE.parent, env={**os.environ, "BENCH_FACTOR": str(factor)})
    try:
        _wait(f"{url}/health", server)
        yield url
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _START_S
    while True:
        try:
            urlopen(url, timeout=2).close()  # our own server
            return
        except (URLError, OSError):
            if server.poll() is not None or time.monotonic() > give_up:
                raise SystemExit(f"the app did not start at {url}") from None
            time.sleep(0.1)


def run(url: str, variant: str, folder: Path, number: int) -> None:
    """One run into `folder`; one that measured nothing sound is told and stays there."""
    tenantry = str(Path(sys.executable).with_name("tenantry"))
    settings = ["--set", f"rng_seed={number + 1}", "--tag", f"{VARIANT}={variant}"]
    command = [tenantry, "run", f"{SCENARIO}:load", "--target", url, *settings, "--runs", str(folder), "--quiet", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    click.echo(f"run {number + 1}, {variant}: exit code {ended.returncode} {ended.stderr.strip()[:200] if ended.returncode else ''}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--rounds", default=11, show_default=True, help="Of three runs each, of about 15 s.")
def main(folder: Path, rounds: int) -> None:
    """Make the runs."""
    with ExitStack() as stack:
        urls = {variant: stack.enter_context(serving(variant)) for variant in (SAME, SLOWER)}
        for number in range(rounds * 3):
            variant = SLOWER if number % 3 == 1 else SAME
            run(urls[variant], variant, folder, number)


if __name__ == "__main__":
    main()
