"""The top of the report: verdict, key figures, thresholds, and what ran."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from tenantry.report.numbers import NOTHING, Document, duration, finite, items, part, per_second, plain, quantity, ratio, share, size
from tenantry.verdict import ended_early

WORDS = {"pass": "Pass", "fail": "Fail", "no_data": "No data", "invalid": "Invalid"}
MEANINGS = {
    "pass": "Every threshold was met, and the measurement itself was sound.",
    "fail": "At least one threshold was not met.",
    "no_data": "Nothing can be said: there is no measurement to judge by.",
    "invalid": "Nothing can be said about the app: the measurement itself was not sound.",
}
_GAUGE_WIDTH = 130


class Tile(NamedTuple):
    """A key figure, with a note below it."""

    title: str
    value: str
    note: str = ""
    bad: bool = False


class ThresholdRow(NamedTuple):
    """A threshold as the page shows it; `gauge` has the bar's width and the limit's place, or is None."""

    text: str
    result: str
    word: str
    limit: str
    observed: str
    margin: str
    samples: str
    breach: str
    note: str
    gauge: tuple[float, float] | None


class Headline(NamedTuple):
    """The verdict in words, what it means, and the verdict in whose colour it is shown."""

    text: str
    meaning: str
    tone: str


def headline(document: Document) -> Headline:
    """The verdict as people read it: a pass of part of a load, or without any threshold, does not look like one."""
    word = verdict(document)
    text, meaning, tone = WORDS[word], MEANINGS[word], word
    if word == "pass" and not items(document, "thresholds"):
        text, meaning, tone = f"{text}, nothing judged", "No threshold was set, so nothing could fail.", "no_data"
    against = part(document, "comparison")
    if word == "pass" and against.get("judgement") == "worse":
        text, meaning, tone = f"{text}, but worse than the baseline", f"{against.get('reason')}.", "fail"
    if ended_early(word, part(document, "about").get("end")):
        text, meaning = f"{text} so far", f"{meaning} The load did not reach its end."
        tone = "no_data" if word == "pass" else tone
    return Headline(text, meaning, tone)


def verdict(document: Document) -> str:
    """The verdict's word; anything unknown counts as no data."""
    word = document.get("verdict")
    return word if isinstance(word, str) and word in WORDS else "no_data"


def tiles(document: Document) -> list[Tile]:
    """The key figures under the verdict."""
    totals = part(document, "totals")
    response = part(totals, "response_time_s")
    failures, dropped, errors = totals.get("failures"), totals.get("dropped_iterations"), totals.get("errors")
    delay = part(part(document, "generator"), "start_delay_s")
    offered = totals.get("offered_rate")
    pace = "closed load: the app sets the pace" if finite(totals.get("started_rate")) is not None else ""
    asked = f"of {per_second(offered)} offered" if finite(offered) is not None else pace
    return [
        Tile("Requests", plain(totals.get("requests")), _beside_requests(document)),
        Tile("Failed", share(ratio(failures, totals.get("requests"))), f"{plain(failures)} requests", bool(finite(failures))),
        Tile("Throughput", per_second(totals.get("throughput")), "requests without failure"),
        Tile(
            "Response time p95", duration(response.get("p95")), f"p50 {duration(response.get('p50'))}, p99 {duration(response.get('p99'))}"
        ),
        Tile("Iterations started", per_second(totals.get("started_rate")), asked),
        Tile("Dropped iterations", plain(dropped), "due, but no VU was free" if finite(dropped) else "", bool(finite(dropped))),
        Tile("Script errors", plain(errors), "exceptions in scenarios" if finite(errors) else "", bool(finite(errors))),
        Tile("Start delay p99", duration(delay.get("p99")), "lateness of the generator"),
    ]


def _beside_requests(document: Document) -> str:
    resent = finite(part(document, "totals").get("resent"))
    return f"in {duration(part(document, 'about').get('duration_s'))}" + (f", {plain(resent)} sent again" if resent else "")


def thresholds(document: Document) -> list[ThresholdRow]:
    """The thresholds in their order."""
    return [_threshold(row) for row in items(document, "thresholds")]


def _threshold(row: Document) -> ThresholdRow:
    unit, limit, observed = row.get("unit"), finite(row.get("limit")), finite(row.get("observed"))
    result = row.get("result") if row.get("result") in ("pass", "fail") else "no_data"
    return ThresholdRow(
        text=str(row.get("text") or "")[:400],
        result=str(result),
        word="too few samples" if _few(row) else {"pass": "met", "fail": "not met", "no_data": "no data"}[str(result)],
        limit=f"{row.get('op') or ''} {quantity(limit, unit)}".strip(),
        observed=quantity(observed, unit),
        margin=_margin(limit, observed, unit, str(result)),
        samples=plain(row.get("samples")),
        breach=_breach(row),
        note="; ".join(filter(None, [str(row.get("note") or "")[:200], scaled_from(row)])),
        gauge=_gauge(limit, observed),
    )


def _breach(row: Document) -> str:
    """Since when a threshold was not met; a dash where it was, or where that cannot be told."""
    since = finite(row.get("first_breach_s"))
    return NOTHING if since is None or row.get("result") != "fail" else f"second {since:,.0f}"


def scaled_from(row: Document) -> str:
    """What a threshold was before its limit followed the scale of the load, in words; nothing where it did not."""
    return f"scaled from {str(row['written'])[:400]}" if row.get("written") else ""


def _few(row: Document) -> bool:
    return bool(row.get("insufficient")) and row.get("result") not in ("pass", "fail")


def steady(document: Document) -> str:
    """The steady state in words, or why there is none."""
    found = part(document, "steady")
    start, end = finite(found.get("from_s")), finite(found.get("to_s"))
    if start is None or end is None:
        return f"none: {found['reason']}" if found.get("reason") else ""
    return f"from {plain(start)} s to {plain(end)} s"


def _margin(limit: float | None, observed: float | None, unit: object, result: str) -> str:
    """How far inside or beyond its limit: in the metric's unit, and relative to the limit where that makes sense."""
    if limit is None or observed is None or result == "no_data":
        return NOTHING
    side = "inside" if result == "pass" else "beyond"
    gap = abs(observed - limit)
    if unit == "share":
        return f"{plain(round(gap * 100, 3))} points {side}"
    relative = f" ({gap / abs(limit):.0%})" if limit else ""
    return f"{quantity(gap, unit)}{relative} {side}"


def _gauge(limit: float | None, observed: float | None) -> tuple[float, float] | None:
    if limit is None or observed is None or limit < 0 or observed < 0 or not limit + observed:
        return None
    whole = max(limit * 1.25, observed * 1.04)
    return round(observed / whole * _GAUGE_WIDTH, 1), round(limit / whole * _GAUGE_WIDTH, 1)


def subtitle(document: Document) -> list[str]:
    """What the run was, in a few words each."""
    about = part(document, "about")
    words = [about.get("workload") or about.get("name"), about.get("target"), _moment(about.get("started_at"))]
    return [str(word)[:200] for word in words if word] + ([f"exit {document['exit']}"] if finite(document.get("exit")) is not None else [])


def identity(document: Document) -> list[tuple[str, str]]:
    """What ran, where and with what; only what is known."""
    about = part(document, "about")
    ended = _moment(about.get("ended_at")) or "never: the run was cut off"
    if about.get("end") not in (None, "finished"):
        ended += f" ({about['end']})"
    machine = about.get("machine")
    rows = [
        ("Run", document.get("run") or about.get("name")),
        ("Workload", about.get("workload")),
        *(("Load", line) for line in about.get("streams") or []),
        ("Target", about.get("target")),
        ("Started", _moment(about.get("started_at"))),
        ("Ended", ended if about.get("started_at") else None),
        ("Load for", duration(about.get("duration_s")) if finite(about.get("duration_s")) is not None else None),
        ("Scale", scale(part(about, "scale"))),
        ("Steady state", steady(document)),
        ("Dataset", about.get("dataset")),
        ("Tenants", plain(about.get("tenants")) if finite(about.get("tenants")) is not None else None),
        ("rng_seed", about.get("rng_seed")),
        ("Command", " ".join(map(str, about["command"])) if isinstance(about.get("command"), list | tuple) else about.get("command")),
        ("Version", f"tenantry {about['tool_version']}" if about.get("tool_version") else None),
        ("Git", about.get("git")),
        ("Load processes", about.get("processes")),
        ("Machine", _machine(machine) if isinstance(machine, Mapping) else machine),
        ("Python", about.get("python")),
    ]
    return [
        (title, _flat(value)[:600])
        for title, value in rows
        if value not in (None, "", {}) and (title != "Run" or not document.get("public"))
    ]


def scale(streams: Document) -> str:
    """How many times as much the load is as it was written, by stream where they differ; empty for the load as written."""
    scales = {name: number for name, value in streams.items() if (number := finite(value)) is not None}
    if set(scales.values()) <= {1}:
        return ""
    if len(set(scales.values())) == 1:
        return f"{next(iter(scales.values())):g}"
    return ", ".join(f"{name} {number:g}" for name, number in scales.items())


def _flat(value: object) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items() if item is not None) if isinstance(value, Mapping) else str(value)


def _machine(machine: Mapping[str, Any]) -> str:
    cores, memory = finite(machine.get("cores")), finite(machine.get("memory_bytes"))
    words = [machine.get("cpu"), f"{plain(cores)} cores" if cores else None, size(memory) if memory else None, machine.get("kernel")]
    return ", ".join(str(word) for word in words if word)


def _moment(text: object) -> str:
    """`2026-11-23 21:54:07 UTC` of an RFC 3339 time; the text itself where it is none."""
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M:%S %Z") if text else ""
    except ValueError:
        return str(text)
