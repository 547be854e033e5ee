"""What an alert says of a run: the symptom, how far from the limit, since when and at what load, who feels it, what to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tenantry.alerts.model import LONGEST_TITLE, Alert, Kind, Severity
from tenantry.errors import Exit
from tenantry.report.lines import clean
from tenantry.report.numbers import Document, duration, finite, items, numbers, part, per_second, plain, quantity, share
from tenantry.verdict import BREAKER

_SYMPTOMS = {
    "response_time": "answers are slow",
    "service_time": "answers are slow",
    "iteration_duration": "visits take long",
    "failures": "requests fail",
    "checks": "answers are wrong",
    "throughput": "too few requests get through",
    "requests": "too few requests get through",
    "iterations": "too few visits get done",
    "dropped_iterations": "visitors are turned away",
    "errors": "scenarios raise",
    "tenant_p95_ratio": "some tenants wait far longer than others",
    "tenant_p95_worst": "one tenant waits too long",
    "tenant_failures_worst": "requests of one tenant fail",
    "db_connections": "database connections run out",
}
_LONGEST_NAME = 18


class About(NamedTuple):
    """What alerts of one invocation have in common: the project, the workload, the target, links, and the time, as RFC 3339."""

    project: str
    workload: str
    target: str
    links: Mapping[str, str]
    at: str

    def alert(self, kind: Kind, symptom: str, severity: Severity, reason: str, *, thing: str = "", **facts: Any) -> Alert:
        """An alert with its title and its key: project, workload, and the threshold or the kind."""
        host = urlsplit(self.target).hostname or ""
        where = " ".join(filter(None, [_short(host), _short(self.workload)]))
        return Alert(
            kind=kind,
            severity=severity,
            title=_cut(f"[{severity}] {where}: {symptom}"),
            reason=clean(reason),
            dedup_key="/".join((self.project, self.workload, thing or kind)),
            project=self.project,
            workload=self.workload,
            target=self.target,
            links=dict(self.links),
            at=self.at,
            **facts,
        )


def firing(document: Document, about: About) -> Iterator[Alert]:
    """The alerts of a run, and of its `comparison` with a baseline, if it has one; none for one that somebody ended."""
    word, code = document.get("verdict"), document.get("exit")
    if code == Exit.INTERRUPTED:
        return
    run: dict[str, Any] = {"run": _name(document), "facts": _facts(document), "next_action": _next(document)}
    against = part(document, "comparison")
    if against.get("judgement") == "worse":
        reason = f"{against.get('reason')}, against the baseline {against.get('baseline')}"
        yield about.alert("regression", "worse than the baseline", "warning", reason, baseline=str(against.get("run")), **run)
    if word in ("invalid", "no_data"):
        symptom = "the run says nothing: " + ("the generator was the bottleneck" if word == "invalid" else "no data")
        yield about.alert("invalid", symptom, "warning", str(document.get("reason")), valid=False, **run)
        return
    if any(event.get("kind") == BREAKER for event in items(document, "events")):
        yield about.alert("breaker", "the run was stopped, requests fail as a whole", "critical", str(document.get("reason")), **run)
    for row in items(document, "thresholds"):
        if row.get("result") == "fail":
            yield threshold(row, document, about)


def threshold(row: Document, document: Document, about: About) -> Alert:
    """The alert of one threshold that failed; critical where it stopped the run."""
    observed, limit = (quantity(row.get(key), row.get("unit")) for key in ("observed", "limit"))
    metric, stat = str(row.get("metric")), str(row.get("stat"))
    stat = "" if stat in ("value", "rate", "count") else f"{stat} "
    symptom = f"{_SYMPTOMS.get(metric, f'{metric} is beyond its limit')} ({stat}{observed}, limit {row.get('op')} {limit})"
    text, since = str(row.get("text")), finite(row.get("first_breach_s"))
    stopped = part(document, "about").get("end") == "aborted" and re.search(r"\babort\b", text) is not None
    return about.alert(
        "threshold",
        symptom,
        "critical" if stopped else "warning",
        f"{text}: observed {observed}" + (f", {row['note']}" if row.get("note") else ""),
        thing=text,
        observed=observed,
        limit=f"{row.get('op')} {limit}",
        baseline=_before(row, document),
        since_s=since,
        load=_load(document, since),
        tenants=_tenants(row, document),
        run=_name(document),
        facts=_facts(document),
        next_action=_next(document),
    )


def _before(row: Document, document: Document) -> str | None:
    """What the baseline had in place of what was observed, where the threshold is on a figure of the whole run."""
    metric, text = row.get("metric"), str(row.get("text"))
    figure = row.get("stat") if metric == "response_time" else metric
    whole = not any(word in text for word in ("{", " over ", " after ", " in ", " and ", " or "))
    found = (one for one in items(part(document, "comparison"), "figures") if one.get("figure") == figure and whole)
    value = finite(next(found, {}).get("old"))
    return None if value is None else quantity(value, row.get("unit"))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _cut(title: str) -> str:
    title = clean(title)
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def _name(document: Document) -> str | None:
    name = part(document, "about").get("name")
    return str(name) if name else None


def _load(document: Document, since: float | None) -> str | None:
    """What was sent in the second in which it began, or else over the whole load."""
    time = part(document, "timeline")
    place = int((since or 0) // (finite(time.get("step_s")) or 1))
    seen = {key: (numbers(time, key)[place : place + 1] or [None])[0] for key in ("started", "requests", "vus")}
    if since is None or seen["requests"] is None:
        started = finite(part(document, "totals").get("started_rate"))
        return None if started is None else f"at {per_second(started)} iterations"
    return f"at {per_second(seen['started'])} iterations, {per_second(seen['requests'])} requests, {plain(seen['vus'])} busy VUs"


def _tenants(row: Document, document: Document) -> str | None:
    """Who feels it: of the ten worst tenants those beyond the limit of a time, or with failures; None where nobody can be named."""
    tenants, metric = part(document, "tenants"), row.get("metric")
    worst, seen = items(tenants, "worst"), plain(tenants.get("seen"))
    if metric == "tenant_p95_ratio":
        return f"worst of {seen} tenants: {', '.join(map(_slow, worst[:3]))}" if worst else None
    if metric in ("response_time", "tenant_p95_worst"):
        limit = finite(row.get("limit")) or 0
        told = [_slow(one) for one in worst if (finite(one.get("p95_s")) or 0) > limit]
    else:
        told = [f"{clean(one.get('tenant'))} ({plain(one.get('failures'))} failed)" for one in worst if finite(one.get("failures"))]
    return f"at least {len(told)} of {seen} tenants feel it, worst {', '.join(told[:3])}" if told else None


def _slow(tenant: Document) -> str:
    return f"{clean(tenant.get('tenant'))} (p95 {duration(tenant.get('p95_s'))})"


def _facts(document: Document) -> list[str]:
    """The evidence: what failed most, and the slowest request."""
    facts = []
    for row in items(document, "failures")[:1]:
        detail = f": {clean(row['detail'])[:100]}" if row.get("detail") else ""
        facts.append(f"{plain(row.get('count'))} x {clean(row.get('name'))} failed by {clean(row.get('kind')).replace('_', ' ')}{detail}")
    if slow := _slowest(document):
        facts.append(f"slowest: {clean(slow.get('name'))}, p95 {duration(part(slow, 'response_time_s').get('p95'))}")
    totals = part(document, "totals")
    requests = finite(totals.get("requests"))
    if requests:
        facts.append(f"{plain(requests)} requests, {share((finite(totals.get('failures')) or 0) / requests)} failed")
    return facts


def _slowest(document: Document) -> Document | None:
    rows = [row for row in items(document, "series") if finite(part(row, "response_time_s").get("p95")) is not None]
    return max(rows, key=lambda row: finite(part(row, "response_time_s").get("p95")) or 0, default=None)


def _next(document: Document) -> str:
    """What to do: where to look first."""
    run = _name(document) or "latest"
    match document.get("verdict"):
        case "invalid" | "no_data":
            return f"do as the reason says, then run again; tenantry report {run} has the figures"
    failed, slow = items(document, "failures")[:1], _slowest(document)
    first = f"why {clean(failed[0].get('name'))} fails" if failed else f"why {clean(slow.get('name'))} is slow" if slow else "what changed"
    return f"look at {first}; tenantry report {run} has the figures"
