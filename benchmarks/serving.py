"""`python -m benchmarks.serving`: how soon the dashboard lists many runs, at first and once it knows them."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import click
from benchmarks.largerun import Size, write_run

PAGES = {"list": "/", "list, page 2": "/?page=2", "searched": "/?search=run-0777", "as JSON": "/api/runs"}
ADDRESS = re.compile(r"http://\S+?:\d+")


@click.command()
@click.option("--runs", "count", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="How many runs there are.")
@click.option(
    "--rounds", default=11, show_default=True, type=click.IntRange(1), help="How often each page is asked for, one after the other."
)
def main(count: int, rounds: int) -> None:
    """Make small runs, serve them, ask for their list; print milliseconds: the first answer of all, then the median of each page."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_runs(folder, count)
        command = [sys.executable, "-m", "tenantry", "serve", "--port", "0", "--runs", str(folder)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as server:
            try:
                address = address_of(server)
                told: dict[str, float] = {"first": fetched_ms(address + "/")}
                wait_for_figures(address)
                told |= {name: statistics.median(fetched_ms(address + path) for _ in range(rounds)) for name, path in PAGES.items()}
            finally:
                server.terminate()
    print(json.dumps({"runs": count, "ms": {name: round(ms, 1) for name, ms in told.items()}}, indent=2))


def write_runs(folder: Path, count: int) -> None:
    """One small run, and copies of it that began a minute apart."""
    first = write_run(folder / "run-0000", Size(seconds=5, rate=20, endpoints=2, tenants=5))
    manifest = json.loads((first / "run.json").read_text())
    for number in range(1, count):
        copy = folder / f"run-{number:04}"
        shutil.copytree(first, copy, copy_function=os.link)
        (copy / "run.json").unlink()
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_760_000_000 + 60 * number))
        (copy / "run.json").write_text(json.dumps(manifest | {"started_at": started}))


def address_of(server: subprocess.Popen[str]) -> str:
    """Where it serves, once it says so."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := ADDRESS.search(line):
            return found[0]
    raise RuntimeError(f"the server ended with {server.wait()}")


def wait_for_figures(address: str) -> None:
    """Until the figures of all runs have been read."""
    while True:
        with urllib.request.urlopen(f"{address}/api/runs", timeout=60) as answer:
            if all(run["figures"] for run in json.load(answer)["runs"]):
                return
        time.sleep(0.5)


def fetched_ms(url: str) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()
