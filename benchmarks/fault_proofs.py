"""What proves a fault: its indicator without it, with it and without it again; and how that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.fault_runs import Figures

MOVES = 1.3
LEAST_FAILED = 0.01
HEAD = "| fault | load | p50 ms | p95 ms | requests/s | failed | what moves |\n|---|---|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Proof:
    """A fault's figures before it, with it and after it, at the load at which it is seen; `moves` is p95, throughput or failures."""

    name: str
    value: float
    load: str
    moves: str
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
    def holds(self) -> bool:
        return not self.moved if self.name == "none" else self.moved and self.back

    @property
    def word(self) -> str:
        """What moves, as a cell of the table."""
        if self.name == "none":
            return "nothing moves" if self.holds else "**something moves**"
        if not self.moved:
            return f"**{self.moves} does not move**"
        return self.moves if self.back else f"**{self.moves} is not back**"


def _worse(moves: str, healthy: Figures, other: Figures) -> bool:
    """Whether the indicator is worse by at least 30 %."""
    if moves == "p95":
        return other.p95 >= MOVES * healthy.p95
    if moves == "throughput":
        return other.throughput * MOVES <= healthy.throughput
    return other.failed >= max(MOVES * healthy.failed, LEAST_FAILED)


def middles(rounds: Sequence[Sequence[Figures]]) -> list[Figures]:
    """The median of each figure over the rounds, for each load of a round."""
    return [_middle(column) for column in zip(*rounds, strict=True)]


def _middle(figures: Sequence[Figures]) -> Figures:
    """What the sessions waited for is that of the last round."""
    middles = {name: median(getattr(each, name) for each in figures) for name in ("p50", "p95", "throughput", "failed")}
    return Figures(**middles, waits=figures[-1].waits, counts=figures[-1].counts)


def row(proof: Proof) -> str:
    """A line of the table: each figure without the fault and with it."""
    before, broken = proof.before, proof.broken
    pairs = [
        (f"{a:,.{digits}f}", f"{b:,.{digits}f}")
        for a, b, digits in ((before.p50, broken.p50, 1), (before.p95, broken.p95, 1), (before.throughput, broken.throughput, 0))
    ]
    pairs.append((f"{before.failed:.1%}", f"{broken.failed:.1%}"))
    return f"| {' | '.join([f'`{proof.name}`', proof.load, *(f'{a} → {b}' for a, b in pairs), proof.word])} |"


def evidence(proof: Proof) -> str:
    """A line beside the table: what the indicator was in each load, what the sessions waited for, what has grown."""
    p95 = ", ".join(f"{each.p95:.1f}" for each in (proof.before, proof.broken, proof.after))
    waits = ", ".join(f"{wait} {share:.0%}" for wait, share in proof.broken.waits.items())
    grown = ", ".join(f"{name} {count:,}" for name, count in proof.broken.counts.items() if count)
    return f"    p95 before, with, after: {p95}; sessions: {waits}; {grown}"


def with_rows(page: str, mark: str, proofs: Sequence[Proof], names: Sequence[str]) -> str:
    """The page with the rows of these faults renewed in the table that the marks enclose; those of others stay, in the order of `names`."""
    rows = {line.split("`")[1]: line for line in marked(page, mark)[1].splitlines() if line.startswith("| `")}
    rows |= {proof.name: row(proof) for proof in proofs}
    return with_lines(page, mark, [HEAD, *(rows[name] for name in names if name in rows)])


def with_lines(page: str, mark: str, lines: Sequence[str]) -> str:
    """The page with these lines between the marks."""
    before, _, after = marked(page, mark)
    return "\n".join([before, *lines, after])


def marked(page: str, mark: str) -> tuple[str, str, str]:
    """The page up to the first mark, what the marks enclose, and the rest from the second one on."""
    first, last = f"<!-- {mark} -->", f"<!-- end of {mark.partition(':')[0]} -->"
    before, _, rest = page.partition(first)
    inside, _, after = rest.partition(last)
    return before + first, inside, last + after
