"""How late iterations of an open workload start, by the run's own account, with the generator on one core."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import Cores
from benchmarks.nginx import Nginx
from benchmarks.noise import Watch
from benchmarks.process import run_pinned

SCENARIO = Path(__file__).parent.parent / "peers" / "scenario.py"
MAX_VUS = 400
STATS = ("p50", "p99", "p99.9", "max")


@dataclass(frozen=True, slots=True)
class Delay:
    """One run: the rate it reached, dropped iterations, start delays in seconds, what others took of the cores."""

    rate: int
    started_per_s: float
    served: int
    requests: int
    dropped: int
    delay_s: dict[str, float]
    busy_share: float | None
    others: float
    verdict: str


def measure(rate: int, seconds: int, server: Nginx, cores: Cores) -> Delay:
    """One run at `rate` iterations per second. Raises ValueError when it did not measure."""
    with tempfile.TemporaryDirectory() as runs:
        settings = [f"rate={rate}/s", f"duration={seconds}s", f"max_vus={MAX_VUS}"]
        command = [str(Path(sys.executable).parent / "tenantry"), "run", f"{SCENARIO}:open_rate", "--target", server.url]
        command += [part for setting in settings for part in ("--set", setting)]
        watch = Watch(server, cores)
        ended = run_pinned([*command, "--runs", runs, "--json", "--quiet"], cores.generator, environment={}, limit_s=seconds + 60)
        around = watch.stop(ended.cpu_s)
    if ended.code not in (0, 12):
        raise ValueError(f"tenantry ended with {ended.code}: {ended.stderr.strip()[-300:]}")
    told = json.loads(ended.stdout)
    totals, generator = told["totals"], told["generator"]
    return Delay(
        rate,
        totals["started_rate"],
        around.served,
        totals["requests"],
        totals["dropped_iterations"],
        {stat: generator["start_delay_s"][stat] for stat in STATS},
        generator["busy_share"],
        around.others,
        told["verdict"],
    )


def table(found: Sequence[Delay]) -> str:
    """Lines for people, in milliseconds."""
    stats = "".join(f"{stat + ' ms':>11}" for stat in STATS)
    lines = [f"  {'rate':>8}{'started':>10}{'dropped':>9}{stats}{'busy':>7}{'others':>8}  verdict"]
    for one in found:
        delays = "".join(f"{1000 * one.delay_s[stat]:>11.3f}" for stat in STATS)
        busy = "-" if one.busy_share is None else f"{one.busy_share:.0%}"
        lines.append(f"  {one.rate:>6,}/s{one.started_per_s:>10,.0f}{one.dropped:>9,}{delays}{busy:>7}{one.others:>8.0%}  {one.verdict}")
    return "\n".join(lines)


def as_json(found: Sequence[Delay]) -> list[dict[str, object]]:
    """For the results file."""
    return [asdict(one) for one in found]
