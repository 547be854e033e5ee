"""What the page carries for its script, packed: charts, rows beyond those in the page, the slices that tables are worked out of again."""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from tenantry.report import charts, timeline
from tenantry.report.charts import Chart
from tenantry.report.numbers import Document, finite, items, part, printable
from tenantry.report.tables import Key, Table
from tenantry.results.slices import flat

_LEVEL = 5
_LEAST_SLICES = 6
# How the values of a metric of two slices become one.
_MERGED: Mapping[str, Callable[[list[float]], float]] = {"sum": sum, "min": min, "max": max, "last": itemgetter(-1)}


def payload(document: Document, drawn: Sequence[Chart], listed: Iterable[Table]) -> dict[str, Any]:
    """Everything that the script works with, as plain JSON values."""
    shown = list(listed)
    seconds = timeline.seconds(document)
    return {
        "second": seconds,
        "step_s": timeline.step_s(document),
        "load_s": finite(part(document, "about").get("duration_s")),
        "charts": [charts.as_payload(chart) for chart in drawn if chart.drawn],
        "heat": part(document, "heat") or None,
        "marks": timeline.marks(document),
        "more_rows": {table.id: table.rows[table.most :] for table in shown if len(table.rows) > table.most},
        **_slices(document, shown),
    }


def fitted(told: dict[str, Any], most_bytes: int) -> str:
    """The same packed into at most `most_bytes`: with half as many slices, and again, until it fits, at last without any."""
    found = packed(told)
    while len(found) > most_bytes and told.get("slices"):
        told = told | {"slices": _halved(told["slices"])}
        found = packed(told)
    return found


def _halved(slices: Mapping[str, Any]) -> dict[str, Any] | None:
    """Two neighbours as one each; None where that would leave too few to choose from."""
    count = -(-slices["count"] // 2)
    if count < _LEAST_SLICES:
        return None
    lines = [
        {
            "counts": {name: _pairs(values, sum) for name, values in line["counts"].items()},
            "times": {name: _pairs(cells, _added) for name, cells in line.get("times", {}).items()},
            "longest_us": {name: _pairs(values, max) for name, values in line.get("longest_us", {}).items()},
            "values": {name: _pairs(values, _known(_MERGED[name])) for name, values in line.get("values", {}).items()},
        }
        for line in slices["lines"]
    ]
    return {**slices, "step_s": slices["step_s"] * 2, "count": count, "lines": lines}


def _pairs(values: Sequence[Any], merge: Callable[[Sequence[Any]], Any]) -> list[Any]:
    return [merge(values[at : at + 2]) for at in range(0, len(values), 2)]


def _known(merge: Callable[[list[float]], float]) -> Callable[[Sequence[float | None]], float | None]:
    def merged(values: Sequence[float | None]) -> float | None:
        found = [value for value in values if value is not None]
        return merge(found) if found else None

    return merged


def _added(cells: Sequence[list[int]]) -> list[int]:
    counts: Counter[int] = Counter()
    for cell in cells:
        bucket = 0
        for distance, count in zip(cell[::2], cell[1::2], strict=True):
            bucket += distance
            counts[bucket] += count
    return flat({bucket: count for bucket, count in counts.items() if count})


def packed(told: Mapping[str, Any]) -> str:
    """JSON, compressed and in letters."""
    return base64.b64encode(gzip.compress(msgspec.json.encode(told, enc_hook=str), _LEVEL, mtime=0)).decode()


def _slices(document: Document, shown: Sequence[Table]) -> dict[str, Any]:
    """The slices without their keys, and for each table which of their lines each row is made of; nothing for a run without slices."""
    found = part(document, "slices")
    lines = items(found, "lines")
    if not lines:
        return {"slices": None, "brush": {}}
    place: dict[Key, int] = {tuple(printable(line["key"])): at for at, line in enumerate(lines)}
    kept = [{name: value for name in ("counts", "times", "longest_us", "values") if (value := line.get(name))} for line in lines]
    brush = {
        table.id: {
            "figures": [column.figure for column in table.columns],
            "rows": [[_at(place, row.line), _at(place, row.iterations), row.times] for row in table.parts],
            "moment": table.moment,
        }
        for table in shown
        if table.is_brushable and table.rows
    }
    return {
        "slices": {"step_s": found.get("step_s"), "count": found.get("count"), "lines": kept, "all": place.get(("all",), -1)},
        "brush": brush,
    }


def _at(place: Mapping[Key, int], key: Key | None) -> int:
    return -1 if key is None else place.get(key, -1)
