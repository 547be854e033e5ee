"""`python -m benchmarks.report`: how long the report of a large run takes, and how large it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from benchmarks.largerun import Size, write_run

SIZES = {
    "hour": Size(),
    "names": Size(seconds=120, rate=500, endpoints=5000, tenants=100),
    "day": Size(seconds=86_400, rate=20, endpoints=20, tenants=1000),
    "seconds": Size(seconds=3, rate=200, endpoints=1, tenants=10),
}


@click.command()
@click.option("--size", type=click.Choice(list(SIZES)), default="hour", show_default=True, help="Which run.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the run here, and use the one that is there.")
def main(size: str, folder: Path | None) -> None:
    """Make a run folder of that size, and its report; print seconds, CPU seconds and bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        run = folder or Path(scratch) / "run"
        if not (run / "run.json").exists():
            write_run(run, SIZES[size])
        print(json.dumps({"size": size, "files": sum(1 for _ in run.rglob("*.parquet")), **measured(run)}, indent=2))


def measured(run: Path) -> dict[str, float | int]:
    """One report of the run: wall and CPU seconds of the command, bytes of the page."""
    before, began = os.times(), time.monotonic()
    subprocess.run([sys.executable, "-m", "tenantry", "report", str(run)], check=True, capture_output=True)
    after, ended = os.times(), time.monotonic()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall_s": round(ended - began, 2), "cpu_s": round(cpu, 2), "page_bytes": (run / "report.html").stat().st_size}


if __name__ == "__main__":
    main()
