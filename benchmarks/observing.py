"""`make bench-observing`: what observing costs the app at saturation. Within one load the observer is stopped and let go on in turns."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import psutil
from benchmarks.fault_runs import Stage, served, tenantry

from tenantry.compare.student import point
from tenantry.results import open_run
from tenantry.results.probes import read_facts
from tenantry_clinic import faults

TENANTS = 200
# Of each turn the first second does not count: what was put off while the observer stood still is made up for in it.
LEFT_OUT_S = 1
_START_S = 60
_WORKLOAD = """from tenantry import constant_vus
from tenantry import workload as workload_of
from tenantry_clinic.dataset import clinic
from tenantry_clinic.faults._loads import calendar_page

saturated = workload_of(calendar_page, constant_vus({vus}, "{seconds}s"), dataset=clinic)
"""


def observes(turn: int) -> bool:
    """Whether the observer goes on in a turn of the load: each goes first in half of the pairs."""
    return turn % 4 in (0, 3)


def losses(requests: dict[int, int], pairs: int, seconds: int) -> list[float]:
    """The share of the throughput that is lost while the observer goes on, of each pair of turns; from the requests in each second."""

    def handled(turn: int) -> int:
        return sum(requests.get(second, 0) for second in range(turn * seconds + LEFT_OUT_S, (turn + 1) * seconds))

    both = ((turn, turn + 1) if observes(turn) else (turn + 1, turn) for turn in range(0, 2 * pairs, 2))
    return [1 - handled(observed) / handled(alone) for observed, alone in both]


def in_turns(load: Future[dict[str, Any]], runs: Path, turns: int, seconds: int) -> float:
    """Stop the observer of the run that is starting, and let it go on, until all turns are over; returns its seconds of a core."""
    zero_s = _begun(load, runs)
    (observer,) = [each for each in psutil.Process().children(recursive=True) if "tenantry.observe" in each.cmdline()]
    before = observer.cpu_times()
    try:
        for turn in range(turns):
            time.sleep(max(zero_s + turn * seconds - time.time(), 0))
            observer.send_signal(signal.SIGCONT if observes(turn) else signal.SIGSTOP)
        time.sleep(max(zero_s + turns * seconds - time.time(), 0))
        after = observer.cpu_times()
        return after.user + after.system - before.user - before.system
    finally:
        observer.send_signal(signal.SIGCONT)


def _begun(load: Future[dict[str, Any]], runs: Path) -> float:
    """When the load began, by the wall clock."""
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up and not load.done():
        for manifest in runs.glob("*/run.json"):
            if begun_ns := json.loads(manifest.read_text()).get("started_unix_ns"):
                return float(begun_ns) / 1e9
        time.sleep(0.05)
    raise RuntimeError("the load has not begun")


@click.command()
@click.option("--pairs", default=12, show_default=True, type=click.IntRange(3, 500))
@click.option("--seconds", default=10, show_default=True, type=click.IntRange(2, 60), help="Of each turn.")
@click.option("--vus", default=16, show_default=True, type=click.IntRange(1, 500))
def main(pairs: int, seconds: int, vus: int) -> None:
    """Print what observing costs with its 95 % confidence interval."""
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="tenantry-observing-") as name:
        folder, length = Path(name), 2 * pairs * seconds
        (folder / "saturated.py").write_text(_WORKLOAD.format(vus=vus, seconds=length))
        stage = Stage(stack, {}, TENANTS)
        port, database, _ = stack.enter_context(served(stage, "none", faults.fault("none").default, wrong=False))
        target = f"http://127.0.0.1:{port}"
        environment = {
            "OBSERVED": stage.dsn(database),
            "TENANTRY_OBSERVE_DSN_ENV": "OBSERVED",
            "TENANTRY_OBSERVE_METRICS": f"{target}/metrics",
        }
        command = ["run", f"{folder}/saturated.py:saturated", "--target", target, "--tenants", str(TENANTS), "--runs", f"{folder}/runs"]
        pool = stack.enter_context(ThreadPoolExecutor(1))
        load = pool.submit(tenantry, *command, limit_s=length + 120, **environment)
        own_s = in_turns(load, folder / "runs", 2 * pairs, seconds)
        kept = Path(load.result()["run"])
        with open_run(kept) as run:
            requests = dict(run.tables.rows("SELECT second, sum(requests)::BIGINT FROM http GROUP BY 1", of=("http",)))
        statements_s = read_facts(kept)["postgres"]["cost"]["exec_s"]
    lost = losses(requests, pairs, seconds)
    half = point(0.95, pairs - 1) * stdev(lost) / pairs**0.5
    click.echo(f"observing costs {mean(lost):.1%} of the throughput (95 %: {mean(lost) - half:.1%} to {mean(lost) + half:.1%})")
    watched_s, cores = pairs * seconds, psutil.cpu_count() or 1
    shares = f"the observer {own_s / watched_s:.2%} of a core, its statements {statements_s / watched_s:.2%}"
    click.echo(f"and {(own_s + statements_s) / watched_s / cores:.2%} of the time of {cores} cores: {shares}")
    click.echo(f"{pairs} pairs of turns of {seconds} s, at {mean(requests.values()):,.0f} requests/s")


if __name__ == "__main__":
    # What the commands that it starts would otherwise be told of a terminal.
    os.environ["NO_COLOR"] = "1"
    main()
