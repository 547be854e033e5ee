"""The grammar of thresholds:

    threshold  = all {"or" all} ["abort"]
    all        = condition {"and" condition}
    condition  = METRIC [selector] [STAT] OP VALUE {"over" DURATION | "after" DURATION}
    selector   = "{" TAG "=" VALUE {"," TAG "=" VALUE} "}"

A missing STAT is the metric's own: `failures < 1%`, `throughput > 950/s`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tenantry.errors import UsageError
from tenantry.metrics.builtin import METRICS, Metric, Unit
from tenantry.thresholds.model import OPERATORS, Condition, Threshold, unit_of
from tenantry.thresholds.tokens import Token, fault, tokenize
from tenantry.types import did_you_mean
from tenantry.units import NS, duration_ns, rate

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_STATS = {"trend": ("p50", "p90", "p95", "p99", "p99.9", "avg", "max", "count"), "rate": ("rate", "count"), "counter": ("count", "rate")}
_EXAMPLE = "write METRIC STAT OP VALUE, for example response_time p95 < 500ms"
_LIMITS: dict[Unit, str] = {
    "s": "a duration such as 500ms",
    "share": "a percentage such as 1%",
    "per_s": "a rate such as 950/s",
    "count": "a number such as 100",
    "ratio": "a number such as 3",
}


def parse_threshold(text: str) -> Threshold:
    """The threshold of a text; raises UsageError with a caret under the place that is wrong."""
    return _Parser(text).threshold()


def parse_thresholds(
    texts: Iterable[str], *, scenarios: Iterable[str], duration_s: float, where: str = ""
) -> tuple[list[Threshold], list[UsageError]]:
    """All thresholds of a plan, and all that is wrong with them: grammar, unknown scenarios, windows longer than the load."""
    found: list[Threshold] = []
    faults: list[UsageError] = []
    known = tuple(scenarios)
    for text in texts:
        try:
            threshold = parse_threshold(text)
            _check(threshold, known, duration_s)
            found.append(threshold)
        except UsageError as wrong:
            faults.append(UsageError(wrong.what, where=where, hint=wrong.hint))
    return found, faults


def _check(threshold: Threshold, scenarios: tuple[str, ...], duration_s: float) -> None:
    for condition in threshold.conditions:
        scenario = condition.tags.get("scenario")
        if scenario is not None and scenario not in scenarios:
            raise UsageError(f"threshold: no scenario is named {scenario!r}\n    {threshold.text}", hint=did_you_mean(scenario, scenarios))
        needed = condition.after_s + (condition.over_s or 1)
        if needed > max(duration_s, 1):
            raise UsageError(
                f"threshold: it needs {needed} s of load, but there are {duration_s:g} s\n    {threshold.text}",
                hint="shorten `over` and `after`, or let the load take longer",
            )


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.position = 0

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.here
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def accept(self, *texts: str) -> Token | None:
        return self.take() if self.here.kind not in ("string", "end") and self.here.text in texts else None

    def fail(self, token: Token, what: str, hint: str) -> UsageError:
        return fault(self.text, token, what, hint)

    def threshold(self) -> Threshold:
        alternatives = [self.all()]
        while self.accept("or"):
            alternatives.append(self.all())
        abort = self.accept("abort") is not None
        if self.here.kind != "end":
            raise self.fail(self.here, *self.leftover(abort))
        return Threshold(self.text.strip(), tuple(alternatives), abort)

    def leftover(self, abort: bool) -> tuple[str, str]:
        if abort:
            return "`abort` belongs at the end", "it concerns the threshold as a whole"
        if self.here.kind == "word":
            return f"{self.here.text!r} is not understood here", did_you_mean(self.here.text, ("and", "or", "over", "after", "abort"))
        return f"{self.here.text!r} is not expected here", "join conditions by `and` or `or`"

    def all(self) -> tuple[Condition, ...]:
        conditions = [self.condition()]
        while self.accept("and"):
            conditions.append(self.condition())
        return tuple(conditions)

    def condition(self) -> Condition:
        metric = self.metric()
        tags = self.selector(metric)
        stat = self.stat(metric)
        op = self.operator(metric, stat)
        if metric.kind == "counter" and stat is None and "/" in self.here.text:
            stat = "rate"
        stat = stat or metric.default_stat or ""
        unit = unit_of(metric, stat)
        limit = self.limit(metric, unit)
        over_s, after_s = self.spans(metric)
        return Condition(metric.name, stat, op, limit, unit, tags, over_s, after_s)

    def metric(self) -> Metric:
        token = self.take()
        if token.kind != "word":
            raise self.fail(token, f"a metric is missing before {token.text}" if token.kind != "end" else "a metric is missing", _EXAMPLE)
        if token.text not in METRICS:
            raise self.fail(token, f"unknown metric {token.text!r}", did_you_mean(token.text, tuple(METRICS)))
        return METRICS[token.text]

    def selector(self, metric: Metric) -> dict[str, str]:
        tags: dict[str, str] = {}
        if not self.accept("{"):
            return tags
        while True:
            token = self.take()
            if token.kind != "word" or token.text not in metric.tags:
                raise self.fail(token, f"{metric.name} has no tag {token.text!r}", did_you_mean(token.text, metric.tags))
            if token.text in tags:
                raise self.fail(token, f"the tag {token.text} is given twice", "keep one of them")
            if not self.accept("="):
                raise self.fail(self.here, f"`=` is missing after the tag {token.text}", f'write {{{token.text}="..."}}')
            tags[token.text] = self.tag_value(token.text)
            if self.accept("}"):
                return tags
            if not self.accept(","):
                raise self.fail(self.here, "`}` is missing", f'write {metric.name}{{{token.text}="..."}}; a value with spaces needs quotes')

    def tag_value(self, tag: str) -> str:
        token = self.take()
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind in ("word", "number"):
            return token.text
        raise self.fail(token, f"the value of the tag {tag} is missing", f'write {{{tag}="..."}}')

    def stat(self, metric: Metric) -> str | None:
        token = self.here
        if token.kind != "word":
            if metric.default_stat is None:
                raise self.fail(token, f"{metric.name} needs a stat", f"write {metric.name} p95 ..., or avg, max, count")
            return None
        self.take()
        if metric.kind == "gauge":
            raise self.fail(token, f"{metric.name} is one number and has no stats", f"write {metric.name} < 3")
        if token.text in _STATS[metric.kind] or (metric.kind == "trend" and self.percentile(token)):
            return token.text
        raise self.fail(token, f"{metric.name} has no stat {token.text!r}", did_you_mean(token.text, _STATS[metric.kind]))

    def percentile(self, token: Token) -> bool:
        if token.text == "p100":
            raise self.fail(token, "p100 is the largest value", "write max")
        match = _PERCENTILE.fullmatch(token.text)
        return match is not None and float(match[1]) > 0

    def operator(self, metric: Metric, stat: str | None) -> str:
        token = self.take()
        if token.text in OPERATORS:
            return token.text
        if token.text == "=":
            raise self.fail(token, "`=` does not compare", "write ==")
        what = f"a comparison is missing after {stat or metric.name}"
        raise self.fail(token, what, f"write one of {' '.join(OPERATORS)}, for example {metric.name} {stat or 'p95'} < ...")

    def limit(self, metric: Metric, unit: Unit) -> float:
        token = self.take()
        if token.kind == "number":
            value = _limit(token.text, unit)
            if value is not None:
                return value
        if unit == "share" and token.kind == "number" and _PLAIN.fullmatch(token.text):
            raise self.fail(token, f"{token.text} is no clear share", f"write it as a percentage of 0% to 100%, for example {token.text}%")
        what = "a limit is missing" if token.kind == "end" else f"{token.text} is no limit for {metric.name}"
        raise self.fail(token, what, f"write {_LIMITS[unit]}")

    def spans(self, metric: Metric) -> tuple[int | None, int]:
        spans: dict[str, int] = {}
        while token := self.accept("over", "after"):
            if metric.kind == "gauge":
                raise self.fail(token, f"{metric.name} is known only for the whole run", f"leave out `{token.text}`")
            if token.text in spans:
                raise self.fail(token, f"`{token.text}` is given twice", "keep one of them")
            spans[token.text] = self.seconds(token.text)
        return spans.get("over"), spans.get("after", 0)

    def seconds(self, word: str) -> int:
        token = self.take()
        try:
            ns = duration_ns(token.text, what=word) if token.kind == "number" else -1
        except UsageError:
            ns = -1
        if ns < 0 or ns % NS or (word == "over" and ns == 0):
            raise self.fail(token, f"`{word}` needs whole seconds, not {token.text}", f"write {word} 30s")
        return ns // NS


def _limit(text: str, unit: Unit) -> float | None:
    """The number in its unit, or None when the text has another unit."""
    try:
        if unit == "s":
            return duration_ns(text) / NS
        if unit == "per_s":
            return float(rate(text)) if "/" in text else None
    except UsageError:
        return None
    if unit == "share" and text.endswith("%"):
        number = text[:-1].strip()
        return float(number) / 100 if _PLAIN.fullmatch(number) and float(number) <= 100 else None
    if not _PLAIN.fullmatch(text):
        return None
    # 1 alone could be meant as 1 % or as everything.
    return float(text) if unit != "share" or float(text) < 1 else None
