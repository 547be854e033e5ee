"""`make bench-observing`: what observing costs the app at saturation, loads with and without it in turns."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, stdev

import click
from benchmarks.fault_runs import Stage, served, tenantry

from tenantry.compare.student import point
from tenantry_clinic import faults

_WORKLOAD = """from tenantry import constant_vus
from tenantry import workload as workload_of
from tenantry_clinic.dataset import clinic
from tenantry_clinic.faults._loads import calendar_page

saturated = workload_of(calendar_page, constant_vus({vus}, "{seconds}s"), dataset=clinic)
"""


def throughput(port: int, folder: Path, dsn: str | None) -> float:
    """Requests per second of one load, observed when there is a DSN."""
    target = f"http://127.0.0.1:{port}"
    environment = (
        {} if dsn is None else {"OBSERVED": dsn, "TENANTRY_OBSERVE_DSN_ENV": "OBSERVED", "TENANTRY_OBSERVE_METRICS": f"{target}/metrics"}
    )
    spec = f"{folder}/saturated.py:saturated"
    told = tenantry("run", spec, "--target", target, "--tenants", "200", "--runs", f"{folder}/runs", limit_s=120, **environment)
    return float(told["totals"]["throughput"])


@click.command()
@click.option("--rounds", default=8, show_default=True, type=click.IntRange(3, 50))
@click.option("--seconds", default=8, show_default=True, type=click.IntRange(2, 60))
@click.option("--vus", default=16, show_default=True, type=click.IntRange(1, 500))
def main(rounds: int, seconds: int, vus: int) -> None:
    """Print the throughput of each pair, and what observing costs with its 95 % confidence interval."""
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="tenantry-observing-") as name:
        folder = Path(name)
        (folder / "saturated.py").write_text(_WORKLOAD.format(vus=vus, seconds=seconds))
        stage = Stage(stack, {}, 200)
        port, database, _ = stack.enter_context(served(stage, "none", faults.fault("none").default, wrong=False))
        throughput(port, folder, None)
        losses = []
        for turn in range(rounds):
            # Each goes first in half of the pairs.
            both = [stage.dsn(database), None] if turn % 2 else [None, stage.dsn(database)]
            seen = {dsn is not None: throughput(port, folder, dsn) for dsn in both}
            losses.append(1 - seen[True] / seen[False])
            click.echo(f"without {seen[False]:,.0f}/s, with {seen[True]:,.0f}/s")
        half = point(0.95, rounds - 1) * stdev(losses) / len(losses) ** 0.5
        click.echo(f"observing costs {mean(losses):.1%} of the throughput (95 %: {mean(losses) - half:.1%} to {mean(losses) + half:.1%})")


if __name__ == "__main__":
    # What the commands that it starts would otherwise be told of a terminal.
    os.environ["NO_COLOR"] = "1"
    main()
