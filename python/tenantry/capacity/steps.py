"""One step of a search: a run at one rate, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from tenantry.capacity.usl import Point
from tenantry.metrics.confidence import samples_needed
from tenantry.plan.faults import raise_all
from tenantry.plan.overrides import override
from tenantry.prepare import Prepared
from tenantry.results import Run
from tenantry.thresholds.check import check_thresholds
from tenantry.thresholds.evaluate import ThresholdResult
from tenantry.thresholds.model import Condition, Threshold
from tenantry.thresholds.parser import parse_threshold
from tenantry.units import NS, shown, write_duration

LEAST_STARTED = Fraction(99, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a run at one rate said, its warm-up left out. Rates are per second, times in seconds.

    `achieved_rate` are iterations that ended without failure or error, `concurrency` is the mean number of requests in the app (Little's
    law: requests per second times their mean service time), `failed` the thresholds that failed, the first one first; `run` is the name of
    the step's run folder. `verdict`, `exit` and `reason` are those of the run.
    """

    rate: float
    achieved_rate: float
    throughput: float
    requests: int
    failures: int
    response_p95_s: float | None
    response_p99_s: float | None
    service_avg_s: float | None
    concurrency: float
    verdict: str
    exit: int
    reason: str
    failed: tuple[str, ...]
    from_s: int
    to_s: float
    run: str

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def point(self) -> Point:
        """For the law of scalability."""
        return Point(self.concurrency, self.throughput)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long a step is: whole seconds of warm-up and, after it, of measuring; and the iterations that its percentiles need."""

    warmup_s: int
    measured_s: int
    iterations: float

    def measured_at(self, rate: Fraction) -> int:
        """Seconds of measuring at a rate, more than asked for where the percentiles need it."""
        return max(self.measured_s, ceil(self.iterations / rate))

    def longer(self, run: Run, results: Sequence[ThresholdResult], thresholds: Sequence[Threshold]) -> Lengths | None:
        """Lengths at which the percentiles of a run that had too few samples have enough; None when more time would not help."""
        begun = run.count("started_rate", (), self.warmup_s, None) or 0
        short = [(found, threshold) for found, threshold in zip(results, thresholds, strict=True) if found.insufficient and found.samples]
        needs = [1.2 * begun * _most_samples(threshold) / found.samples for found, threshold in short]
        if not needs or max(needs) <= self.iterations:
            return None
        return replace(self, iterations=max(needs))


def lengths(thresholds: Sequence[Threshold], *, warmup_s: int, measured_s: int) -> Lengths:
    """Lengths that do if each iteration gives every percentile one sample; `Lengths.longer` corrects them once a run has told."""
    return Lengths(warmup_s=warmup_s, measured_s=measured_s, iterations=max(map(_most_samples, thresholds), default=0))


def _most_samples(threshold: Threshold) -> int:
    return max((samples_needed(c.quantile) for c in threshold.conditions if c.quantile is not None), default=0)


def step_of(base: Prepared, rate: Fraction, length: Lengths) -> Prepared:
    """The base workload at one rate, its thresholds on what comes after the warm-up, and one more: that its iterations were started.

    Raises UsageErrors for thresholds that do not fit into a step.
    """
    settings: Mapping[str, object] = {"rate": rate, "duration": write_duration((length.warmup_s + length.measured_at(rate)) * NS)}
    plan, faults = override(base.plan, settings)
    started = parse_threshold(f"started_rate >= {float(rate * LEAST_STARTED):.6g}/s")
    texts = {threshold.text: after_warmup(threshold, length.warmup_s).text for threshold in (*base.thresholds, started)}
    scaled = {texts[text]: written for text, written in base.plan.scaled_thresholds.items() if text in texts}
    plan = replace(plan, thresholds=tuple(texts.values()), scaled_thresholds=scaled)
    thresholds, more = check_thresholds(plan.as_dict(), where=str(base.workload.location))
    raise_all(faults + more)
    return replace(base, plan=plan, thresholds=tuple(thresholds))


def after_warmup(threshold: Threshold, warmup_s: int) -> Threshold:
    """The threshold on everything but the warm-up. The whole step is at one rate, so what follows the warm-up stands for `steady`."""
    return threshold.changed(lambda condition: _late(condition, warmup_s))


def _late(condition: Condition, warmup_s: int) -> Condition:
    if condition.kind == "gauge":
        return condition
    part = condition.part if condition.part is not None and condition.part.what != "steady" else None
    return replace(condition, after_s=max(condition.after_s, warmup_s), part=part)


def read_step(run: Run, rate: Fraction, told: Mapping[str, object], results: Sequence[ThresholdResult], *, from_s: int) -> Step:
    """The figures of a run after its warm-up; `told` is its document."""
    to_s = run.duration_s
    whole = max(int(to_s), from_s + 1)
    seconds = whole - from_s
    response, service = (run.trend(metric, (), from_s, whole) for metric in ("response_time", "service_time"))
    failures, requests = run.share("failures", (), from_s, whole)
    return Step(
        rate=float(rate),
        achieved_rate=(run.count("iterations", (), from_s, whole) or 0) / seconds,
        throughput=(requests - failures) / seconds,
        requests=requests,
        failures=failures,
        response_p95_s=response.quantile(0.95) if response is not None else None,
        response_p99_s=response.quantile(0.99) if response is not None else None,
        service_avg_s=service.avg if service is not None else None,
        concurrency=requests / seconds * service.avg if service is not None else 0.0,
        verdict=str(told["verdict"]),
        exit=int(str(told["exit"])),
        reason=str(told["reason"]),
        failed=tuple(breach(found) for found in results if found.result == "fail"),
        from_s=from_s,
        to_s=to_s,
        run=Path(str(told["run"])).name,
    )


def breach(found: ThresholdResult) -> str:
    """A failed threshold with what was observed."""
    return f"{found.text} (was {shown(found.observed, found.unit)})"
