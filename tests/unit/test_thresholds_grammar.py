"""The grammar of thresholds: what is written is what is meant, and every mistake is told with its place."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import UsageError
from tenantry.metrics.builtin import METRICS
from tenantry.thresholds.model import OPERATORS, Condition, unit_of
from tenantry.thresholds.parser import parse_threshold, parse_thresholds

GOOD: list[tuple[str, Condition]] = [
    ("response_time p95 < 500ms", Condition("response_time", "p95", "<", 0.5, "s")),
    ("response_time p99.9 <= 1.5s", Condition("response_time", "p99.9", "<=", 1.5, "s")),
    ("service_time avg<20ms", Condition("service_time", "avg", "<", 0.02, "s")),
    ("service_time max < 1 m", Condition("service_time", "max", "<", 60, "s")),
    ("response_time count >= 100", Condition("response_time", "count", ">=", 100, "count")),
    ("failures < 1%", Condition("failures", "rate", "<", 0.01, "share")),
    ("failures < 0.1 %", Condition("failures", "rate", "<", 0.001, "share")),
    ("failures rate < 0.01", Condition("failures", "rate", "<", 0.01, "share")),
    ("failures == 0", Condition("failures", "rate", "==", 0, "share")),
    ("failures count < 3", Condition("failures", "count", "<", 3, "count")),
    ("checks > 99%", Condition("checks", "rate", ">", 0.99, "share")),
    ("checks == 100%", Condition("checks", "rate", "==", 1, "share")),
    ("throughput > 950/s", Condition("throughput", "rate", ">", 950, "per_s")),
    ("throughput > 600/m", Condition("throughput", "rate", ">", 10, "per_s")),
    ("throughput count > 600", Condition("throughput", "count", ">", 600, "count")),
    ("requests > 1000", Condition("requests", "count", ">", 1000, "count")),
    ("requests > 100/s", Condition("requests", "rate", ">", 100, "per_s")),
    ("dropped_iterations == 0", Condition("dropped_iterations", "count", "==", 0, "count")),
    ("tenant_p95_ratio < 3", Condition("tenant_p95_ratio", "value", "<", 3, "ratio")),
    (
        'response_time{name="GET /api/dashboard"} p95 < 200ms after 30s',
        Condition("response_time", "p95", "<", 0.2, "s", {"name": "GET /api/dashboard"}, None, 30),
    ),
    ("failures < 0.1% over 1m", Condition("failures", "rate", "<", 0.001, "share", {}, 60)),
    ("failures < 1% after 1m30s over 10s", Condition("failures", "rate", "<", 0.01, "share", {}, 10, 90)),
    (
        'checks{ scenario = booking , name = "a \\"b\\" \\\\" } > 99%',
        Condition("checks", "rate", ">", 0.99, "share", {"scenario": "booking", "name": 'a "b" \\'}),
    ),
    ("failures{group=shop-1.2} < 1%", Condition("failures", "rate", "<", 0.01, "share", {"group": "shop-1.2"})),
]


@pytest.mark.parametrize(("text", "condition"), GOOD, ids=[row[0] for row in GOOD])
def test_a_condition_is_understood(text: str, condition: Condition) -> None:
    threshold = parse_threshold(f"  {text} ")
    assert threshold.alternatives == ((condition,),)
    assert threshold.text == text
    assert not threshold.abort


def test_and_binds_closer_than_or_and_abort_concerns_the_whole() -> None:
    threshold = parse_threshold("failures < 1% and checks > 99% or errors == 0 after 5s abort")
    assert [[condition.metric for condition in alternative] for alternative in threshold.alternatives] == [
        ["failures", "checks"],
        ["errors"],
    ]
    assert threshold.abort
    assert [condition.metric for condition in threshold.conditions] == ["failures", "checks", "errors"]


# Text, message, the text under the carets, hint.
BAD: list[tuple[str, str, str, str]] = [
    ("", "a metric is missing", "", "write METRIC STAT OP VALUE"),
    ("respons_time p95 < 5ms", "unknown metric 'respons_time'", "respons_time", "did you mean response_time?"),
    ("db_connections < 80%", "unknown metric 'db_connections'", "db_connections", "known: response_time"),
    ("p95 < 500ms", "unknown metric 'p95'", "p95", "response_time"),
    ("response_time < 500ms", "response_time needs a stat", "<", "p95"),
    ("response_time p9x < 500ms", "has no stat 'p9x'", "p9x", "did you mean p9"),
    ("response_time p100 < 500ms", "p100 is the largest value", "p100", "write max"),
    ("response_time p0 < 500ms", "has no stat 'p0'", "p0", "did you mean"),
    ("response_time median < 500ms", "has no stat 'median'", "median", "p50"),
    ("response_time rate < 500ms", "has no stat 'rate'", "rate", "p50"),
    ("failures p95 < 1%", "failures has no stat 'p95'", "p95", "rate"),
    ("tenant_p95_ratio max < 3", "has no stats", "max", "tenant_p95_ratio < 3"),
    ("tenant_p95_ratio < 3 after 5s", "only for the whole run", "after", "leave out"),
    ("response_time p95", "a comparison is missing after p95", "", "one of <"),
    ("response_time p95 500ms", "a comparison is missing after p95", "500ms", "one of <"),
    ("response_time p95 = 500ms", "`=` does not compare", "=", "write =="),
    ("response_time p95 != 500ms", "a comparison is missing", "!=", "one of <"),
    ("response_time p95 <", "a limit is missing", "", "500ms"),
    ("response_time p95 < fast", "fast is no limit", "fast", "500ms"),
    ("response_time p95 < 500", "500 is no limit for response_time", "500", "500ms"),
    ("response_time p95 < 5%", "5% is no limit for response_time", "5%", "500ms"),
    ("response_time p95 < -5ms", "a limit cannot be negative", "-", "zero or more"),
    ("response_time p95 < 5parsec", "5parsec is no limit", "5parsec", "500ms"),
    ("failures < 500ms", "500ms is no limit for failures", "500ms", "1%"),
    ("failures < 1", "1 is no clear share", "1", "for example 1%"),
    ("failures < 101%", "101% is no limit", "101%", "1%"),
    ("throughput > 950", "950 is no limit for throughput", "950", "950/s"),
    ("throughput > 950/y", "950/y is no limit", "950/y", "950/s"),
    ("errors < 5%", "5% is no limit for errors", "5%", "100"),
    ("response_time{nme=a} p95 < 5ms", "has no tag 'nme'", "nme", "did you mean name?"),
    ("start_delay{name=a} p95 < 5ms", "start_delay has no tag 'name'", "name", "scenario"),
    ("response_time{name} p95 < 5ms", "`=` is missing after the tag name", "}", "name="),
    ("response_time{name=~a} p95 < 5ms", "`=` is missing after the tag name", "=~", "name="),
    ("response_time{name=} p95 < 5ms", "the value of the tag name is missing", "}", "name="),
    ("response_time{name=GET /x} p95 < 5ms", "'/' is not understood", "/", "write"),
    ("response_time{name=a b} p95 < 5ms", "`}` is missing", "b", "needs quotes"),
    ("response_time{name=a,name=b} p95 < 5ms", "given twice", "name", "keep one"),
    ("response_time{} p95 < 5ms", "has no tag '}'", "}", "name"),
    ('response_time{name="a p95 < 5ms', "a quote is not closed", '"', "GET /api/dashboard"),
    ("failures < 1% over", "`over` needs whole seconds", "", "over 30s"),
    ("failures < 1% over 0s", "`over` needs whole seconds", "0s", "over 30s"),
    ("failures < 1% over 1500ms", "`over` needs whole seconds, not 1500ms", "1500ms", "over 30s"),
    ("failures < 1% after soon", "`after` needs whole seconds, not soon", "soon", "after 30s"),
    ("failures < 1% over 5s over 6s", "`over` is given twice", "over", "keep one"),
    ("failures < 1% abort and checks > 9%", "`abort` belongs at the end", "and", "as a whole"),
    ("failures < 1% aftr 5s", "'aftr' is not understood", "aftr", "did you mean after?"),
    ("failures < 1% < 2%", "'<' is not expected here", "<", "and"),
    ("failures < 1% and", "a metric is missing", "", "write METRIC"),
    ("(failures < 1%)", "parentheses", "(", "and"),
    ("failures < 1%; checks > 99%", "';' is not understood", ";", "write"),
]


@pytest.mark.parametrize(("text", "message", "marked", "hint"), BAD, ids=[row[0] or "nothing" for row in BAD])
def test_a_mistake_is_told_with_its_place(text: str, message: str, marked: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_threshold(text)
    first, line, carets = caught.value.what.split("\n")
    assert message in first
    assert hint in caught.value.hint
    under = "".join(char for char, mark in zip(line.ljust(len(carets)), carets, strict=False) if mark == "^")
    assert under.strip() == marked


durations = st.integers(1, 3600)
values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    metric = METRICS[draw(st.sampled_from(list(METRICS)))]
    stats = {
        "trend": ["p50", "p95", "p99.9", "avg", "max", "count"],
        "rate": ["rate", "count"],
        "counter": ["rate", "count"],
        "gauge": ["value"],
    }
    stat = draw(st.sampled_from(stats[metric.kind]))
    unit = unit_of(metric, stat)
    limit = draw(st.integers(0, 100 if unit == "share" else 10**6)) / (100 if unit == "share" else 1000)
    tags = draw(st.dictionaries(st.sampled_from(metric.tags), values)) if metric.tags else {}
    over, after = (None, 0) if metric.kind == "gauge" else (draw(st.none() | durations), draw(st.just(0) | durations))
    return Condition(metric.name, stat, draw(st.sampled_from(OPERATORS)), limit, unit, tags, over, after)


@given(st.lists(st.lists(conditions(), min_size=1, max_size=3), min_size=1, max_size=3), st.booleans())
def test_a_threshold_written_out_is_read_back(alternatives: list[list[Condition]], abort: bool) -> None:
    text = " or ".join(" and ".join(map(str, alternative)) for alternative in alternatives) + (" abort" if abort else "")
    threshold = parse_threshold(text)
    assert threshold.abort == abort
    assert [[_rounded(condition) for condition in part] for part in threshold.alternatives] == [
        [_rounded(condition) for condition in part] for part in alternatives
    ]
    assert str(threshold) == text


def _rounded(condition: Condition) -> tuple[object, ...]:
    tail = (dict(condition.tags), condition.over_s, condition.after_s)
    return (condition.metric, condition.stat, condition.op, round(condition.limit, 12), condition.unit, *tail)


@given(
    st.text()
    | st.lists(st.sampled_from([*METRICS, "p95", "<", "5ms", "1%", "{", "}", "=", '"', ",", "and", "over", "abort", "٣"])).map(" ".join)
)
def test_no_text_makes_the_parser_crash(text: str) -> None:
    with suppress(UsageError):
        parse_threshold(text)


def test_all_thresholds_of_a_plan_are_checked_together() -> None:
    texts = [
        "failures < 1%",
        "failurs < 1%",
        "response_time{scenario=dashbord} p95 < 5ms",
        "failures < 1% over 1m",
        "checks > 99% after 30s",
    ]
    good, faults = parse_thresholds(texts, scenarios=["dashboard", "booking"], duration_s=30, where="clinic.py:9")
    assert [threshold.text for threshold in good] == ["failures < 1%"]
    assert [fault.where for fault in faults] == ["clinic.py:9"] * 4
    messages = ["unknown metric", "no scenario is named 'dashbord'", "needs 60 s of load, but there are 30 s", "needs 31 s of load"]
    for fault, message in zip(faults, messages, strict=True):
        assert message in fault.what
    assert faults[1].hint == "did you mean dashboard?"


def test_a_known_scenario_and_a_window_as_long_as_the_load_are_fine() -> None:
    good, faults = parse_thresholds(["failures{scenario=booking} < 1% over 20s after 10s"], scenarios=["booking"], duration_s=30)
    assert (len(good), faults) == (1, [])
