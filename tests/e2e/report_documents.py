"""Report documents of several shapes, made from a fixed seed: what `tenantry.report.render` takes."""

from __future__ import annotations

import math
import random
from typing import Any

Doc = dict[str, Any]

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>{{ 7 * 7 }}</b>\u202e\x00 'quoted' & \"more\""
ENDPOINTS = (
    ("GET /api/dashboard", "dashboard", 0.35, 0.022),
    ("GET /api/appointments", "appointments", 0.20, 0.031),
    ("GET /api/patients", "patients", 0.10, 0.018),
    ("GET /api/patients/{id}", "patients", 0.05, 0.009),
    ("GET /api/appointments/slots", "booking", 0.10, 0.014),
    ("POST /api/appointments", "booking", 0.08, 0.052),
    ("GET /api/search", "search", 0.10, 0.061),
    ("GET /api/invoices", "invoices", 0.10, 0.025),
)
PHASE_SHARES = {"blocked": 0.004, "dns": 0.0, "connect": 0.02, "tls": 0.0, "send": 0.006, "wait": 0.9, "receive": 0.07}


def stats(p50: float, n: int, spread: float = 3.2) -> Doc:
    """Durations that grow from `p50` seconds; all null without samples."""
    if not n:
        return dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9", "avg", "max")) | {"n": 0, "insufficient": [], "interval": {}}
    factors = {
        "p50": 1.0,
        "p90": 0.55 * spread,
        "p95": 0.75 * spread,
        "p99": 1.4 * spread,
        "p99.9": 2.6 * spread,
        "avg": 1.2,
        "max": 4.1 * spread,
    }
    found = {stat: round(p50 * factor, 6) for stat, factor in factors.items()}
    needed = {"p50": 5, "p90": 29, "p95": 59, "p99": 299, "p99.9": 2995}
    few = [stat for stat, least in needed.items() if n < least]
    interval = {stat: [found[stat] * 0.96, found[stat] * 1.04] for stat in needed if stat not in few}
    return found | {"n": n, "insufficient": few, "interval": interval}


def run(**changes: Any) -> Doc:
    """The identity of a run."""
    return {
        "name": "mixed",
        "workload": "tenantry_clinic.workloads:mixed",
        "target": "http://127.0.0.1:8000",
        "started_at": "2026-11-23T21:54:07Z",
        "ended_at": "2026-11-23T21:56:07Z",
        "end": "finished",
        "duration_s": 120.0,
        "tool_version": "0.1.0",
        "git": "b646add",
        "machine": {"cpu": "AMD EPYC 7B13", "cores": 2, "memory_bytes": 8_200_000_000, "kernel": "Linux 6.1.0"},
        "python": "3.11.2",
        "rng_seed": 42,
        "dataset": "clinic",
        "tenants": 200,
        "command": ["tenantry", "run", "tenantry_clinic.workloads:mixed", "--target", "http://127.0.0.1:8000"],
    } | changes


def timeline(seconds: int, rate: float, *, seed: int = 7, slow: float = 1.0, failing: float = 0.001, late: float = 1.0) -> Doc:
    """A run that is hit by a slow spell at two thirds of its length."""
    rng = random.Random(seed)
    at = range(seconds)
    spell = [1 + (slow - 1 + 1.5) * math.exp(-(((second - seconds * 0.66) / (seconds * 0.05 + 1)) ** 2)) for second in at]
    dropped = [max(0, round((factor - 4) * rate * 0.08)) for factor in spell]
    started = [round(rate) - lost for lost in dropped]
    requests = [max(0, round(count * 1.5 + rng.gauss(0, rate * 0.01))) for count in started]
    status = [sum(rng.random() < failing * factor for _ in range(min(count, 3000))) for count, factor in zip(requests, spell, strict=True)]
    timeout = [round(max(0, factor - 3.2) * rng.uniform(0, 9) * (slow > 2)) for factor in spell]
    p50 = [0.024 * factor * rng.uniform(0.93, 1.07) for factor in spell]
    service = [value * rng.uniform(3.0, 3.5) for value in p50]
    delay = [0.00006 * late * rng.uniform(0.8, 1.3) for _ in at]
    return {
        "step_s": 1,
        "second": list(at),
        "offered": [round(rate)] * seconds,
        "started": started,
        "completed": [max(0, count - bad) for count, bad in zip(started, status, strict=True)],
        "dropped": dropped,
        "requests": requests,
        "failures": [a + b for a, b in zip(status, timeout, strict=True)],
        "vus": [round(rate * value * 2.4) + 3 for value in p50],
        "response_p50": p50,
        "response_p95": [value * 1.02 for value in service],
        "response_p99": [value * rng.uniform(1.6, 2.2) for value in service],
        "service_p95": service,
        "start_delay_p50": delay,
        "start_delay_p99": [value * rng.uniform(3, 5) for value in delay],
        "start_delay_max": [value * rng.uniform(8, 30) for value in delay],
        "failure_kinds": {"status": status, "timeout": timeout},
        "phases_s": {phase: [value * 1.2 * part * rng.uniform(0.9, 1.1) for value in p50] for phase, part in PHASE_SHARES.items()},
    }


def totals(time: Doc, seconds: float) -> Doc:
    """The totals of a timeline."""
    requests, failures = sum(time["requests"]), sum(time["failures"])
    return {
        "requests": requests,
        "failures": failures,
        "iterations": sum(time["started"]),
        "offered_rate": sum(time["offered"]) / seconds,
        "started_rate": sum(time["started"]) / seconds,
        "throughput": (requests - failures) / seconds,
        "dropped_iterations": sum(time["dropped"]),
        "interrupted_iterations": 0,
        "errors": 0,
        "bytes_received": requests * 5120,
        "resent": 0,
        "service_time_s": stats(0.024, requests),
        "response_time_s": stats(0.0245, requests),
    }


def series(requests: int, seconds: float, names: tuple[tuple[str, str, float, float], ...] = ENDPOINTS) -> list[Doc]:
    """A row for each name: name, scenario, share of the requests, median seconds."""
    return [
        {
            "name": name,
            "scenario": scenario,
            "group": "booking" if scenario == "booking" else "",
            "requests": round(requests * share),
            "failures": round(requests * share * 0.0015) if at % 3 == 0 else 0,
            "offered_rate": requests * share / seconds / 1.5,
            "started_rate": requests * share / seconds / 1.5,
            "throughput": requests * share / seconds,
            "dropped_iterations": 0,
            "service_time_s": stats(median, round(requests * share)),
            "response_time_s": stats(median * 1.02, round(requests * share)),
        }
        for at, (name, scenario, share, median) in enumerate(names)
    ]


def generator(delay_s: float = 0.00006, busy: float = 0.41, n: int = 24_000) -> Doc:
    """The generator's health."""
    return {
        "start_delay_s": stats(delay_s, n),
        "hand_over_s": stats(delay_s / 2, n),
        "busy_share": busy,
        "busiest": "scripts",
        "cpu_s": 61.4,
        "rss_bytes": 118_000_000,
    }


def threshold(text: str, stat: str, op: str, limit: float, observed: float | None, unit: str, result: str) -> Doc:
    """One threshold's row."""
    metric = text.split("{")[0].split(" ")[0]
    samples = 0 if observed is None else 36_000
    return {
        "text": text,
        "metric": metric,
        "stat": stat,
        "op": op,
        "limit": limit,
        "observed": observed,
        "unit": unit,
        "samples": samples,
        "result": result,
        "insufficient": False,
        "note": "first broken in the 60 s from second 12" if " over " in text else "",
    }


def tenants(count: int = 200) -> Doc:
    """Tenants with a spread of two and a half."""
    rows = [
        {"tenant": at, "requests": 170 + at % 31, "failures": at % 4 == 0, "p50_s": 0.03, "p95_s": 0.11 - at * 0.0002, "p99_s": 0.2}
        for at in range(count)
    ]
    worst = [row | {"failures": int(row["failures"])} for row in rows[:10]]
    best = [row | {"failures": int(row["failures"])} for row in rows[:-11:-1]]
    return {"seen": count, "requests_p50": 180, "worst": worst, "best": best, "p95_ratio": 1.21, "failures_worst": 0.006}


def normal(seconds: int = 120, rate: float = 200, **changes: Any) -> Doc:
    """A run that met its targets."""
    time = timeline(seconds, rate)
    whole = totals(time, seconds)
    return {
        "schema": 1,
        "run": "runs/20261123T220000Z-demo",
        "about": run(duration_s=float(seconds)),
        "steady": {"from_s": 10, "to_s": seconds, "reason": ""},
        "verdict": "pass",
        "reason": "all 4 thresholds were met",
        "exit": 0,
        "thresholds": [
            threshold("response_time p95 < 500ms", "p95", "<", 0.5, 0.0588, "s", "pass"),
            threshold('response_time{name="GET /api/dashboard"} p99 < 200ms after 30s', "p99", "<", 0.2, 0.171, "s", "pass"),
            threshold("failures < 1%", "rate", "<", 0.01, whole["failures"] / max(1, whole["requests"]), "share", "pass"),
            threshold("throughput > 250/s", "rate", ">", 250, whole["throughput"], "per_s", "pass"),
        ],
        "totals": whole,
        "series": series(whole["requests"], seconds),
        "checks": [
            {"scenario": "dashboard", "name": "own clinic", "passes": 12_600, "fails": 0},
            {"scenario": "booking", "name": "booking can be read back", "passes": 2_860, "fails": 3},
        ],
        "failures": [
            {
                "name": "GET /api/dashboard",
                "scenario": "dashboard",
                "kind": "status",
                "count": whole["failures"],
                "detail": "500 Internal Server Error",
            },
        ],
        "errors": [],
        "generator": generator(),
        "tenants": tenants(),
        "timeline": time,
        "events": [
            {"second": 0, "kind": "stage", "text": "200/s for 2m"},
            {"second": seconds // 2, "kind": "note", "text": "vacuum of invoices began"},
        ],
    } | changes


def failing() -> Doc:
    """An app that gives way for a while: thresholds broken, several classes of failures, dropped iterations, script errors."""
    time = timeline(180, 300, seed=3, slow=7, failing=0.004)
    requests = time["requests"]
    time["failure_kinds"]["reset"] = [round(count * 0.004) if 100 < second < 130 else 0 for second, count in enumerate(requests)]
    time["failure_kinds"]["connect_timeout"] = [round(count * 0.002) if 110 < second < 125 else 0 for second, count in enumerate(requests)]
    time["failures"] = [sum(kind[second] for kind in time["failure_kinds"].values()) for second in range(180)]
    whole = totals(time, 180) | {"errors": 17, "response_time_s": stats(0.027, 80_000, 26)}
    failed = whole["failures"]
    return normal() | {
        "run": "runs/20261123T220000Z-demo",
        "about": run(duration_s=180.0, ended_at="2026-11-23T21:57:07Z"),
        "verdict": "fail",
        "reason": "response_time p95 was 527 ms, the limit is 500 ms; 1 more threshold was not met; some iterations were dropped",
        "exit": 10,
        "thresholds": [
            threshold("response_time p95 < 500ms", "p95", "<", 0.5, 0.527, "s", "fail"),
            threshold("failures < 1% over 1m", "rate", "<", 0.01, 0.0134, "share", "fail"),
            threshold("checks > 99%", "rate", ">", 0.99, 0.9991, "share", "pass"),
            threshold("tenant_p95_ratio < 3", "value", "<", 3, 1.57, "ratio", "pass"),
        ],
        "totals": whole,
        "series": series(whole["requests"], 180),
        "timeline": time,
        "failures": [
            {
                "name": "GET /api/search",
                "scenario": "search",
                "kind": "timeout",
                "count": sum(time["failure_kinds"]["timeout"]),
                "detail": "no answer within 10 s",
            },
            {
                "name": "GET /api/dashboard",
                "scenario": "dashboard",
                "kind": "status",
                "count": failed // 3,
                "detail": '500: {"error": "too many connections for role \\"clinic_app\\""}',
            },
            {
                "name": "POST /api/appointments",
                "scenario": "booking",
                "kind": "reset",
                "count": 40,
                "detail": "connection reset by peer after 0 bytes",
            },
        ],
        "errors": [{"scenario": "booking", "message": "KeyError: 'slots'", "location": "clinic.py:41", "count": 17}],
    }


def invalid() -> Doc:
    """A run in which the generator was the bottleneck."""
    time = timeline(60, 5000, seed=5, late=400)
    whole = totals(time, 60)
    return normal(60) | {
        "verdict": "invalid",
        "reason": "the generator was the bottleneck: start delay p99 was 107 ms, the limit is 25 ms, and the engine was 97 % busy",
        "exit": 12,
        "totals": whole,
        "series": series(whole["requests"], 60),
        "timeline": time,
        "generator": generator(0.024, 0.97),
    }


def closed() -> Doc:
    """A closed load: no schedule, so nothing was offered, dropped, or late but for first iterations."""
    document = normal(30, 50)
    document["timeline"] |= {"offered": [None] * 30, "dropped": [None] * 30, "start_delay_p99": [0.0002, *[None] * 29]}
    document["totals"] |= {"offered_rate": None}
    return document


def empty() -> Doc:
    """A run without a single request: every number null, every list empty."""
    nothing = dict.fromkeys(
        ("requests", "failures", "iterations", "offered_rate", "started_rate", "throughput", "dropped_iterations", "errors")
    )
    names = [key for key, value in timeline(1, 1).items() if isinstance(value, list)]
    return {
        "schema": 1,
        "run": "runs/20261123T220000Z-demo",
        "about": run(ended_at=None, git=None, machine=None, command=None, duration_s=0),
        "verdict": "no_data",
        "reason": "no request was sent",
        "exit": 15,
        "thresholds": [threshold("response_time p95 < 500ms", "p95", "<", 0.5, None, "s", "no_data")],
        "totals": nothing | {"requests": 0, "failures": 0, "service_time_s": stats(0, 0), "response_time_s": None},
        "series": [],
        "checks": [],
        "failures": [],
        "errors": [],
        "generator": {"start_delay_s": None, "hand_over_s": None, "busy_share": None, "busiest": None, "cpu_s": None, "rss_bytes": None},
        "tenants": None,
        "timeline": {name: [] for name in names} | {"failure_kinds": {}, "phases_s": {}},
        "events": [],
    }


def hostile() -> Doc:
    """A run whose names and texts try to break out of the page."""
    document = normal(3, 20)
    document["about"] = run(name=HOSTILE, target=HOSTILE, duration_s=3.0, git="\ud800", command=[HOSTILE])
    document["reason"] = HOSTILE
    document["series"] = series(
        90, 3, ((HOSTILE, HOSTILE, 0.5, 0.02), ("GET /" + "x" * 10_000, "long", 0.3, 0.02), ("GET /😀/ünï", "emoji", 0.2, math.nan))
    )
    document["failures"] = [{"name": HOSTILE, "scenario": HOSTILE, "kind": HOSTILE, "count": 3, "detail": HOSTILE * 40}]
    document["checks"] = [{"scenario": HOSTILE, "name": HOSTILE, "passes": 1, "fails": 1}]
    document["errors"] = [{"scenario": HOSTILE, "message": HOSTILE, "location": HOSTILE, "count": 1}]
    document["thresholds"] = [threshold(f"response_time{{name={HOSTILE!r}}} p95 < 1s", "p95", "<", 1, 0.3, "s", "pass")]
    document["timeline"] |= {"failure_kinds": {HOSTILE: [1, 0, 2]}, "failures": [1, 0, 2]}
    document["totals"]["failures"] = 3
    document["events"] = [{"second": 1, "kind": HOSTILE, "text": HOSTILE}]
    document["tenants"]["worst"] = [{"tenant": HOSTILE, "requests": 1, "failures": 0, "p95_s": 0.1}]
    return document


def many(count: int = 5000) -> Doc:
    """A run with thousands of series."""
    names = tuple((f"GET /api/items/{at:05}", "crawl", 1 / count, 0.005 + 0.00001 * at) for at in range(count))
    return normal() | {"series": series(1_000_000, 120, names)}
