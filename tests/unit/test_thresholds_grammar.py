"""The grammar of thresholds: what is written is what is meant, and every mistake is told with its place."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import UsageError
from tenantry.metrics.builtin import METRICS, Metric
from tenantry.metrics.custom import custom_metrics
from tenantry.metrics.selector import MATCHES, Selector
from tenantry.thresholds.check import check_thresholds
from tenantry.thresholds.model import OPERATORS, Condition, Expression, Part, Threshold, joined, unit_of
from tenantry.thresholds.parser import parse_threshold


def condition(metric: str, stat: str, op: str, limit: float, unit: str, **more: Any) -> Condition:
    return Condition(metric=metric, kind=METRICS[metric].kind, stat=stat, op=op, limit=limit, unit=unit, **more)  # type: ignore[arg-type]


GOOD: list[tuple[str, Condition]] = [
    ("response_time p95 < 500ms", condition("response_time", "p95", "<", 0.5, "s")),
    ("response_time p99.9 <= 1.5s", condition("response_time", "p99.9", "<=", 1.5, "s")),
    ("service_time avg<20ms", condition("service_time", "avg", "<", 0.02, "s")),
    ("service_time max < 1 m", condition("service_time", "max", "<", 60, "s")),
    ("response_time count >= 100", condition("response_time", "count", ">=", 100, "count")),
    ("failures < 1%", condition("failures", "rate", "<", 0.01, "share")),
    ("failures < 0.1 %", condition("failures", "rate", "<", 0.001, "share")),
    ("failures rate < 0.01", condition("failures", "rate", "<", 0.01, "share")),
    ("failures == 0", condition("failures", "rate", "==", 0, "share")),
    ("failures count < 3", condition("failures", "count", "<", 3, "count")),
    ("checks > 99%", condition("checks", "rate", ">", 0.99, "share")),
    ("checks == 100%", condition("checks", "rate", "==", 1, "share")),
    ("throughput > 950/s", condition("throughput", "rate", ">", 950, "per_s")),
    ("throughput > 600/m", condition("throughput", "rate", ">", 10, "per_s")),
    ("throughput count > 600", condition("throughput", "count", ">", 600, "count")),
    ("requests > 1000", condition("requests", "count", ">", 1000, "count")),
    ("requests > 100/s", condition("requests", "rate", ">", 100, "per_s")),
    ("dropped_iterations == 0", condition("dropped_iterations", "count", "==", 0, "count")),
    ("tenant_p95_ratio < 3", condition("tenant_p95_ratio", "value", "<", 3, "ratio")),
    (
        'response_time{name="GET /api/dashboard"} p95 < 200ms after 30s',
        condition("response_time", "p95", "<", 0.2, "s", tags=(Selector("name", "=", "GET /api/dashboard"),), after_s=30),
    ),
    ("failures < 0.1% over 1m", condition("failures", "rate", "<", 0.001, "share", over_s=60)),
    ("failures < 1% after 1m30s over 10s", condition("failures", "rate", "<", 0.01, "share", over_s=10, after_s=90)),
    (
        'checks{ scenario = booking , name = "a \\"b\\" \\\\" } > 99%',
        condition("checks", "rate", ">", 0.99, "share", tags=(Selector("scenario", "=", "booking"), Selector("name", "=", 'a "b" \\'))),
    ),
    ("failures{group=shop-1.2} < 1%", condition("failures", "rate", "<", 0.01, "share", tags=(Selector("group", "=", "shop-1.2"),))),
    (
        'failures{name=~"GET /api/.*", name!="GET /api/b", scenario != x} < 1%',
        condition(
            "failures",
            "rate",
            "<",
            0.01,
            "share",
            tags=(Selector("name", "=~", "GET /api/.*"), Selector("name", "!=", "GET /api/b"), Selector("scenario", "!=", "x")),
        ),
    ),
    ("failures < 1% in steady over 10s", condition("failures", "rate", "<", 0.01, "share", over_s=10, part=Part("in", "steady"))),
    ("failures < 1% after steady", condition("failures", "rate", "<", 0.01, "share", part=Part("after", "steady"))),
    ("failures < 1% after 5s in stage 2", condition("failures", "rate", "<", 0.01, "share", after_s=5, part=Part("in", "stage", 2))),
    ("busy_share < 80%", condition("busy_share", "value", "<", 0.8, "share")),
    ("rss_bytes < 500MB", condition("rss_bytes", "value", "<", 500e6, "bytes")),
    ("tenant_p95_worst < 2s", condition("tenant_p95_worst", "value", "<", 2, "s")),
    ("hand_over p99 < 5ms", condition("hand_over", "p99", "<", 0.005, "s")),
]


@pytest.mark.parametrize(("text", "meant"), GOOD, ids=[row[0] for row in GOOD])
def test_a_condition_is_understood(text: str, meant: Condition) -> None:
    threshold = parse_threshold(f"  {text} ")
    assert threshold.expression == meant
    assert threshold.text == text
    assert not threshold.abort


def shape(expression: Expression) -> object:
    """Metrics in nested lists that begin with the word that joins them."""
    return expression.metric if isinstance(expression, Condition) else [expression.word, *map(shape, expression.parts)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("failures < 1% and checks > 99% or errors == 0", ["or", ["and", "failures", "checks"], "errors"]),
        ("failures < 1% and (checks > 99% or errors == 0)", ["and", "failures", ["or", "checks", "errors"]]),
        ("failures < 1% and (checks > 99% and errors == 0)", ["and", "failures", "checks", "errors"]),
        ("(failures < 1%)", "failures"),
        ("((failures < 1% or checks > 9%)) or errors == 0", ["or", "failures", "checks", "errors"]),
    ],
)
def test_and_binds_closer_than_or_unless_parentheses_say_otherwise(text: str, meant: object) -> None:
    assert shape(parse_threshold(text).expression) == meant


@pytest.mark.parametrize(("ending", "abort", "after_s"), [("", False, 0), (" abort", True, 0), (" abort after 1m30s", True, 90)])
def test_abort_concerns_the_whole_and_may_have_a_delay(ending: str, abort: bool, after_s: int) -> None:
    threshold = parse_threshold(f"failures < 1% or errors == 0 after 5s{ending}")
    assert (threshold.abort, threshold.abort_after_s) == (abort, after_s)
    assert [one.metric for one in threshold.conditions] == ["failures", "errors"]
    assert threshold.conditions[1].after_s == 5


# Text, message, the text under the carets, hint.
BAD: list[tuple[str, str, str, str]] = [
    ("", "a metric is missing", "", "write METRIC STAT OP VALUE"),
    ("respons_time p95 < 5ms", "unknown metric 'respons_time'", "respons_time", "did you mean response_time?"),
    ("memory < 80%", "unknown metric 'memory'", "memory", "known: response_time"),
    ("p95 < 500ms", "unknown metric 'p95'", "p95", "response_time"),
    ("response_time < 500ms", "response_time needs a stat", "<", "p95"),
    ("response_time p9x < 500ms", "has no stat 'p9x'", "p9x", "did you mean p9"),
    ("response_time p100 < 500ms", "p100 is the largest value", "p100", "write max"),
    ("response_time p0 < 500ms", "has no stat 'p0'", "p0", "did you mean"),
    ("response_time median < 500ms", "has no stat 'median'", "median", "p50"),
    ("response_time rate < 500ms", "has no stat 'rate'", "rate", "p50"),
    ("failures p95 < 1%", "failures has no stat 'p95'", "p95", "rate"),
    ("tenant_p95_ratio max < 3", "has no stats", "max", "tenant_p95_ratio <"),
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
    ("response_time{name<a} p95 < 5ms", "`=` is missing after the tag name", "<", "name="),
    ('response_time{name=~"GET (a"} p95 < 5ms', "no regular expression", '"GET (a"', "fits the whole value"),
    ("response_time p95 < 5ms in stage", "`in` needs a part of the load", "", "in stage 2"),
    ("response_time p95 < 5ms in stage 0", "`in` needs a part of the load", "0", "in stage 2"),
    ("response_time p95 < 5ms in ramp", "`in` needs a part of the load", "ramp", "in steady"),
    ("response_time p95 < 5ms in steady in stage 1", "`in steady` is given already", "in", "keep one"),
    ("tenant_p95_worst < 5s in steady", "only for the whole run", "in", "leave out"),
    ("rss_bytes < 5", "5 is no limit for rss_bytes", "5", "500MB"),
    ("failures < 1% abort after soon", "`after` needs whole seconds", "soon", "after 30s"),
    ("(failures < 1% abort)", "`abort` belongs at the end", "abort", "as a whole"),
    ("(failures < 1%", "`)` is missing", "", "close"),
    ("failures < 1%)", "`)` closes nothing", ")", "leave it out"),
    ("(" * 30 + "failures < 1%" + ")" * 30, "too many parentheses", "(", "split"),
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


CUSTOM = custom_metrics(
    {
        "metrics": {
            "orders": {"kind": "counter", "unit": "orders"},
            "cache_hits": {"kind": "rate", "tags": ["scenario", "region"]},
            "pool": {"kind": "gauge", "unit": "connections"},
            "rendering": {"kind": "trend", "unit": "s"},
            "queue_depth": {"kind": "trend", "unit": "jobs"},
        }
    }
)

durations = st.integers(1, 3600)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
patterns = st.sampled_from(["GET .*", r"a\.b", "[a-z]+|x", '"', r"\\", "(?i)get"])


STATS = {
    "trend": ["p50", "p95", "p99.9", "avg", "max", "count"],
    "rate": ["rate", "count"],
    "counter": ["rate", "count"],
    "gauge": ["value"],
}
stages_of_the_load = st.builds(Part, st.just("in"), st.just("stage"), st.integers(1, 99))
parts = stages_of_the_load | st.sampled_from([Part("in", "steady"), Part("after", "steady")])


@st.composite
def selectors(draw: st.DrawFn, tags: tuple[str, ...]) -> list[Selector]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(tags), st.sampled_from(MATCHES)), unique=True)) if tags else []
    return [Selector(tag, op, draw(patterns if op == "=~" else values)) for tag, op in pairs]


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    metric: Metric = draw(st.sampled_from([*METRICS.values(), *CUSTOM.values()]))
    stat = draw(st.sampled_from(STATS[metric.kind]))
    unit = unit_of(metric, stat)
    limit = draw(st.integers(0, 10**6) | st.integers(0, 10**18)) / 10**6
    in_time = metric.kind != "gauge"
    return Condition(
        metric=metric.name,
        kind=metric.kind,
        stat=stat,
        op=draw(st.sampled_from(OPERATORS)),
        limit=min(limit, 1) if unit == "share" else float(round(limit)) if unit == "bytes" else limit,
        unit=unit,
        tags=tuple(draw(selectors(metric.tags))),
        over_s=draw(st.none() | durations) if in_time else None,
        after_s=draw(st.just(0) | durations) if in_time else 0,
        part=draw(st.none() | parts) if in_time else None,
    )


expressions = st.recursive(
    conditions(), lambda inner: st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3)), max_leaves=6
)


@given(expressions, st.booleans(), st.just(0) | durations)
def test_a_threshold_written_out_is_read_back(expression: Expression, abort: bool, after_s: int) -> None:
    threshold = Threshold("", expression, abort, after_s if abort else 0)
    read = parse_threshold(str(threshold), CUSTOM)
    assert (read.expression, read.abort, read.abort_after_s) == (threshold.expression, threshold.abort, threshold.abort_after_s)
    assert str(read) == str(threshold)


SIGNS = ["<", "<=", ">", ">=", "==", "=", "!=", "=~", "{", "}", "(", ")", ",", '"', '"a"', '"("']
VALUES = ["p95", "p99.9", "avg", "count", "rate", "5ms", "1%", "0.5", "10/s", "5MB", "2", "30s", "\u0663", "\u0663%", "name", "scenario"]
REST = [*SIGNS, *VALUES, "and", "or", "over", "after", "in", "steady", "stage", "abort"]
WORDS = [*METRICS, *CUSTOM, *REST, "9" * 400]


@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_any_text_is_a_threshold_or_an_error_of_its_user_and_what_was_read_is_read_again(text: str) -> None:
    with suppress(UsageError):
        threshold = parse_threshold(text, CUSTOM)
        again = parse_threshold(str(threshold), CUSTOM)
        assert again.expression == threshold.expression
        assert str(again) == str(threshold)


@given(st.lists(st.sampled_from(REST), max_size=6).map(" ".join))
def test_any_ending_of_a_good_threshold_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        threshold = parse_threshold(f"response_time p95 < 5ms {text}", CUSTOM)
        assert parse_threshold(str(threshold), CUSTOM).expression == threshold.expression


def test_metrics_that_the_workload_declares_have_the_stats_of_their_kind() -> None:
    units = {
        "orders > 5/s": "per_s",
        "cache_hits{region=eu} > 90%": "share",
        "pool < 20": "ratio",
        "rendering p95 < 1s": "s",
        "queue_depth p95 < 7.5": "ratio",
    }
    for text, unit in units.items():
        (found,) = parse_threshold(text, CUSTOM).conditions
        assert (found.metric, found.unit) == (text.split()[0].partition("{")[0], unit)
    wrong = {"orders p95 < 5": "count", "pool max < 5": "pool <", "cache_hits avg > 5%": "rate", "ordrs > 5": "did you mean orders?"}
    for text, hint in wrong.items():
        with pytest.raises(UsageError) as caught:
            parse_threshold(text, CUSTOM)
        assert hint in caught.value.hint


def plan(texts: list[str], *, duration_s: int = 30, streams: Any = ()) -> dict[str, Any]:
    return {"thresholds": texts, "scenarios": ["dashboard", "booking"], "duration_ns": duration_s * 10**9, "streams": list(streams)}


def stages(*seconds: int, scenario: str = "booking") -> dict[str, Any]:
    profile = {"kind": "ramping_vus", "start": 0, "stages": [{"duration_ns": each * 10**9, "target": 5} for each in seconds]}
    return {"name": scenario, "profile": profile, "scenarios": [[scenario, 1.0]]}


STAGED = [stages(10, 0, 20), stages(10, 0, 20, 9, scenario="dashboard")]
FAULTS: list[tuple[str, str, str]] = [
    ("failurs < 1%", "unknown metric", "did you mean failures?"),
    ("response_time{scenario=dashbord} p95 < 5ms", "no scenario is named 'dashbord'", "did you mean dashboard?"),
    ("response_time{scenario!=dashbord} p95 < 5ms", "no scenario is named 'dashbord'", "did you mean dashboard?"),
    ('response_time{scenario=~"dash"} p95 < 5ms', "no scenario fits 'dash'", "dashboard, booking"),
    ("failures < 1% over 1m", "needs 60 s of load, but there are 39 s", "shorten"),
    ("checks > 99% after 39s", "needs 40 s of load", "shorten"),
    ("checks > 99% in steady over 30s after 10s", "needs 40 s of load", "shorten"),
    ("checks > 99% in stage 3 over 21s", "needs 21 s of load, but there are 20 s", "shorten"),
    ("checks > 99% in stage 2", "stage 2 has no whole second", "duration"),
    ("checks > 99% in stage 5", "there is no stage 5", "there are 4"),
    ("checks{scenario=booking} > 99% in stage 4", "there is no stage 4", "there are 3"),
    ("failures < 1% abort after 39s", "`abort` is to wait 39 s, but there are 39 s", "shorten"),
    ("failures < 1% in steady abort", "`abort` cannot wait for `steady`", "after 30s"),
]


def test_all_thresholds_of_a_plan_are_checked_together() -> None:
    good, faults = check_thresholds(plan(["checks > 9%", *(row[0] for row in FAULTS)], duration_s=39, streams=STAGED), where="clinic.py:9")
    assert [threshold.text for threshold in good] == ["checks > 9%"]
    assert len(faults) == len(FAULTS)
    for fault, (_, message, hint) in zip(faults, FAULTS, strict=True):
        assert (fault.where, message in fault.what, hint in fault.hint) == ("clinic.py:9", True, True), fault


def test_stages_of_several_streams_need_a_scenario_unless_they_are_the_same() -> None:
    two = [stages(10, 10), stages(10, 20, scenario="dashboard")]
    texts = ["failures < 1% in stage 1", "failures < 1% in stage 2", "failures{scenario=dashboard} < 1% in stage 2 over 20s"]
    good, faults = check_thresholds(plan(texts, streams=two))
    assert [threshold.text for threshold in good] == [texts[0], texts[2]]
    assert "several streams have stages of their own" in faults[0].what


def test_a_load_without_stages_has_none_to_look_at() -> None:
    flat = {"name": "a", "profile": {"kind": "constant_vus", "duration_ns": 30 * 10**9}, "scenarios": [["booking", 1]]}
    (fault,) = check_thresholds(plan(["failures < 1% in stage 1"], streams=[flat]))[1]
    assert "no load profile with stages" in fault.what


def test_a_known_scenario_and_a_window_as_long_as_the_load_are_fine() -> None:
    texts = ["failures{scenario=booking} < 1% over 20s after 10s", 'failures{scenario=~"b.*"} < 1% abort after 29s']
    good, faults = check_thresholds(plan(texts))
    assert (len(good), faults) == (2, [])
