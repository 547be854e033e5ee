"""`python -m benchmarks.soak`: whether memory stays flat over ten million requests, and what ten thousand virtual users take."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import duckdb
from benchmarks import machine
from benchmarks.machine import Cores
from benchmarks.nginx import Nginx, nginx
from benchmarks.process import run_pinned
from benchmarks.results_file import write

SCENARIO = Path(__file__).with_name("soak_scenario.py")
REQUESTS = 10_000_000
GROWTH_LIMIT_BYTES = 5_000_000
VUS_LIMIT_BYTES = 250_000_000
WARMUP_SHARE = 0.1


class Memory(NamedTuple):
    """Resident bytes of the load process by the requests that it had made, once per second; `total`: requests of the whole run."""

    requests: list[int]
    rss_bytes: list[int]
    total: int

    @property
    def growth_bytes(self) -> float:
        """Growth over ten million requests, by a straight line through everything after the first tenth."""
        start = WARMUP_SHARE * self.requests[-1]
        later = [(count, rss) for count, rss in zip(self.requests, self.rss_bytes, strict=True) if count >= start]
        return slope(later) * REQUESTS


def slope(points: Sequence[tuple[float, float]]) -> float:
    """That of the least-squares line; 0 for fewer than two points."""
    count = len(points)
    if count < 2:
        return 0.0
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def measure(workload: str, server: Nginx, cores: Cores, settings: Sequence[str]) -> Memory:
    """One run, and what its folder says. Raises SystemExit when it did not measure."""
    with tempfile.TemporaryDirectory() as runs:
        command = [str(Path(sys.executable).parent / "tenantry"), "run", f"{SCENARIO}:{workload}", "--target", server.url]
        command += [part for setting in settings for part in ("--set", setting)]
        ended = run_pinned([*command, "--runs", runs, "--json", "--quiet"], cores.generator, environment={}, limit_s=650)
        if ended.code not in (0, 12):
            raise SystemExit(f"{workload} ended with {ended.code}: {ended.stderr.strip()[-300:]}")
        told = json.loads(ended.stdout)
        return _memory(Path(told["run"]), int(told["totals"]["requests"]))


def _memory(run: Path, total: int) -> Memory:
    query = """
        WITH done AS (SELECT second, sum(requests) AS n FROM read_parquet(?) GROUP BY second),
        held AS (SELECT second, max(rss_bytes) AS rss FROM read_parquet(?) WHERE second >= 0 GROUP BY second)
        SELECT sum(coalesce(n, 0)) OVER (ORDER BY second)::BIGINT, rss::BIGINT FROM held LEFT JOIN done USING (second) ORDER BY second
    """
    rows = duckdb.execute(query, [str(run / "series/http-*.parquet"), str(run / "probes/generator-*.parquet")]).fetchall()
    return Memory([count for count, _ in rows], [rss for _, rss in rows], total)


def figures(memory: Memory) -> dict[str, object]:
    """For the results file."""
    first = next((rss for count, rss in zip(*memory[:2], strict=True) if count >= WARMUP_SHARE * memory.requests[-1]), 0)
    return {
        "requests": memory.total,
        "seconds": len(memory.requests),
        "rss_bytes_after_warmup": first,
        "rss_bytes_last": memory.rss_bytes[-1],
        "rss_bytes_most": max(memory.rss_bytes),
        "growth_bytes_per_10_million": round(memory.growth_bytes),
    }


@click.command()
@click.option("--requests", default=REQUESTS, show_default=True, type=click.IntRange(100_000), help="How many requests.")
@click.option("--vus", default=10_000, show_default=True, type=click.IntRange(1), help="How many virtual users, each with a connection.")
def main(requests: int, vus: int) -> None:
    """Run both, print what they took, and write benchmarks/results/<date>.json."""
    cores = Cores.choose()
    os.sched_setaffinity(0, {cores.server})
    with nginx(cores.server) as server:
        many = measure("many_requests", server, cores, [f"iterations={requests}"])
        growth = many.growth_bytes
        kept = "within" if growth <= GROWTH_LIMIT_BYTES else "ABOVE"
        print(f"{many.total:,} requests in {len(many.requests)} s: resident {many.rss_bytes[-1] / 1e6:.1f} MB at the end")
        print(
            f"  growth over 10 million requests {growth / 1e6:+.2f} MB, {kept} the limit of {GROWTH_LIMIT_BYTES / 1e6:.0f} MB", flush=True
        )
        connected = measure("many_vus", server, cores, [f"vus={vus}"])
    most = max(connected.rss_bytes)
    kept = "within" if most <= VUS_LIMIT_BYTES else "ABOVE"
    print(f"{vus:,} connected virtual users: resident {most / 1e6:.0f} MB, {kept} the limit of {VUS_LIMIT_BYTES / 1e6:.0f} MB")
    about = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.shape()}
    print(f"\nwritten to {write({**about, 'soak': figures(many), 'vus': {'vus': vus, **figures(connected)}})}")


if __name__ == "__main__":
    main()
