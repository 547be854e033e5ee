"""What the page carries for its script, packed: charts, rows beyond those in the page, the slices that tables are worked out of again."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tenantry.report import charts, timeline
from tenantry.report.charts import Chart
from tenantry.report.numbers import Document, finite, items, part, printable
from tenantry.report.tables import Key, Table

_LEVEL = 7


def payload(document: Document, drawn: Sequence[Chart], listed: Iterable[Table]) -> dict[str, Any]:
    """Everything that the script works with, as plain JSON values."""
    shown = list(listed)
    seconds = timeline.drawable(document)["second"]
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
    kept = [{name: value for name in ("counts", "times", "longest_us") if (value := line.get(name))} for line in lines]
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
