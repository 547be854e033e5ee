"""`make bench-faults`: that each fault of the clinic moves what its users see, and that without it all is as before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from benchmarks import machine
from benchmarks.fault_proofs import HEAD, Proof, evidence, middles, row, with_lines, with_rows
from benchmarks.fault_runs import Figures, Stage, measure
from benchmarks.results_file import write

from tenantry.errors import TenantryError
from tenantry_clinic import faults

Key = tuple[tuple[tuple[str, str], ...], int]


def _stage_of(name: str) -> tuple[str, int]:
    shown = faults.fault(name).shown
    return str(shown.server), shown.tenants


def prove(stages: Stages, name: str, rounds: int, seconds: int) -> Proof:
    """Three loads a round: without the fault, with it, without again."""
    fault = faults.fault(name)
    value, shown = fault.default, fault.shown
    healthy = dict(shown.server)
    wrong = {**healthy, **fault.server(value)}
    taken: list[tuple[Figures, ...]] = []
    for _ in range(rounds):
        turns = ((healthy, False), (wrong, True), (healthy, False))
        taken.append(
            tuple(measure(stages.stage(server, shown.tenants), name, value, wrong=laid, seconds=seconds) for server, laid in turns)
        )
    return Proof(name, value, f"{shown.workload} {shown.rate}", shown.moves, *middles(taken))


class Stages:
    """The servers with seeded databases; the last few of them are kept."""

    KEPT = 6

    def __init__(self) -> None:
        self._open: dict[Key, tuple[ExitStack, Stage]] = {}

    def stage(self, server: Mapping[str, str], tenants: int) -> Stage:
        """The stage with these settings of Postgres and so many clinics."""
        key = tuple(sorted(server.items())), tenants
        if key not in self._open:
            while len(self._open) >= self.KEPT:
                self._open.pop(next(iter(self._open)))[0].close()
            stack = ExitStack()
            self._open[key] = stack, Stage(stack, server, tenants)
        self._open[key] = self._open.pop(key)
        return self._open[key][1]

    def close(self) -> None:
        for stack, _ in self._open.values():
            stack.close()


LIST = "| fault | VALUE | what is wrong | symptom | remedy |\n|---|---|---|---|---|"
PAGE = Path(__file__).parents[1] / "docs" / "faults.md"


def described(name: str) -> str:
    """A line of the list."""
    fault = faults.fault(name)
    parameter = f"{fault.parameter}, {fault.range}; {fault.default:g}" if fault.parameter else ""
    cells = (f"`{name}`", parameter, fault.summary, fault.symptom, f"`{fault.remedy}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write_page(proofs: Sequence[Proof]) -> None:
    """Renew the list of docs/faults.md, and the figures of these faults; those of others stay as they are."""
    page = with_lines(PAGE.read_text(), "list: made by make bench-faults", [LIST, *map(described, faults.names())])
    PAGE.write_text(with_rows(page, "figures: made by make bench-faults", proofs, faults.names()))


@click.command()
@click.option("--only", default="", help="Names with commas between them.  [default: all]")
@click.option("--seconds", default=8, show_default=True, type=click.IntRange(2, 60), help="Length of a load.")
@click.option("--rounds", default=1, show_default=True, type=click.IntRange(1, 9))
@click.option("--table/--no-table", default=True, help="Whether to write the figures into docs/faults.md.")
@click.option("--list", "list_only", is_flag=True, help="Renew the list in docs/faults.md, and measure nothing.")
def main(only: str, seconds: int, rounds: int, table: bool, list_only: bool) -> None:
    """Prove each fault: without it, with it, without it again. Exit code 1 when an indicator does not move by 30 %, or is not back."""
    names = [name.strip() for name in only.split(",") if name.strip()] or faults.names()
    faults.parse(names)
    if list_only:
        return write_page([])
    stages, proofs, unmeasured = Stages(), list[Proof](), list[str]()
    click.echo(HEAD)
    try:
        # Those that need the same server and clinics follow each other.
        for name in sorted(names, key=_stage_of):
            try:
                proofs.append(prove(stages, name, rounds, seconds))
            except (RuntimeError, OSError, TenantryError, subprocess.TimeoutExpired) as error:
                unmeasured.append(name)
                click.echo(f"{name} could not be measured: {error}", err=True)
                continue
            click.echo(row(proofs[-1]))
            click.echo(evidence(proofs[-1]), err=True)
    finally:
        stages.close()
        if proofs and table:
            write_page(proofs)
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.shape(), "seconds": seconds, "rounds": rounds}
    click.echo(f"written to {write({**told, 'faults': [{**asdict(proof), 'holds': proof.holds} for proof in proofs]})}", err=True)
    sys.exit(0 if all(proof.holds for proof in proofs) and not unmeasured else 1)


if __name__ == "__main__":
    main()
