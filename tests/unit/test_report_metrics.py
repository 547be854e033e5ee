"""Metrics of the scripts as the summary and the report show them."""

from typing import Any

from tenantry.report.metrics import lines, table
from tenantry.report.numbers import NOTHING as NONE

NOTHING: dict[str, Any] = dict.fromkeys(("value", "per_s", "min", "max", "p50", "p90", "p95", "p99"))
METRICS: list[dict[str, Any]] = [
    {**NOTHING, "name": "cached", "kind": "rate", "unit": "", "group": "", "n": 200, "value": 0.25},
    {**NOTHING, "name": "group_duration", "kind": "trend", "unit": "s", "group": "cart/pay", "n": 4, "value": 0.5, "p95": 0.75, "max": 1.5},
    {**NOTHING, "name": "orders", "kind": "counter", "unit": "orders", "group": "", "n": 12, "value": 1234.0, "per_s": 41.1},
    {**NOTHING, "name": "unused", "kind": "gauge", "unit": "MB", "group": "", "n": 0},
]


def text_of(document: dict[str, Any]) -> list[list[str]]:
    return [line.plain.split("  ") for line in lines(document, 100)]


def test_the_summary_tells_each_metric_in_its_unit() -> None:
    told = [[part.strip() for part in line if part.strip()] for line in text_of({"metrics": METRICS})]
    assert told[0] == ["Metrics of the scenarios", "values", "value", "p95", "max"]
    assert told[1] == ["cached", "200", "25.0 %", NONE, NONE]
    assert told[2] == ["group_duration cart/pay", "4", "mean 500 ms", "750 ms", "1.50 s"]
    assert told[3] == ["orders", "12", "1,234 orders", NONE, NONE]
    assert told[4] == ["unused", "0", NONE, NONE, NONE]


def test_without_metrics_there_is_no_section() -> None:
    assert text_of({"metrics": []}) == [] == text_of({})


def test_the_table_of_the_report_sorts_by_the_numbers() -> None:
    made = table({"metrics": METRICS})
    assert [row[0].text for row in made.rows] == ["cached", "group_duration", "orders", "unused"]
    value = [title.title for title in made.columns].index("total, share, last or mean")
    assert [row[value].value for row in made.rows] == [0.25, 0.5, 1234.0, None]
