"""Metrics that a workload declares itself: the seam between their declaration, thresholds and results.

A plan tells them under `metrics`, by name: `{"kind": "counter|gauge|rate|trend", "unit": "...", "tags": [...]}`. Thresholds and results ask
`custom_metrics`, and nothing else, which ones there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.metrics.builtin import METRICS, Kind, Metric, Unit

_STATS: dict[Kind, str | None] = {"trend": None, "rate": "rate", "counter": "count", "gauge": "value"}
_TAGS = ("scenario", "group")


def custom_metrics(plan: Mapping[str, Any]) -> dict[str, Metric]:
    """The metrics that a plan (as plain JSON) declares, by name; what is no declaration is left out.

    Where the plan names tags of scripts (`tag_names`), the built-in metrics that have them are there as well, with these tags.
    """
    declared, more = plan.get("metrics"), tuple(str(tag) for tag in plan.get("tag_names") or ())
    rows = declared.items() if isinstance(declared, Mapping) else ()
    own = {name: _metric(name, row, more) for name, row in rows if isinstance(row, Mapping) and row.get("kind") in _STATS}
    tagged = {name: metric._replace(tags=(*metric.tags, *more)) for name, metric in METRICS.items() if "scenario" in metric.tags}
    return {**own, **tagged} if more else own


def _metric(name: str, row: Mapping[str, Any], more: tuple[str, ...]) -> Metric:
    kind: Kind = row["kind"]
    unit = str(row.get("unit") or "")
    tags = (*(str(tag) for tag in row.get("tags") or _TAGS), *more)
    return Metric(name, kind, _unit(kind, unit), tags, _STATS[kind], f"declared by the workload, in {unit or 'no unit'}")


def _unit(kind: Kind, unit: str) -> Unit:
    """Durations are written with their unit; everything else the user declares is a plain number."""
    match kind:
        case "rate":
            return "share"
        case "counter":
            return "count"
        case _:
            return "s" if unit == "s" else "ratio"
