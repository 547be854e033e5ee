"""How often the diagnosis, and four simple methods, name what was built into stored runs."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import click
from benchmarks.diagnosis import blind, simple
from benchmarks.diagnosis.collect import TUNED, Injected, is_usual, scaled, stored, surroundings
from benchmarks.fault_proofs import LEAST_FAILED, MOVES

from tenantry.diagnose.answer import diagnose
from tenantry.diagnose.rules import rules
from tenantry.results import open_run
from tenantry_clinic import faults

HEALTHY = "none"
HALVES = ("tuned", "held-out")
# What healthy runs may be told that ask for more than the machine has: that a processor is exhausted, whoever's it is.
PLAIN = frozenset({"app_cpu", "generator"})
PAGE = Path(__file__).parents[2] / "docs" / "diagnosis.md"


@dataclass(frozen=True, slots=True)
class Case:
    """A stored run and what was built into it; `moved` tells whether its users would notice, the rate by itself included."""

    folder: Path
    injected: Injected
    moved: bool

    @property
    def counts(self) -> bool:
        """Faults count that move something; of the runs without, those whose surroundings are not slow themselves."""
        return self.moved if self.injected.wrong else not self.injected.slow

    @property
    def saturated(self) -> bool:
        """Whether nothing is wrong but the rate."""
        return not self.injected.wrong and (self.moved or self.injected.fills)

    @property
    def half(self) -> str:
        """Whether the rules were calibrated on runs with this value, or it is held out."""
        return HALVES[self.injected.value not in scaled(faults.fault(self.injected.fault), TUNED)]

    @property
    def truth(self) -> frozenset[str]:
        """What is to be found: one fault, two, or nothing."""
        return frozenset(filter(None, [self.injected.fault, self.injected.beside])) if self.injected.wrong else frozenset()


@dataclass(slots=True)
class Score:
    """Answers, counted."""

    cases: int = 0
    first: int = 0
    among_three: int = 0
    silent: int = 0
    healthy: int = 0
    alarms: int = 0
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, truth: frozenset[str], ranking: Sequence[str], excused: frozenset[str] = frozenset()) -> None:
        """Count one answer: classes by rank. Of two faults the first class must be one, and both must be among the first three."""
        name = "+".join(sorted(truth)) or HEALTHY
        if not truth:
            # A machine without a processor to spare is what it is, whoever took them.
            ranking = [name for name in ranking if not rules()[name].general and name not in excused]
            self.healthy += 1
            self.alarms += bool(ranking)
            if ranking:
                self.confused[name, ranking[0]] += 1
            return
        first = ranking[0] if ranking else "nothing"
        self.cases += 1
        self.first += first in truth
        self.among_three += truth <= set(ranking[:3])
        self.silent += not ranking
        if first not in truth:
            self.confused[name, first] += 1

    def row(self, name: str) -> str:
        cells = [name, _share(self.first, self.cases), _share(self.among_three, self.cases), _share(self.silent, self.cases)]
        return f"| {' | '.join([*cells, _share(self.alarms, self.healthy)])} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%} ({part} of {whole})" if whole else "-"


def cases(runs: Path) -> list[Case]:
    """All stored runs with a label."""
    found = stored(runs)
    usual = {folder: figures(folder) for folder, each in found.items() if is_usual(each)}

    def moved(folder: Path, each: Injected) -> bool:
        before = without(each, found)
        return before is not None and _moved(each, folder, usual[before])

    return [Case(folder, each, moved(folder, each)) for folder, each in found.items()]


def without(injected: Injected, found: Mapping[Path, Injected]) -> Path | None:
    """The run without the fault to compare with: its own, else that of a fault with the same surroundings."""
    usual = [(folder, each) for folder, each in found.items() if is_usual(each) and each.shape == injected.shape]
    own = (folder for folder, each in usual if each.fault == injected.fault)
    alike = (folder for folder, each in usual if surroundings(each) == surroundings(injected))
    return next(own, None) or next(alike, None)


def figures(folder: Path) -> dict[str, float]:
    """p95 in seconds, throughput, and the share that failed, of requests or of checks."""
    with open_run(folder) as run:
        totals, checks = run.totals, run.checks
        checked, wrong = (sum(getattr(check, what) for check in checks) for what in ("passes", "fails"))
        failed = max(totals.failures / max(totals.requests, 1), wrong / max(checked + wrong, 1))
        p95 = totals.response_time_s.p95 if totals.response_time_s else 0.0
        return {"p95": p95, "throughput": totals.throughput, "failures": failed}


def _moved(injected: Injected, folder: Path, before: Mapping[str, float]) -> bool:
    """Whether something that users see is worse by 30 % than in the run without the fault, or at the usual rate.

    A fault that shows by failures has done nothing where there are none, whatever else chance moved.
    """
    rate = injected.value if injected.fault == HEALTHY else 1.0
    if not (injected.wrong or rate > 1):
        return False
    now = figures(folder)
    failed = now["failures"] >= max(MOVES * before["failures"], LEAST_FAILED)
    if injected.wrong and not injected.beside and faults.fault(injected.fault).shown.moves == "failures":
        return failed
    return now["p95"] >= MOVES * before["p95"] or now["throughput"] * MOVES <= before["throughput"] * rate or failed


@cache
def answer(folder: Path, kind: str) -> Sequence[str]:
    """The problems that the diagnosis names, by rank, as somebody would have it who lacks what `kind` lacks; none where it cannot tell."""
    with tempfile.TemporaryDirectory() as copies, open_run(folder if kind == "all" else blind.copy(folder, Path(copies), kind)) as run:
        told = diagnose(run)
        return [] if told.verdict == "cannot_tell" else [finding.id for finding in told.findings if finding.kind == "problem"]


def scored(found: Iterable[Case], kind: str = "all") -> tuple[Score, dict[str, Sequence[str]]]:
    """The diagnosis over all cases, see `answer`."""
    score, answers = Score(), dict[str, Sequence[str]]()
    for case in found:
        if case.counts:
            answers[case.folder.name] = answer(case.folder, kind)
            score.add(case.truth, answers[case.folder.name], PLAIN if case.saturated else frozenset())
    return score, answers


def compared(found: Iterable[Case], everything: Iterable[Case]) -> dict[str, Score]:
    """The simple methods over some cases; each knows the healthy run of its fault, which is among those that are stored."""
    known = {case.folder: case.injected for case in everything if is_usual(case.injected)}
    healthy = {folder: simple.series(folder) for folder in known}
    scores: defaultdict[str, Score] = defaultdict(Score)
    for case in found:
        if not case.injected.wrong or not case.moved:
            continue
        usual = without(case.injected, known)
        wrong, before = simple.series(case.folder), healthy[usual] if usual else {}
        for name, method in simple.METHODS.items():
            scores[name].add(case.truth, method(wrong, before))
    return dict(scores)


@click.command()
@click.option("--runs", required=True, type=click.Path(path_type=Path, exists=True), help="The folder that `collect` filled.")
@click.option(
    "--blind/--no-blind", "blindly", default=False, help="Also score without statements' counters, and with the client's side alone."
)
@click.option(
    "--half", type=click.Choice(HALVES), help="Only the values that the rules are calibrated on, or only the others.  [default: both]"
)
@click.option("--verbose", is_flag=True, help="Tell the answer for each run.")
def main(runs: Path, blindly: bool, half: str | None, verbose: bool) -> None:
    """Score stored runs; nothing is run again."""
    everything = cases(runs)
    found = [case for case in everything if half in (None, case.half)]
    unmoved = [case.folder.name for case in found if case.injected.wrong and not case.moved]
    click.echo(f"{len(found)} runs; {len(unmoved)} faults moved nothing and are not scored: {', '.join(unmoved)}")
    click.echo("| method | first | among three | silent | false alarms |\n|---|---|---|---|---|")
    alone = [case for case in found if not case.injected.beside and not case.saturated]
    asked = [(kind, alone) for kind in (blind.KINDS if blindly else ("all",))]
    shapes = sorted({case.injected.shape for case in found})
    asked += [(f"all, {shape}", [case for case in alone if case.injected.shape == shape]) for shape in shapes]
    asked += [(f"all, {each} values", [case for case in alone if case.half == each]) for each in HALVES]
    asked += [("all, two faults at once", [case for case in found if case.injected.beside])]
    asked += [("all, healthy but saturated", [case for case in found if case.saturated])]
    for title, some in asked:
        score, answers = scored(some, title.partition(",")[0])
        click.echo(score.row(f"tenantry, {title}"))
        if verbose:
            for name, ranking in answers.items():
                click.echo(f"    {name}: {', '.join(ranking) or 'nothing'}")
        for (truth, told), number in score.confused.most_common():
            click.echo(f"    {truth} was called {told} {number} times")
    for name, score in compared(alone, everything).items():
        click.echo(score.row(name))
    missing = set(faults.names()) - {case.injected.fault for case in everything}
    if missing:
        click.echo(f"no runs of: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
