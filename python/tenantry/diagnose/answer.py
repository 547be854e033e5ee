"""From the findings of all rules to one answer: problems told from symptoms, ranked by the time that they explain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tenantry.diagnose.agreement import comparisons, lowered
from tenantry.diagnose.decomposition import decomposition, parts
from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.ladder import ladder
from tenantry.diagnose.model import Answer, Comparison, Diagnosis, Finding
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules import rules
from tenantry.diagnose.tried import after_trial, read_experiments
from tenantry.diagnose.weighing import fine, weighed
from tenantry.diagnose.words import count, percent
from tenantry.results.probes import FACTS
from tenantry.results.run import Run

LEAST_SHARE = 0.1
LEAST_FAILED = 0.01
LEAST_CONFIDENCE = 0.5
LEAST_PART = 0.15
_WEAK = 0.35
_MOST = 0.5
# It says that something is wrong, and nothing of what.
_NO_CAUSE = "failing_requests"
T = TypeVar("T")


def is_observed(run: Run) -> bool:
    """Whether an observer wrote down what it saw."""
    return (run.folder / FACTS).exists()


def diagnose(run: Run, *, silent: Iterable[str] = (), with_experiments: bool = True) -> Diagnosis:
    """What held the requests of a stored run up, with what experiments have shown since.

    Rules that are named in `silent`, or were when it ran, are not asked.
    """
    whole = Evidence(run)
    evidence = whole.at_highest_load
    muted = {*silent, *evidence.facts.get("silent", ())}
    known = {name: rule for name, rule in rules().items() if name not in muted}
    broken: list[str] = []
    asked = [_asked(rule.find, f"the rule {rule.id}", evidence, broken) for rule in known.values()]
    found = ranked(evidence, [finding for findings in asked for finding in findings], known)
    compared = _asked(comparisons, "the comparison of measures", whole, broken)
    rungs = _asked(ladder, "the ladder of stations", evidence, broken)
    tried, warning = read_experiments(run.folder) if with_experiments else ({}, None)
    broken += [warning] if warning else []
    found = after_trial(weighed(doubted(found, compared), rungs, evidence, known), tried, known)
    verdict, reason = _answer(whole, found, compared)
    return Diagnosis(
        verdict,
        reason,
        tuple(found),
        tuple(parts(evidence)),
        tuple(fine(evidence, found, rungs)),
        (*unseen(whole), *broken),
        tuple(compared),
        tuple(rungs),
        evidence.stretch,
        tuple(_asked(decomposition, "the decomposition of the request time", evidence, broken)),
    )


def _asked(ask: Callable[[Evidence], Iterable[T]], who: str, evidence: Evidence, broken: list[str]) -> list[T]:
    """What somebody finds. Readings that nobody foresaw must not take the rest of the answer away."""
    try:
        return list(ask(evidence))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        broken.append(f"{who} cannot read what was observed: {type(error).__name__}: {error}")
        return []


def ranked(evidence: Evidence, found: Iterable[Finding], known: dict[str, Rule]) -> list[Finding]:
    """One finding for each class: problems first, each by what it and its symptoms explain; then the symptoms."""
    best: dict[str, Finding] = {}
    for finding in (replace(each, cost_s=cost_s(each, evidence)) for each in found):
        if finding.confidence >= _WEAK and (finding.id not in best or finding.weight > best[finding.id].weight):
            best[finding.id] = finding
    causes = {name: _causes(name, best, evidence, known) for name in best}
    problems = [_with_symptoms(finding, best, causes, evidence.mean_s) for name, finding in best.items() if not causes[name]]
    problems = sorted(
        (finding for finding in problems if _counts(finding, evidence)),
        key=lambda finding: (finding.id == _NO_CAUSE, known[finding.id].general, -finding.weight, -finding.share),
    )
    order = {finding.id: place for place, finding in enumerate(problems)}
    symptoms = [
        replace(best[name], kind="symptom", explained_by=min(by, key=lambda cause: order[cause]))
        for name, causing in causes.items()
        if (by := [cause for cause in causing if cause in order])
    ]
    symptoms.sort(key=lambda finding: -finding.weight)
    return [replace(finding, rank=place) for place, finding in enumerate([*problems, *symptoms], 1)]


def cost_s(finding: Finding, evidence: Evidence) -> float:
    """What a finding costs each request on average, in seconds.

    Of the time that it explains, what requests spent at the lowest load as well does not count: no load brought it. A request that fails
    costs as much as one whose response time is critical by the bounds of the grades, or as the mean where that is longer: failing fast is
    not better than being slow.
    """
    waiting = finding.share * (1 - finding.lasting) * evidence.mean_s
    return max(waiting, finding.failed * max(evidence.critical_s, evidence.mean_s))


def _causes(name: str, found: Mapping[str, Finding], evidence: Evidence, known: dict[str, Rule]) -> list[str]:
    """The found classes at the root of what explains this one away."""
    roots: list[str] = []
    seen, todo = {name}, [name]
    while todo:
        at = todo.pop()
        above = [other for other in found if at in known[other].explains and _explains(found[other], found[at], evidence)]
        if not above and at != name:
            roots.append(at)
        todo += [other for other in above if other not in seen]
        seen.update(above)
    return sorted(set(roots))


def _explains(cause: Finding, effect: Finding, evidence: Evidence) -> bool:
    """Whether a finding is sure enough, and large enough among what holds requests or of what fails, to make another one a mere symptom."""
    large = cause.share >= LEAST_PART * evidence.share(evidence.held) or cause.failed >= _MOST * effect.failed > 0
    return cause.confidence >= LEAST_CONFIDENCE and large


def _with_symptoms(finding: Finding, found: dict[str, Finding], causes: dict[str, list[str]], mean_s: float) -> Finding:
    """Its share and that of its largest symptom together: they are different time. Shares of the requests are not added to it."""
    symptoms = [found[name].share for name, roots in causes.items() if finding.id in roots and found[name].share_of == "time"]
    more = min(1.0, finding.share + max(symptoms, default=0.0)) - finding.share
    share = finding.share + more if finding.share_of == "time" else finding.share
    return replace(finding, share=share, cost_s=finding.cost_s + more * mean_s)


def _counts(finding: Finding, evidence: Evidence) -> bool:
    large = finding.share >= LEAST_SHARE or (evidence.failed >= LEAST_FAILED and finding.share >= LEAST_FAILED)
    return large and finding.confidence >= LEAST_CONFIDENCE


def doubted(found: Iterable[Finding], compared: Sequence[Comparison]) -> list[Finding]:
    """The findings with the confidence that the measures leave. All lose alike, so that their order stays."""
    factor = lowered(compared)
    return [finding if finding.id == "generator" else replace(finding, confidence=finding.confidence * factor) for finding in found]


def _answer(evidence: Evidence, found: list[Finding], compared: Sequence[Comparison]) -> tuple[Answer, str]:
    first = next((finding for finding in found if finding.kind == "problem"), None)
    if first and first.id == "generator":
        return "invalid", "the generator was the bottleneck: what it measured says nothing of the app"
    contradictions = {comparison.id: comparison.text for comparison in compared if comparison.result == "contradict"}
    if "virtual_users" in contradictions:
        return "cannot_tell", contradictions["virtual_users"]
    if first and first.refuted:
        return "cannot_tell", "what looked like the bottleneck is none: the remedy was tried, and did not help"
    if first and first.id == _NO_CAUSE:
        return "cannot_tell", f"{percent(first.share)} of the requests fail, and nothing that was seen says why"
    if first:
        proof = f"; {first.experiment['sentence']}" if first.experiment and first.experiment["outcome"] == "better" else ""
        share = f"{percent(first.share)} of the {first.share_of}"
        return "bottleneck", f"{first.summary} ({share}; confidence {percent(first.confidence)}){proof}"
    if not evidence.requests:
        return "cannot_tell", "there are no requests to look at"
    if not evidence.is_sampled and not evidence.is_told:
        return "cannot_tell", "neither the database nor the app was observed"
    if contradictions:
        return "cannot_tell", next(iter(contradictions.values()))
    return "none", "no bottleneck was reached"


def unseen(evidence: Evidence) -> Iterator[str]:
    """What is missing to be sure, and how to get it."""
    notes: list[str] = evidence.facts.get("notes", [])
    if not evidence.is_told:
        yield "the app does not tell where its time goes: send a Server-Timing header (pool, db, ext, app) with each answer"
    if not evidence.is_sampled:
        yield "Postgres was not observed: name a role that may see all sessions in [observe] dsn_env (GRANT pg_monitor TO it)"
    elif "pg_stat_statements" in evidence.postgres.get("missing", ()) and not any(note.startswith("pg_stat_statements ") for note in notes):
        yield "statements are not counted: shared_preload_libraries = 'pg_stat_statements', then CREATE EXTENSION pg_stat_statements"
    if (times := evidence.readings.growth("statements.dealloc")) > 0:
        most = evidence.setting("pg_stat_statements.max")
        yield f"statements were forgotten, {count(times)} times: there were more different ones than pg_stat_statements.max = {most}"
    if evidence.is_sampled and not evidence.readings.gauge("pool.size"):
        yield "the app's connection pool is not seen: name its Prometheus address in [observe] metrics"
    if evidence.is_sampled and not evidence.readings.gauge("in_flight"):
        yield "how many requests the app has in flight is not told: a gauge such as requests_in_flight at an address of [observe] metrics"
    if evidence.is_sampled and not evidence.readings.grown("database.active_time"):
        yield "the time of sessions is not counted: let the observing role read pg_stat_database of Postgres 14 or later"
    if evidence.is_sampled and evidence.cores("app") is None:
        yield "the app's processes are not seen: they are on another machine, or belong to somebody else"
    yield from notes
