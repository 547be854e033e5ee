"""A threshold as data: conditions joined by `and` and `or`, in any depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, NamedTuple

from tenantry.metrics.builtin import Kind, Metric, Unit
from tenantry.metrics.selector import Selectors

OPERATORS = ("<", "<=", ">", ">=", "==")


class Part(NamedTuple):
    """The part of the load that a condition looks at: `in steady`, `after steady` (to the end), or `in stage 2`."""

    word: Literal["in", "after"]
    what: Literal["steady", "stage"]
    number: int = 0

    def __str__(self) -> str:
        return f"{self.word} {self.what}{f' {self.number}' if self.what == 'stage' else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`METRIC[{tag=value,...}] STAT OP VALUE [over WINDOW] [after WARMUP] [in PART]`; `limit` is in `unit` (seconds, a share, ...).

    `after_s` counts from the start of the `part`, or of the load.
    """

    metric: str
    kind: Kind
    stat: str
    op: str
    limit: float
    unit: Unit
    tags: Selectors = ()
    over_s: int | None = None
    after_s: int = 0
    part: Part | None = None

    def holds(self, observed: float) -> bool:
        """Whether a value meets the limit."""
        match self.op:
            case "<":
                return observed < self.limit
            case "<=":
                return observed <= self.limit
            case ">":
                return observed > self.limit
            case ">=":
                return observed >= self.limit
            case _:
                return observed == self.limit

    @property
    def quantile(self) -> float | None:
        """The quantile that the stat asks for, such as 0.999 for `p99.9`; None for other stats."""
        # 99.9 / 100 in floats is above 0.999, which would ask for the next rank.
        return float(Decimal(self.stat[1:]) / 100) if self.kind == "trend" and self.stat.startswith("p") else None

    def runs(self, scenario: str) -> bool:
        """Whether the tags let a scenario's values through."""
        return all(tag.fits(scenario) for tag in self.tags if tag.tag == "scenario")

    def __str__(self) -> str:
        """The canonical text; parsing it gives this condition again."""
        tags = ",".join(map(str, self.tags))
        words = [self.metric + (f"{{{tags}}}" if tags else "")]
        words += [] if self.kind == "gauge" else [self.stat]
        words += [self.op, _limit(self.limit, self.unit)]
        words += [str(self.part)] if self.part is not None else []
        words += [f"over {self.over_s}s"] if self.over_s is not None else []
        words += [f"after {self.after_s}s"] if self.after_s else []
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more expressions, none of which is joined by the same word."""

    word: Literal["and", "or"]
    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return f" {self.word} ".join(f"({part})" if isinstance(part, Joined) and self.word == "and" else str(part) for part in self.parts)


Expression = Condition | Joined


def joined(word: Literal["and", "or"], parts: list[Expression]) -> Expression:
    """One part as it is; several in one flat row: `a and (b and c)` is `a and b and c`."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Joined) and part.word == word else [part]
    return Joined(word, tuple(flat))


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition or several. `abort`: a failure during the run stops it, from `abort_after_s` of the load on."""

    text: str
    expression: Expression
    abort: bool = False
    abort_after_s: int = 0

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every condition, in the order of the text."""
        return tuple(_conditions(self.expression))

    def changed(self, change: Callable[[Condition], Condition]) -> Threshold:
        """The same over changed conditions, with its canonical text."""
        later = replace(self, expression=_changed(self.expression, change))
        return replace(later, text=str(later))

    def __str__(self) -> str:
        delay = f" after {self.abort_after_s}s" if self.abort_after_s else ""
        return f"{self.expression} abort{delay}" if self.abort else str(self.expression)


def _conditions(expression: Expression) -> list[Condition]:
    if isinstance(expression, Condition):
        return [expression]
    return [condition for part in expression.parts for condition in _conditions(part)]


def _changed(expression: Expression, change: Callable[[Condition], Condition]) -> Expression:
    if isinstance(expression, Condition):
        return change(expression)
    return Joined(expression.word, tuple(_changed(part, change) for part in expression.parts))


def unit_of(metric: Metric, stat: str) -> Unit:
    """The unit of a metric's stat."""
    if stat == "count":
        return "count"
    per_kind: dict[Kind, Unit] = {"trend": metric.unit, "rate": "share", "counter": "per_s", "gauge": metric.unit}
    return per_kind[metric.kind]


def _limit(limit: float, unit: Unit) -> str:
    """The shortest decimal that is read back as the same number."""
    exact = Decimal(repr(limit))
    if unit == "share":
        return f"{_plain(exact * 100)}%"
    return _plain(exact) + {"s": "s", "per_s": "/s", "bytes": "B"}.get(unit, "")


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
