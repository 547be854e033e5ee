"""A threshold as data: conditions joined by `and` and `or`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantry.metrics.builtin import METRICS, Kind, Metric, Unit

OPERATORS = ("<", "<=", ">", ">=", "==")


@dataclass(frozen=True, slots=True)
class Condition:
    """`METRIC[{tag=value,...}] STAT OP VALUE [over WINDOW] [after WARMUP]`; `limit` is in `unit` (seconds, a share of 0 to 1, ...)."""

    metric: str
    stat: str
    op: str
    limit: float
    unit: Unit
    tags: Mapping[str, str] = field(default_factory=dict)
    over_s: int | None = None
    after_s: int = 0

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

    def __str__(self) -> str:
        """The canonical text; parsing it gives this condition again."""
        tags = ",".join(f"{tag}={_quoted(value)}" for tag, value in self.tags.items())
        parts = [self.metric + (f"{{{tags}}}" if tags else "")]
        parts += [] if METRICS[self.metric].kind == "gauge" else [self.stat]
        parts += [self.op, _limit(self.limit, self.unit)]
        parts += [f"over {self.over_s}s"] if self.over_s is not None else []
        parts += [f"after {self.after_s}s"] if self.after_s else []
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Threshold:
    """It holds when all conditions of one alternative hold. `abort`: a failure during the run stops it."""

    text: str
    alternatives: tuple[tuple[Condition, ...], ...]
    abort: bool = False

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every condition, in the order of the text."""
        return tuple(condition for alternative in self.alternatives for condition in alternative)

    def __str__(self) -> str:
        text = " or ".join(" and ".join(map(str, alternative)) for alternative in self.alternatives)
        return f"{text} abort" if self.abort else text


def unit_of(metric: Metric, stat: str) -> Unit:
    """The unit of a metric's stat."""
    if stat == "count":
        return "count"
    per_kind: dict[Kind, Unit] = {"trend": "s", "rate": "share", "counter": "per_s", "gauge": metric.unit}
    return per_kind[metric.kind]


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _limit(limit: float, unit: Unit) -> str:
    number = format(limit, ".15f").rstrip("0").rstrip(".")
    match unit:
        case "s":
            return f"{number}s"
        case "share":
            return f"{format(limit * 100, '.13f').rstrip('0').rstrip('.')}%"
        case "per_s":
            return f"{number}/s"
        case _:
            return number
