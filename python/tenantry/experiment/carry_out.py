"""The experiments on a run: blocks of its load in turns, without and with each change, and what came of them beside the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tenantry.compare.blocks import cut
from tenantry.diagnose.answer import diagnose
from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding
from tenantry.diagnose.tried import EXPERIMENTS, Experiment, Experiments
from tenantry.errors import Interrupted
from tenantry.experiment.changes import change_for
from tenantry.experiment.effect import LEAST_SLICES, Measured, Side, from_to, measured
from tenantry.experiment.ledger import Ledger, opened
from tenantry.experiment.load import held
from tenantry.experiment.model import Change, NotTried, Site
from tenantry.prepare import Prepared
from tenantry.report.write import write_report, write_text
from tenantry.results import open_run
from tenantry.run import FINDINGS, Finished, check_reachable
from tenantry.units import NS
from tenantry.verdict import nothing_measured

MOST = 3
FOLDER = "experiment"
# What a change makes cold is warm again, and what was cached is cached.
AFTER_S = 1
LEAST_BLOCK_NS = (AFTER_S + LEAST_SLICES) * NS

CarryOut = Callable[[Prepared, Path], Finished]
Say = Callable[[str], None]


def experiment(
    folder: Path, base: Prepared, site: Site, *, block_ns: int, carry_out: CarryOut, say: Say = lambda text: None
) -> tuple[Experiment, ...]:
    """Try the remedies of the first problems of a run on its target, under its own load; the result is in the run's folder then.

    `base` is the run's workload, prepared again; `carry_out` runs and stores a prepared workload. Every change is undone, also when this
    raises: TargetError when the app cannot be reached, Interrupted, and what `held` and `opened` raise.
    """
    load = held(base, block_ns)
    check_reachable(base.plan.target)
    wanted = list(_candidates(folder))
    with _told_when_interrupted(), opened(site) as ledger:
        for statement in ledger.was_left:
            say(f"undone what an earlier experiment had left: {statement}")
        bench = _Bench(folder / FOLDER, load, site, ledger, carry_out, say)
        try:
            for finding, names in wanted:
                bench.attempt(finding, names)
        finally:
            if bench.found:
                _store(folder, Experiments(block_s=block_ns / NS, after_s=AFTER_S, experiments=tuple(bench.found)))
    return tuple(bench.found)


@contextmanager
def _told_when_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; what the experiment had changed is undone") from None


def _candidates(folder: Path) -> Iterator[tuple[Finding, set[str] | None]]:
    """The first problems, each with the names of the requests that it is about; None where it is about all."""
    with open_run(folder) as run:
        evidence = Evidence(run)
        problems = [each for each in diagnose(run, with_experiments=False).findings if each.kind == "problem"]
        for finding in problems[:MOST]:
            yield finding, _names(finding, evidence)


def _names(finding: Finding, evidence: Evidence) -> set[str] | None:
    if route := finding.subject.get("route"):
        return {route}
    if number := finding.subject.get("query_id"):
        seen = evidence.sessions.by("route", lambda each: each.works and each.query_id == number)
        return {name for name in seen if name}
    return None


def _store(folder: Path, found: Experiments) -> None:
    """Write the experiments, and with them the findings and the report of the run anew."""
    write_text(msgspec.json.format(msgspec.json.encode(found)).decode(), folder / EXPERIMENTS)
    with open_run(folder) as run:
        told = diagnose(run).as_dict()
    write_text(msgspec.json.format(msgspec.json.encode(told)).decode(), folder / FINDINGS)
    write_report(folder)


@dataclass(frozen=True, slots=True)
class _Block:
    """A block that was measured; `spoiled` says why it cannot be compared at all, `invalid` why only a gain can be believed."""

    name: str
    side: Side
    spoiled: str = ""
    invalid: str = ""


class _Bench:
    """Measures blocks; the last one without a change is also the first of the next experiment."""

    def __init__(self, folder: Path, load: Prepared, site: Site, ledger: Ledger, carry_out: CarryOut, say: Say) -> None:
        self._folder, self._load, self._site, self._ledger = folder, load, site, ledger
        self._carry_out, self._say = carry_out, say
        self._before: _Block | None = None
        self._count = 0
        self.found: list[Experiment] = []

    def attempt(self, finding: Finding, names: set[str] | None) -> None:
        """Try the remedy of a finding, or note why that cannot be."""
        try:
            change = change_for(finding, self._ledger.link, self._site, self._load)
            self.found.append(self._experiment(finding, change, names))
        except NotTried as reason:
            sentence = f"not tried: {reason}"
            self._say(f"{finding.id}: {sentence}")
            self.found.append(Experiment(finding=finding.id, outcome="not tried", sentence=sentence, why=str(reason)))

    def _experiment(self, finding: Finding, change: Change, names: set[str] | None) -> Experiment:
        first = self._before or self._block("without a change", self._load)
        self._before = first
        with self._ledger.changed(change), self._restarted(change):
            changed = self._block(f"with {change.statement}", change.load(self._load) if change.load else self._load)
        last = self._before = self._block("without it again", self._load)
        blocks = (first, changed, last)
        found = _judged(blocks, measured(first.side, changed.side, last.side, names=names))
        sentence = sentence_of(change, found)
        self._say(sentence)
        return Experiment(
            finding=finding.id,
            outcome=found.outcome,
            sentence=sentence,
            change=change.kind,
            statement=change.statement,
            why=found.why,
            decided_by=found.decided_by,
            refutes=change.refutes,
            series=found.series,
            blocks=tuple(block.name for block in blocks),
        )

    @contextmanager
    def _restarted(self, change: Change) -> Iterator[None]:
        """The app with another pool for the length of the block."""
        restart = self._site.restart
        if change.pool is None or restart is None:
            yield
            return
        try:
            restart.start(change.pool)
            yield
        finally:
            restart.start(None)

    def _block(self, what: str, load: Prepared) -> _Block:
        """One block, each with other random numbers: two that book the same appointments would not be alike."""
        self._count += 1
        self._say(f"block {self._count}, {what}")
        plan = replace(load.plan, rng_seed=load.plan.rng_seed + self._count)
        told = self._carry_out(replace(load, plan=plan), self._folder).told
        folder = Path(told["run"])
        with open_run(folder) as run:
            if run.manifest.end == "interrupted":
                raise Interrupted("interrupted; what the experiment had changed is undone")
            spoiled = ""
            if run.manifest.end != "finished":
                spoiled = f"block {self._count} did not reach its end: {told['reason']}"
            elif nothing_measured(run):
                spoiled = f"block {self._count} measured nothing: {told['reason']}"
            why = str(told["reason"]).partition(":")[0]
            invalid = f"the generator was at its limit in block {self._count} ({why})" if told["verdict"] == "invalid" else ""
            return _Block(f"{FOLDER}/{folder.name}", cut(run, after_s=AFTER_S), spoiled, invalid)


def _judged(blocks: Sequence[_Block], found: Measured) -> Measured:
    """What was measured, unless blocks were spoiled: a generator at its limit hides that a change helps, but does not feign it."""
    spoiled = next((block.spoiled for block in blocks if block.spoiled), "")
    invalid = next((block.invalid for block in blocks if block.invalid), "") if found.outcome != "better" else ""
    why = spoiled or invalid
    return replace(found, outcome="cannot tell", why=why) if why else found


def sentence_of(change: Change, found: Measured) -> str:
    """`CREATE INDEX here: GET /api/records p95 812 -> 190 ms, measured.`"""
    head = f"{change.title} here"
    figure = next((figure for figure in found.series[0].figures if figure.figure == found.decided_by), None) if found.series else None
    if figure is None or figure.without is None or figure.with_ is None:
        return f"{head}: cannot tell, {found.why}"
    name = found.series[0].name or "all requests"
    middle = f"{head}: {name} {found.decided_by} {from_to(figure.without, figure.with_)}"
    match found.outcome:
        case "better":
            return f"{middle}, measured."
        case "cannot tell":
            return f"{middle}, which proves nothing: {found.why}."
        case _:
            return f"{middle}, {found.outcome}, measured{f': {found.why}' if found.why else ''}."
