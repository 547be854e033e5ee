"""`make bench-second`: that each fault of the second app moves what its users see, and that without it all is as before."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from benchmarks import machine
from benchmarks.fault_proofs import HEAD, Proof, evidence, middles, row, with_lines, with_rows
from benchmarks.fault_runs import LOAD_S, WARM_UP, Figures, figures_of, tenantry, watched
from benchmarks.results_file import write
from benchmarks.second_app.app import HERE, Depot, Running

from tenantry.errors import TenantryError

PAGE = HERE.parents[1] / "docs" / "second-app.md"
LIST = "| fault | VALUE | what is wrong |\n|---|---|---|"
MADE = "made by make bench-second"


# What the depot manages is measured with as many users as its pool has connections.
USERS, SECONDS = 10, 3


@dataclass(frozen=True, slots=True)
class Show:
    """The load at which a fault is seen, one of scenarios.py, and what it moves; `distance_ms` is the database's, with it and without.

    Its rate is a share of what the depot manages on this machine without the fault, and at most `most` iterations per second.
    """

    workload: str
    share: float
    moves: str = "p95"
    distance_ms: float = 0
    most: float = math.inf


# Where every so many transactions lose a connection, the rate decides after how many seconds none is left: it is the same everywhere.
SHOWN: Mapping[str, Show] = {
    "advisory_lock": Show("bags", 0.15, distance_ms=2),
    "app_cpu": Show("mixed", 0.3),
    "app_pool_small": Show("mixed", 0.3, distance_ms=5),
    "connection_leak": Show("mixed", 0.3, most=25),
    "event_loop_blocking": Show("mixed", 0.3),
    "hot_row_lock": Show("bags", 0.15, distance_ms=2),
    "idle_in_transaction": Show("mixed", 0.3, most=25),
    "large_json": Show("forms", 0.3),
    "missing_index": Show("latest", 0.3),
    "n_plus_one": Show("lists", 0.3, distance_ms=1),
    "none": Show("mixed", 0.3),
    "offset_pagination": Show("journals", 0.3),
    "rls_per_row_function": Show("first_pages", 0.3),
    "slow_external_call": Show("quotes", 0.3),
    "sort_spill": Show("reports", 0.3),
    "stale_statistics": Show("boards", 0.3),
}


class Rates:
    """How fast the loads are on this machine. What the depot manages is measured once for each scene; a file keeps it for later."""

    def __init__(self, depot: Depot, file: Path | None = None) -> None:
        self._depot, self._file = depot, file
        self._managed: dict[str, float] = json.loads(file.read_text()) if file and file.exists() else {}

    def of(self, shown: Show) -> str:
        """The rate of this load, two digits of it."""
        scene = f"{shown.workload}, {shown.distance_ms:g} ms"
        if scene not in self._managed:
            self._managed[scene] = managed(self._depot, shown)
            if self._file:
                self._file.write_text(json.dumps(self._managed))
        return rate(shown, self._managed[scene])


def rate(shown: Show, managed: float) -> str:
    """The rate of a load where the depot manages so many iterations per second."""
    return f"{float(f'{min(shown.share * managed, shown.most):.2g}'):g}/s"


def managed(depot: Depot, shown: Show) -> float:
    """Iterations per second of users who do not wait between them, without a fault."""
    with depot.running(distance_ms=shown.distance_ms) as running, tempfile.TemporaryDirectory() as folder:
        for duration in (WARM_UP, f"{SECONDS}s"):
            told = load(depot, running, shown, folder, vus=USERS, duration=duration)
    return float(told["totals"]["iterations"]) / SECONDS


def prove(depot: Depot, shown: Show, rate: str, values: Mapping[str, float], rounds: int, seconds: int) -> list[Proof]:
    """Of faults that are seen at the same load: each round is a load without them, one with each, and one without them again."""
    taken: dict[str, list[tuple[Figures, ...]]] = {name: [] for name in values}
    for _ in range(rounds):
        before = _measure(depot, shown, rate, (), seconds)
        broken = {name: _measure(depot, shown, rate, (f"{name}={value:g}",), seconds) for name, value in values.items()}
        after = _measure(depot, shown, rate, (), seconds)
        for name, figures in broken.items():
            taken[name].append((before, figures, after))
    return [Proof(name, value, f"{shown.workload} {rate}", shown.moves, *middles(taken[name])) for name, value in values.items()]


def _measure(depot: Depot, shown: Show, rate: str, faults: Sequence[str], seconds: int) -> Figures:
    with depot.running(*faults, distance_ms=shown.distance_ms) as running, tempfile.TemporaryDirectory() as folder:
        load(depot, running, shown, folder, rate=rate, duration=WARM_UP)
        database = running.owner_dsn.rpartition("/")[2]
        with watched(depot.server_dsn, database) as seen:
            told = load(depot, running, shown, folder, rate=rate, duration=f"{seconds}s")
        return figures_of(told, *seen)


def load(
    depot: Depot, running: Running, shown: Show, folder: str, environment: Mapping[str, str] | None = None, **settings: object
) -> dict[str, Any]:
    """What `tenantry run` tells of this load, with these settings."""
    where = ["--target", running.url, "--runs", f"{folder}/runs"]
    how = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    environment = {"DEPOT_ORGS": str(depot.orgs), **(environment or {})}
    return tenantry("run", f"{HERE / 'scenarios.py'}:{shown.workload}", *where, *how, limit_s=LOAD_S, **environment)


def described(name: str, words: Mapping[str, Any]) -> str:
    """A line of the list."""
    parameter = f"{words['parameter']}; {words['default']:g}" if words["parameter"] else ""
    return f"| `{name}` | {parameter} | {words['summary']} |"


def write_page(faults: Mapping[str, Mapping[str, Any]], proofs: Sequence[Proof]) -> None:
    """Renew the list of docs/second-app.md, and the figures of these faults; those of others stay as they are."""
    lines = [LIST, *(described(name, words) for name, words in faults.items())]
    PAGE.write_text(with_rows(with_lines(PAGE.read_text(), f"list: {MADE}", lines), f"figures: {MADE}", proofs, list(faults)))


def _chosen(only: str) -> list[str]:
    names = [name.strip() for name in only.split(",") if name.strip()] or list(SHOWN)
    unknown = sorted(set(names) - set(SHOWN))
    if unknown:
        raise click.UsageError(f"no such fault: {', '.join(unknown)}; there are {', '.join(SHOWN)}")
    return names


@click.command()
@click.option("--only", default="", help="Names with commas between them.  [default: all]")
@click.option("--seconds", default=8, show_default=True, type=click.IntRange(2, 60), help="Length of a load.")
@click.option("--rounds", default=1, show_default=True, type=click.IntRange(1, 9))
@click.option("--table/--no-table", default=True, help="Whether to write the figures into docs/second-app.md.")
def main(only: str, seconds: int, rounds: int, table: bool) -> None:
    """Prove each fault: without it, with it, without it again. Exit code 1 when an indicator does not move by 30 %, or is not back."""
    names, proofs, unmeasured = _chosen(only), list[Proof](), list[str]()
    with Depot() as depot:
        faults, rates = depot.faults(), Rates(depot)
        click.echo(HEAD)
        for shown in dict.fromkeys(SHOWN[name] for name in names):
            values = {name: float(faults[name]["default"]) for name in names if SHOWN[name] == shown}
            try:
                proven = prove(depot, shown, rates.of(shown), values, rounds, seconds)
            except (RuntimeError, OSError, TenantryError, subprocess.TimeoutExpired) as error:
                unmeasured.extend(values)
                click.echo(f"{', '.join(values)} could not be measured: {error}", err=True)
                continue
            proofs.extend(proven)
            for proof in proven:
                click.echo(row(proof))
                click.echo(evidence(proof), err=True)
            if table:
                write_page(faults, proofs)
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.shape(), "seconds": seconds, "rounds": rounds}
    click.echo(f"written to {write({**told, 'faults': [{**asdict(proof), 'holds': proof.holds} for proof in proofs]})}", err=True)
    sys.exit(0 if all(proof.holds for proof in proofs) and not unmeasured else 1)


if __name__ == "__main__":
    main()
