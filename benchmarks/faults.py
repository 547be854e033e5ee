"""`make bench-faults`: that each fault of the clinic moves what its users see, and that without it all is as before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click
from benchmarks import machine
from benchmarks.fault_runs import Figures, Stage, measure
from benchmarks.results_file import write

from tenantry.errors import TenantryError
from tenantry_clinic import faults

MOVES = 1.3
LEAST_FAILED = 0.01
Key = tuple[tuple[tuple[str, str], ...], int]


@dataclass(frozen=True, slots=True)
class Proof:
    """A fault's figures before it, with it and after it."""

    name: str
    value: float
    before: Figures
    broken: Figures
    after: Figures

    @property
    def moved(self) -> bool:
        return _worse(self.moves, self.before, self.broken)

    @property
    def back(self) -> bool:
        return _worse(self.moves, self.after, self.broken)

    @property
    def moves(self) -> str:
        return faults.fault(self.name).shown.moves

    @property
    def holds(self) -> bool:
        return not self.moved if self.name == "none" else self.moved and self.back


def _worse(moves: str, healthy: Figures, other: Figures) -> bool:
    """Whether the indicator is worse by at least 30 %."""
    if moves == "p95":
        return other.p95 >= MOVES * healthy.p95
    if moves == "throughput":
        return other.throughput * MOVES <= healthy.throughput
    return other.failed >= max(MOVES * healthy.failed, LEAST_FAILED)


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
    return Proof(name, value, *(_middle(column) for column in zip(*taken, strict=True)))


def _middle(figures: Sequence[Figures]) -> Figures:
    """The median of each figure; what the sessions waited for is that of the last round."""
    middles = {name: median(getattr(each, name) for each in figures) for name in ("p50", "p95", "throughput", "failed")}
    return Figures(**middles, waits=figures[-1].waits, counts=figures[-1].counts)


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


def row(proof: Proof) -> str:
    """A line of the table: each figure without the fault and with it."""
    before, broken = proof.before, proof.broken
    pairs = [
        (f"{a:,.{digits}f}", f"{b:,.{digits}f}")
        for a, b, digits in ((before.p50, broken.p50, 1), (before.p95, broken.p95, 1), (before.throughput, broken.throughput, 0))
    ]
    pairs.append((f"{before.failed:.1%}", f"{broken.failed:.1%}"))
    shown = faults.fault(proof.name).shown
    cells = [f"`{proof.name}`", f"{shown.workload} {shown.rate}", *(f"{a} → {b}" for a, b in pairs), _word(proof)]
    return f"| {' | '.join(cells)} |"


def _evidence(proof: Proof) -> str:
    p95 = ", ".join(f"{each.p95:.1f}" for each in (proof.before, proof.broken, proof.after))
    waits = ", ".join(f"{wait} {share:.0%}" for wait, share in proof.broken.waits.items())
    grown = ", ".join(f"{name} {count:,}" for name, count in proof.broken.counts.items() if count)
    return f"    p95 before, with, after: {p95}; sessions: {waits}; {grown}"


def _word(proof: Proof) -> str:
    if proof.name == "none":
        return "nothing moves" if proof.holds else "**something moves**"
    if not proof.moved:
        return f"**{proof.moves} does not move**"
    return proof.moves if proof.back else f"**{proof.moves} is not back**"


LIST = "| fault | VALUE | what is wrong | symptom | remedy |\n|---|---|---|---|---|"
HEAD = "| fault | load | p50 ms | p95 ms | requests/s | failed | what moves |\n|---|---|---|---|---|---|---|"
PAGE = Path(__file__).parents[1] / "docs" / "faults.md"


def described(name: str) -> str:
    """A line of the list."""
    fault = faults.fault(name)
    parameter = f"{fault.parameter}, {fault.range}; {fault.default:g}" if fault.parameter else ""
    cells = (f"`{name}`", parameter, fault.summary, fault.symptom, f"`{fault.remedy}`")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def write_page(proofs: Sequence[Proof]) -> None:
    """Renew the list of docs/faults.md, and the figures of these faults; those of others stay as they are."""
    page = PAGE.read_text()
    rows = {line.split("`")[1]: line for line in _marked(page, "figures")[1].splitlines() if line.startswith("| `")}
    rows |= {proof.name: row(proof) for proof in proofs}
    tables = {"list": [LIST, *map(described, faults.names())], "figures": [HEAD, *(rows[name] for name in faults.names() if name in rows)]}
    for what, lines in tables.items():
        before, _, after = _marked(page, what)
        page = "\n".join([before, *lines, after])
    PAGE.write_text(page)


def _marked(page: str, what: str) -> tuple[str, str, str]:
    """The page up to the mark, what the marks enclose, and the rest from the second mark on."""
    first, last = f"<!-- {what}: made by make bench-faults -->", f"<!-- end of {what} -->"
    before, _, rest = page.partition(first)
    inside, _, after = rest.partition(last)
    return before + first, inside, last + after


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
            click.echo(_evidence(proofs[-1]), err=True)
    finally:
        stages.close()
        if proofs and table:
            write_page(proofs)
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.shape(), "seconds": seconds, "rounds": rounds}
    click.echo(f"written to {write({**told, 'faults': [{**asdict(proof), 'holds': proof.holds} for proof in proofs]})}", err=True)
    sys.exit(0 if all(proof.holds for proof in proofs) and not unmeasured else 1)


if __name__ == "__main__":
    main()
