"""Observed runs of the second app, which shares no code, schema or names with the clinic; scored as those of the clinic are."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from functools import partial
from pathlib import Path

import asyncpg
import click
from benchmarks.diagnosis.collect import LABEL, Injected, attempted, keep
from benchmarks.fault_runs import WARM_UP
from benchmarks.second_app.app import SEEDED, Depot, Running
from benchmarks.second_app.faults import SHOWN, Rates, load

MANAGED = "managed.json"


def collect(depot: Depot, rates: Rates, injected: Injected, into: Path, seconds: int) -> None:
    """Carry out one observed run and keep its folder."""
    shown = SHOWN[injected.fault]
    given = (f"{injected.fault}={injected.value:g}",) if injected.wrong else ()
    rate = rates.of(shown)
    with depot.running(*given, distance_ms=shown.distance_ms) as running, tempfile.TemporaryDirectory() as folder:
        load(depot, running, shown, folder, rate=rate, duration=WARM_UP)
        told = load(depot, running, shown, folder, _observing(running), rate=rate, duration=f"{seconds}s")
        keep(told["run"], into, injected)


def _observing(running: Running) -> dict[str, str]:
    """The environment of a run that is observed."""
    environment = {"OBSERVED": running.owner_dsn, "TENANTRY_OBSERVE_DSN_ENV": "OBSERVED"}
    return {**environment, "TENANTRY_OBSERVE_METRICS": f"{running.url}/metrics"}


async def _count_statements(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    finally:
        await connection.close()


@click.command()
@click.option("--runs", "into", required=True, type=click.Path(path_type=Path), help="Folder for the runs; those that are there are kept.")
@click.option("--only", default="", help="Names of faults with commas between them.  [default: all]")
@click.option("--seconds", default=12, show_default=True, type=click.IntRange(5, 120))
def main(into: Path, only: str, seconds: int) -> None:
    """Carry out the runs that are not there yet: each fault at its default value, and once without it."""
    into.mkdir(parents=True, exist_ok=True)
    names = [name.strip() for name in only.split(",") if name.strip()] or list(SHOWN)
    failed = 0
    with Depot() as depot:
        asyncio.run(_count_statements(depot.dsn(SEEDED)))
        known, rates = depot.faults(), Rates(depot, into / MANAGED)
        for name in names:
            for wrong in (False, True) if name != "none" else (False,):
                slow = SHOWN[name].distance_ms > 0
                injected = Injected(name, float(known[name]["default"] or 1), "plateau", wrong, slow=slow)
                if (into / injected.folder / LABEL).exists():
                    continue
                failed += not attempted(injected, partial(collect, depot, rates, injected, into, seconds))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
