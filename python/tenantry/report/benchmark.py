"""The figures of a run that are better when they are smaller, as github-action-benchmark takes them (`customSmallerIsBetter`)."""

from __future__ import annotations

from tenantry.report.header import verdict
from tenantry.report.numbers import Document, as_json, finite, items, part, ratio
from tenantry.report.tables import half_width_s

_STATS = ("p50", "p95", "p99")


def render(document: Document) -> str:
    """A JSON list of `name`, `unit`, `value`, `range` and `extra`.

    Percentiles with too few samples are left out. The list is empty for a run that says nothing about the app, so that such a run never
    becomes a point of the history.
    """
    if verdict(document) in ("invalid", "no_data"):
        return "[]\n"
    totals, about = part(document, "totals"), part(document, "about")
    extra = f"{about.get('name') or ''} {about.get('git') or ''}".strip()
    found = [row for stat in _STATS for row in _time("response time", part(totals, "response_time_s"), stat)]
    failed = ratio(totals.get("failures"), totals.get("requests"))
    if failed is not None:
        found.append({"name": "failures", "unit": "%", "value": failed * 100})
    for row in items(document, "series"):
        title = " / ".join(str(row[key]) for key in ("scenario", "group", "name") if row.get(key))
        found += _time(title, part(row, "response_time_s"), "p95")
    return as_json([{**row, "extra": extra} for row in found], indented=True)


def _time(title: str, stats: Document, stat: str) -> list[dict[str, object]]:
    value, half = finite(stats.get(stat)), half_width_s(stats, stat)
    if value is None or stat in (stats.get("insufficient") or ()):
        return []
    told: dict[str, object] = {"name": f"{title} {stat}", "unit": "ms", "value": round(value * 1e3, 6)}
    return [told if half is None else told | {"range": f"± {half * 1e3:.3g}"}]
