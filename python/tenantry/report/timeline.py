"""The run over time as the charts draw it: columns of one length, rounded to what a screen can show."""

from __future__ import annotations

from typing import Any

from tenantry.report.numbers import Document, finite, items, numbers, part

MOST_MARKS = 40
_DIGITS = 4
_NESTED = ("failure_kinds", "phases_s")

Column = list[float | None]


def step_s(document: Document) -> float:
    """Seconds that one point of the charts covers."""
    return finite(part(document, "timeline").get("step_s")) or 1


def seconds(document: Document) -> list[float]:
    """Where each point of the charts begins."""
    return [second for second in numbers(part(document, "timeline"), "second") if second is not None]


def drawable(document: Document) -> dict[str, Any]:
    """The columns of the timeline, each as long as `second`, and `throughput`: requests without those that failed."""
    timeline, places = part(document, "timeline"), seconds(document)
    columns = {key: numbers(timeline, key) for key in timeline if key not in ("second", "step_s", *_NESTED)}
    for key in ("offered", "started", "dropped"):
        columns[key] = _while_loading(columns.get(key, []), places, load_s(document))
    columns["throughput"] = _difference(columns.get("requests", []), columns.get("failures", []))
    nested = {key: {name: _fitted(numbers(part(timeline, key), name), len(places)) for name in part(timeline, key)} for key in _NESTED}
    return {"second": places, **{key: _fitted(column, len(places)) for key, column in columns.items()}, **nested}


def load_s(document: Document) -> float | None:
    """Length of the load in seconds."""
    return finite(part(document, "about").get("duration_s"))


def outlasts_the_load(document: Document) -> bool:
    """Whether the last requests ended in a later second than the load."""
    seconds, end = numbers(part(document, "timeline"), "second"), load_s(document)
    return bool(seconds) and seconds[-1] is not None and bool(end) and seconds[-1] >= (end or 0)


def moment_of_most(document: Document, key: str) -> str:
    """When a column was highest: `second 12`, or `the 10 s from second 120`."""
    timeline = part(document, "timeline")
    pairs = zip(numbers(timeline, key), numbers(timeline, "second"), strict=False)
    known = [(value, second) for value, second in pairs if value is not None and second is not None]
    if not known:
        return "an unknown second"
    second = max(known, key=lambda pair: pair[0])[1]
    step = step_s(document)
    return f"second {second:,.0f}" if step == 1 else f"the {step:g} s from second {second:,.0f}"


def marks(document: Document) -> list[dict[str, Any]]:
    """The first events, numbered as in the table of events."""
    return [
        {"number": number, "second": second, "text": str(event.get("text") or "")[:200]}
        for number, event in enumerate(items(document, "events")[:MOST_MARKS], 1)
        if (second := finite(event.get("second"))) is not None
    ]


def fitted(values: object, length: int) -> Column:
    """Any list of numbers as a column of that length."""
    return _fitted(numbers({"values": values}, "values"), length)


def _difference(whole: Column, some: Column) -> Column:
    return [None if a is None else a - (b or 0) for a, b in zip(whole, some, strict=False)]


def _while_loading(column: Column, seconds: list[float], end: float | None) -> Column:
    """Without what is no zero but nothing: after the load, no iteration was due."""
    return column if not end else [value if second < end else None for value, second in zip(column, seconds, strict=False)]


def _fitted(column: Column, length: int) -> Column:
    return [None if value is None else _rounded(value) for value in (column + [None] * length)[:length]]


def _rounded(value: float) -> float:
    """Four significant digits, or the whole number."""
    if value == int(value):
        return int(value)
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded == int(rounded) else rounded
