"""A run in the shape of k6's `--summary-export`, which GitLab's load performance report and others read.

Times are milliseconds. k6's names stand for what is nearest to them here: `http_req_duration` is the service time, `http_req_waiting` the
time from the request sent to the first byte of the answer. A threshold is `true` where it was not met, as k6 writes it (`LastFailed`); one
that could not be judged was not met.
"""

from __future__ import annotations

from hashlib import md5

from tenantry.report.numbers import Document, as_json, finite, items, numbers, part, ratio

_STATS = {"avg": "avg", "med": "p50", "max": "max", "p(90)": "p90", "p(95)": "p95", "p(99)": "p99", "p(99.9)": "p99.9"}
_OF = {
    "service_time": "http_req_duration",
    "failures": "http_req_failed",
    "throughput": "http_reqs",
    "requests": "http_reqs",
}
Told = dict[str, object]


def render(document: Document) -> str:
    """The JSON document, indented."""
    metrics = _metrics(document)
    for row in items(document, "thresholds"):
        ours = str(row.get("metric") or "threshold")
        metric = metrics.setdefault(_OF.get(ours, ours), {"value": finite(row.get("observed"))})
        limits = metric.setdefault("thresholds", {})
        assert isinstance(limits, dict)
        limits[str(row.get("text"))] = row.get("result") != "pass"
    told = {"root_group": _group("", "", _checks(document)), "metrics": metrics}
    return as_json(told, indented=True)


def _metrics(document: Document) -> dict[str, Told]:
    totals, seconds = part(document, "totals"), finite(part(document, "about").get("duration_s")) or 0.0
    requests, failures = int(finite(totals.get("requests")) or 0), int(finite(totals.get("failures")) or 0)
    held, broken = (sum(int(finite(row.get(key)) or 0) for row in items(document, "checks")) for key in ("passes", "fails"))
    busy = [value for value in numbers(part(document, "timeline"), "vus") if value is not None]
    found: dict[str, Told] = {
        "http_reqs": _counter(requests, seconds),
        "http_req_failed": _rate(failures, requests - failures),
        "iterations": _counter(totals.get("iterations"), seconds),
        "dropped_iterations": _counter(totals.get("dropped_iterations"), seconds),
        "data_received": _counter(totals.get("bytes_received"), seconds),
    }
    if held + broken:
        found["checks"] = _rate(held, broken)
    trends = {
        "http_req_duration": part(totals, "service_time_s"),
        "http_req_waiting": part(document, "wait_s"),
        "response_time": part(totals, "response_time_s"),
    }
    found |= {name: _trend(stats) for name, stats in trends.items() if stats}
    if busy:
        found["vus"] = {"value": busy[-1], "min": min(busy), "max": max(busy)}
    return found


def _counter(count: object, seconds: float) -> Told:
    number = finite(count) or 0
    return {"count": number, "rate": ratio(number, seconds) or 0}


def _rate(yes: int, no: int) -> Told:
    return {"passes": yes, "fails": no, "value": ratio(yes, yes + no) or 0}


def _trend(stats: Document) -> Told:
    return {theirs: value * 1e3 for theirs, ours in _STATS.items() if (value := finite(stats.get(ours))) is not None}


def _checks(document: Document) -> dict[str, list[Document]]:
    scenarios: dict[str, list[Document]] = {}
    for row in items(document, "checks"):
        scenarios.setdefault(str(row.get("scenario") or ""), []).append(row)
    return scenarios


def _group(name: str, path: str, scenarios: dict[str, list[Document]], own: list[Document] | None = None) -> Told:
    """A group as k6 has it: its id is the MD5 of its path. Checks stand in a group of their scenario."""
    groups = {title: _group(title, f"{path}::{title}", {}, rows) for title, rows in scenarios.items()}
    checks = {str(row.get("name")): _check(path, row) for row in own or ()}
    return {"name": name, "path": path, "id": _id(path), "groups": groups, "checks": checks}


def _check(path: str, row: Document) -> Told:
    name = str(row.get("name"))
    own = f"{path}::{name}"
    counts = {key: int(finite(row.get(key)) or 0) for key in ("passes", "fails")}
    return {"name": name, "path": own, "id": _id(own), **counts}


def _id(path: str) -> str:
    return md5(path.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
