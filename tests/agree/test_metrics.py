"""One list of metrics: thresholds know it, and a stored run answers for each of them."""

from pathlib import Path

import pytest
from observed import Scene
from runfolder import clinic_run

from tenantry.metrics.builtin import GROUP_DURATION, METRICS, Metric
from tenantry.results import open_run, source
from tenantry.thresholds.model import unit_of
from tenantry.thresholds.parser import parse_threshold

LIMITS = {"s": "500ms", "share": "1%", "per_s": "5/s", "count": "5", "bytes": "5MB", "ratio": "3"}


def of_kind(kind: str) -> set[str]:
    return {name for name, metric in METRICS.items() if metric.kind == kind}


def test_a_stored_run_answers_for_every_metric_by_its_kind(tmp_path: Path) -> None:
    assert {*source._HISTOGRAMS, GROUP_DURATION} == of_kind("trend")
    assert set(source._SHARES) == of_kind("rate")
    assert set(source._COUNTS) == of_kind("counter")
    scene = Scene(run=clinic_run(12, rate=400), seconds=12)
    scene.calm()
    scene.write(tmp_path)
    told = of_kind("gauge")
    with open_run(tmp_path) as run:
        assert {metric for metric in told if run.value(metric, ()) is None} == set()
    assert told


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_every_metric_can_be_written_in_a_threshold_with_every_tag(metric: Metric) -> None:
    tags = ",".join(f'{tag}="x"' for tag in metric.tags)
    stat = metric.default_stat or "p95"
    text = f"{metric.name}{f'{{{tags}}}' if tags else ''}{'' if metric.default_stat else ' p95'} < {LIMITS[unit_of(metric, stat)]}"
    (condition,) = parse_threshold(text).conditions
    assert (condition.metric, condition.stat, tuple(tag.tag for tag in condition.tags)) == (metric.name, stat, metric.tags)
    assert condition.unit == metric.unit


def test_every_metric_says_what_it_means() -> None:
    assert all(metric.meaning and metric.name == name for name, metric in METRICS.items())
