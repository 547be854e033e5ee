"""The grammar of thresholds:

    threshold  = any ["abort" ["after" DURATION]]
    any        = all {"or" all}
    all        = part {"and" part}
    part       = condition | "(" any ")"
    condition  = METRIC [selector] [STAT] OP VALUE {span}
    selector   = "{" TAG MATCH TEXT {"," TAG MATCH TEXT} "}"
    span       = "over" DURATION | "after" (DURATION | "steady") | "in" ("steady" | "stage" NUMBER)

A missing STAT is the metric's own: `failures < 1%`, `throughput > 950/s`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tenantry.errors import UsageError
from tenantry.metrics.builtin import METRICS, Metric, Unit
from tenantry.metrics.selector import MATCHES, Selector, Selectors
from tenantry.thresholds.limits import LIMITS, is_plain, limit_of
from tenantry.thresholds.model import OPERATORS, Condition, Expression, Part, Threshold, joined, unit_of
from tenantry.thresholds.tokens import Token, fault, tokenize
from tenantry.types import did_you_mean
from tenantry.units import NS, duration_ns

STATS = {"trend": ("p50", "p90", "p95", "p99", "p99.9", "avg", "max", "count"), "rate": ("rate", "count"), "counter": ("count", "rate")}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)", re.ASCII)
_EXAMPLE = "write METRIC STAT OP VALUE, for example response_time p95 < 500ms"
_DEEPEST = 20


def parse_threshold(text: str, custom: Mapping[str, Metric] | None = None) -> Threshold:
    """The threshold of a text; raises UsageError with a caret under the place that is wrong.

    `custom`: metrics that the workload declares, by name (`tenantry.metrics.custom`), known beside the built-in ones.
    """
    return _Parser(text, {**METRICS, **(custom or {})}).threshold()


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, metrics: Mapping[str, Metric]) -> None:
        self.text = text
        self.metrics = metrics
        self.tokens = tokenize(text)
        self.position = 0
        self.depth = 0

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
        expression = self.any()
        abort = self.accept("abort") is not None
        delay = self.seconds("after") if abort and self.accept("after") else 0
        if self.here.kind != "end":
            raise self.fail(self.here, *self.leftover(abort))
        return Threshold(self.text.strip(), expression, abort, delay)

    def leftover(self, abort: bool) -> tuple[str, str]:
        if abort:
            return "`abort` belongs at the end", "it concerns the threshold as a whole"
        if self.here.text == ")":
            return "`)` closes nothing", "leave it out, or open it before"
        if self.here.kind == "word":
            return f"{self.here.text!r} is not understood here", did_you_mean(self.here.text, ("and", "or", "over", "after", "in", "abort"))
        return f"{self.here.text!r} is not expected here", "join conditions by `and` or `or`"

    def any(self) -> Expression:
        parts = [self.all()]
        while self.accept("or"):
            parts.append(self.all())
        return joined("or", parts)

    def all(self) -> Expression:
        parts = [self.part()]
        while self.accept("and"):
            parts.append(self.part())
        return joined("and", parts)

    def part(self) -> Expression:
        opened = self.accept("(")
        if opened is None:
            return self.condition()
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.fail(opened, "there are too many parentheses in one another", "split it into several thresholds")
        inner = self.any()
        if self.here.text == "abort":
            raise self.fail(self.here, "`abort` belongs at the end", "it concerns the threshold as a whole")
        if not self.accept(")"):
            raise self.fail(self.here, "`)` is missing", "close the parenthesis after the last condition")
        self.depth -= 1
        return inner

    def condition(self) -> Condition:
        metric = self.metric()
        tags = self.selectors(metric)
        stat = self.stat(metric)
        op = self.operator(metric, stat)
        if metric.kind == "counter" and stat is None and "/" in self.here.text:
            stat = "rate"
        stat = stat or metric.default_stat or ""
        unit = unit_of(metric, stat)
        limit = self.limit(metric, unit)
        over_s, after_s, part = self.spans(metric)
        return Condition(
            metric=metric.name,
            kind=metric.kind,
            stat=stat,
            op=op,
            limit=limit,
            unit=unit,
            tags=tags,
            over_s=over_s,
            after_s=after_s,
            part=part,
        )

    def metric(self) -> Metric:
        token = self.take()
        if token.kind != "word":
            raise self.fail(token, f"a metric is missing before {token.text}" if token.kind != "end" else "a metric is missing", _EXAMPLE)
        if token.text not in self.metrics:
            raise self.fail(token, f"unknown metric {token.text!r}", did_you_mean(token.text, tuple(self.metrics)))
        return self.metrics[token.text]

    def selectors(self, metric: Metric) -> Selectors:
        found: list[Selector] = []
        if not self.accept("{"):
            return ()
        while True:
            found.append(self.selector(metric, found))
            if self.accept("}"):
                return tuple(found)
            if not self.accept(","):
                hint = f'write {metric.name}{{{found[-1].tag}="..."}}; a value with spaces needs quotes'
                raise self.fail(self.here, "`}` is missing", hint)

    def selector(self, metric: Metric, before: list[Selector]) -> Selector:
        token = self.take()
        tag = token.text
        if token.kind != "word" or tag not in metric.tags:
            raise self.fail(token, f"{metric.name} has no tag {tag!r}", did_you_mean(tag, metric.tags))
        match = self.accept(*MATCHES)
        if match is None:
            raise self.fail(self.here, f"`=` is missing after the tag {tag}", f'write {{{tag}="..."}}, or != or =~ (a pattern)')
        if match.text == "=" and any(other.tag == tag and other.op == "=" for other in before):
            raise self.fail(token, f"the tag {tag} is given twice", "keep one of them")
        value = self.here
        return Selector(tag, match.text, self.tag_value(tag) if match.text != "=~" else self.pattern(tag, value))

    def tag_value(self, tag: str) -> str:
        token = self.take()
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        if token.kind in ("word", "number"):
            return token.text
        raise self.fail(token, f"the value of the tag {tag} is missing", f'write {{{tag}="..."}}')

    def pattern(self, tag: str, token: Token) -> str:
        value = self.tag_value(tag)
        try:
            re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            hint = 'write a pattern that fits the whole value, for example {name=~"GET /api/.*"}'
            raise self.fail(token, f"this is no regular expression: {error}", hint) from None
        return value

    def stat(self, metric: Metric) -> str | None:
        token = self.here
        if token.kind != "word":
            if metric.default_stat is None:
                raise self.fail(token, f"{metric.name} needs a stat", f"write {metric.name} p95 ..., or avg, max, count")
            return None
        self.take()
        if metric.kind == "gauge":
            raise self.fail(token, f"{metric.name} is one number and has no stats", f"write {metric.name} < ...")
        if token.text in STATS[metric.kind] or (metric.kind == "trend" and self.percentile(token)):
            return token.text
        raise self.fail(token, f"{metric.name} has no stat {token.text!r}", did_you_mean(token.text, STATS[metric.kind]))

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
            value = limit_of(token.text, unit)
            if value is not None:
                return value
        if unit == "share" and token.kind == "number" and is_plain(token.text):
            raise self.fail(token, f"{token.text} is no clear share", f"write it as a percentage of 0% to 100%, for example {token.text}%")
        what = "a limit is missing" if token.kind == "end" else f"{token.text} is no limit for {metric.name}"
        raise self.fail(token, what, f"write {LIMITS[unit]}")

    def spans(self, metric: Metric) -> tuple[int | None, int, Part | None]:
        seconds: dict[str, int] = {}
        part: Part | None = None
        while token := self.accept("over", "after", "in"):
            if metric.kind == "gauge":
                raise self.fail(token, f"{metric.name} is known only for the whole run", f"leave out `{token.text}`")
            if token.text == "in" or (token.text == "after" and self.here.text == "steady"):
                if part is not None:
                    raise self.fail(token, f"`{part}` is given already", "keep one of them")
                part = self.stretch(token.text)
            elif token.text in seconds:
                raise self.fail(token, f"`{token.text}` is given twice", "keep one of them")
            else:
                seconds[token.text] = self.seconds(token.text)
        return seconds.get("over"), seconds.get("after", 0), part

    def stretch(self, word: str) -> Part:
        token = self.take()
        if token.text == "steady":
            return Part("after" if word == "after" else "in", "steady")
        number = self.take() if token.text == "stage" else token
        if token.text != "stage" or not (number.text.isascii() and number.text.isdecimal() and 1 <= int(number.text[:9]) <= 999):
            raise self.fail(number, "`in` needs a part of the load", "write in steady, or in stage 2 (stages count from 1)")
        return Part("in", "stage", int(number.text))

    def seconds(self, word: str) -> int:
        token = self.take()
        try:
            ns = duration_ns(token.text, what=word) if token.kind == "number" and len(token.text) < 20 else -1
        except UsageError:
            ns = -1
        if ns < 0 or ns % NS or (word == "over" and ns == 0):
            raise self.fail(token, f"`{word}` needs whole seconds, not {token.text}", f"write {word} 30s")
        return ns // NS
