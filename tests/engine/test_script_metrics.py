"""Metrics of scripts, and tags as selectors: what scripts did against what the run folder tells."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from loads import Drive, Recorded
from truth import TruthServer

from tenantry import Vu, per_vu_iterations, scenario, workload
from tenantry.metrics import counter, gauge, rate, trend
from tenantry.metrics.selector import Selector, exactly
from tenantry.results.custom import Custom, highest_of, in_slices, metrics
from tenantry.results.source import Spans
from tenantry.results.tables import Tables


def opened(run: Recorded) -> Tables:
    return Tables(run.folder)


def test_selectors_pick_by_tag_and_rows_without_it_are_unequal_to_every_value(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def tagged(vu: Vu) -> None:
        await vu.get("/a", tags={"kind": "write"})
        await vu.get("/b", tags={"kind": "read"})
        await vu.get("/c")

    run = drive(workload(tagged, per_vu_iterations(4, vus=1)), truth.url)
    spans = Spans(opened(run), 10)

    def count(*tags: Selector) -> float | None:
        return spans.count("requests", tags, 0, None)

    assert count() == 12
    assert count(*exactly({"kind": "write"})) == 4
    assert count(Selector("kind", "!=", "write")) == 8
    assert count(Selector("kind", "=~", "w.*|read")) == 8
    assert count(*exactly({"kind": "other"})) is None


def test_sums_extremes_and_last_values_are_exact_and_percentiles_have_three_digits(truth: TruthServer, drive: Drive) -> None:
    sold, stock, cached, queued = counter("sold", unit="EUR"), gauge("stock"), rate("cached"), trend("queued", unit="s")
    rng = random.Random(7)
    rest = iter([rng.lognormvariate(-8, 3) * (-1) ** (k % 10 == 0) for k in range(3000)])
    given: list[float] = []

    @scenario
    async def selling(vu: Vu) -> None:
        for _, value in zip(range(100), rest, strict=False):
            given.append(value)
            queued.add(value)
            sold.add(0.25, tags={"shop": str(len(given) % 2)})
            cached.add(len(given) % 3 == 0)
            stock.set(len(given))
        await vu.get("/")

    made = replace(workload(selling, per_vu_iterations(15, vus=2)), metrics=(sold, stock, cached, queued))
    tables = opened(drive(made, truth.url))
    assert len(given) == 3000
    found = {metric.name: metric for metric in metrics(in_slices(tables, 1), {"unused": {"kind": "gauge", "unit": "MB"}}, 10.0)}
    assert (found["sold"].value, found["sold"].per_s, found["sold"].unit, found["sold"].n) == (750.0, 75.0, "EUR", 3000)
    assert (found["stock"].value, found["stock"].min, found["stock"].max) == (3000, 1, 3000)
    assert found["cached"].value == pytest.approx(1 / 3)
    assert (found["queued"].min, found["queued"].max) == (min(given), max(given))
    assert found["queued"].value == pytest.approx(sum(given) / 3000)
    assert (found["unused"].n, found["unused"].value, found["unused"].unit) == (0, None, "MB")
    ordered = sorted(given)
    for q, told in ((0.5, found["queued"].p50), (0.95, found["queued"].p95), (0.99, found["queued"].p99)):
        exact = ordered[round(q * 3000) - 1]
        assert told is not None and exact <= told <= exact + abs(exact) / 1000
    spans = Spans(tables, 10)
    assert spans.count("sold", exactly({"shop": "1"}), 0, None) == 375.0
    assert spans.share("cached", (), 0, None) == (1000, 3000)
    assert spans.last("stock", ()) == 3000
    low = spans.trend("queued", (), 0, None)
    assert low is not None and min(given) <= low.at_rank(1) <= min(given) + abs(min(given)) / 1000
    assert Custom(tables, spans._where).over("never", (), 0, None) is None


@pytest.mark.parametrize("value", [5e-300, 0.001, 0.25, 1.0, 3.0, 1023.5, 6.02e23])
def test_a_bucket_holds_what_the_documents_say(value: float) -> None:
    mantissa, exponent = math.frexp(value)
    bucket = (exponent + 1022) * 1024 + math.floor((mantissa * 2 - 1) * 1024)
    upper = 2.0 ** (bucket // 1024 - 1023) * (1 + (bucket % 1024 + 1) / 1024)
    assert value <= highest_of(bucket) < upper <= value * 1.001
    assert highest_of(bucket - 1) < value
    assert highest_of(-bucket) == -math.nextafter(highest_of(bucket - 1), math.inf)
    assert highest_of(0) == 0


def test_a_value_that_is_no_number_and_a_metric_that_the_run_lacks_are_errors_of_the_script(truth: TruthServer, drive: Drive) -> None:
    known, unknown = trend("known"), trend("unknown")

    @scenario
    async def odd(vu: Vu) -> None:
        (known if vu.iteration else unknown).add(float("nan") if vu.iteration else 1.0)

    run = drive(replace(workload(odd, per_vu_iterations(2, vus=1)), metrics=(known,)), truth.url)
    messages = sorted(message for _, message, _ in run.errors.found)
    assert "known was given NaN" in messages[0] and "no metric unknown" in messages[1]
