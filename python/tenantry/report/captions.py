"""One plain sentence for each chart, worked out from the run's numbers."""

from __future__ import annotations

from typing import NamedTuple

from tenantry.errors import UsageError
from tenantry.report.numbers import Document, duration, finite, items, numbers, part, per_second, plain, ratio, share, size
from tenantry.report.timeline import moment_of_most, outlasts_the_load, step_s
from tenantry.thresholds.model import Threshold
from tenantry.thresholds.parser import parse_threshold
from tenantry.validity import delay_limit_s


class Figure(NamedTuple):
    """A chart of the report: its id for the script, heading, caption, and whether there is something to draw."""

    id: str
    title: str
    caption: str
    drawn: bool = True
    wide: bool = False


def figures(document: Document) -> list[Figure]:
    """The charts in the order of the page."""
    makers = (_response, _heat, _iterations, _requests, _failures, _vus, _service, _phases, _bytes, _delay, _generator)
    return [make(document) for make in makers]


def start_delay_limit_s(document: Document) -> float | None:
    """The start delay p99 above which the run is invalid; None for closed load, which has no schedule to keep."""
    if finite(part(document, "totals").get("offered_rate")) is None:
        return None
    return delay_limit_s([threshold for row in items(document, "thresholds") if (threshold := _parsed(row.get("text")))])[0]


def points_note(document: Document) -> str:
    """What the reader has to know of this run's charts beyond the usual."""
    step = step_s(document)
    covers = "" if step == 1 else f"Each point covers {step:g} seconds. "
    return covers + ("In the band at the right end the load is over and its last requests end." if outlasts_the_load(document) else "")


def _parsed(text: object) -> Threshold | None:
    try:
        return parse_threshold(str(text))
    except UsageError:
        return None


def _column(document: Document, key: str) -> list[float]:
    return [value for value in numbers(part(document, "timeline"), key) if value is not None]


def _response(document: Document) -> Figure:
    title, highest = "Response time", _column(document, "response_p95")
    if not highest:
        return Figure("response", title, "No request ended, so there is no response time to show.", drawn=False, wide=True)
    seen = part(part(document, "totals"), "response_time_s")
    half, most, nearly_all = (duration(seen.get(stat)) for stat in ("p50", "p95", "p99"))
    when = moment_of_most(document, "response_p95")
    totals = part(document, "totals")
    failed = share(ratio(totals.get("failures"), totals.get("requests"))) if totals.get("failures") else ""
    caption = f"Half of the requests ended within {half}, 95 % within {most} and 99 % within {nearly_all}"
    caption += f", the {failed} that failed among them; " if failed else "; "
    return Figure("response", title, f"{caption}p95 was highest in {when}, at {duration(max(highest))}.", wide=True)


def _heat(document: Document) -> Figure:
    title = "Where the response times lay"
    if not _column(document, "response_p95"):
        return Figure("heat", title, "No request ended, so there is nothing to show.", drawn=False, wide=True)
    most = max((count for column in part(document, "heat").get("columns") or [] for _, count in column), default=0)
    caption = "Each field holds the requests that ended in its time and took its length: the darker, the more"
    caption += f", up to {plain(most)}. " if most else ". "
    return Figure(
        "heat", title, f"{caption}Two bands apart from each other are two kinds of answers, such as hits and misses of a cache.", wide=True
    )


def _service(document: Document) -> Figure:
    title = "Service time: without the wait for a late start"
    if not _column(document, "service_p95"):
        return Figure("service", title, "No request ended, so there is no service time to show.", drawn=False)
    seen = part(part(document, "totals"), "service_time_s")
    half, most, nearly_all = (duration(seen.get(stat)) for stat in ("p50", "p95", "p99"))
    return Figure(
        "service", title, f"From the start of the request itself, half took up to {half}, 95 % up to {most}, 99 % up to {nearly_all}."
    )


def _bytes(document: Document) -> Figure:
    received, sent = _column(document, "bytes_received"), _column(document, "bytes_sent")
    if not any(received + sent):
        return Figure("bytes", "Bytes", "No byte was sent or received.", drawn=False)
    means = (f"{size(sum(column) / max(len(column), 1))}/s" for column in (received, sent))
    return Figure("bytes", "Bytes", "On average {} were received and {} sent, above TLS.".format(*means))


def _generator(document: Document) -> Figure:
    title = "Health of the generator"
    if not _column(document, "busy_share"):
        return Figure("generator", title, "There are no readings of the generator.", drawn=False)
    seen = part(document, "generator")
    caption = f"Its busiest thread used at most {share(seen.get('busy_share'))} of a core over 10 s"
    return Figure("generator", title, f"{caption}; it held up to {size(seen.get('rss_bytes'))} of memory.")


def _iterations(document: Document) -> Figure:
    totals, title = part(document, "totals"), "Iterations: offered, started, completed"
    if not any(_column(document, "started") + _column(document, "offered")):
        return Figure("iterations", title, "No iteration was started.", drawn=False)
    offered, started = finite(totals.get("offered_rate")), finite(totals.get("started_rate"))
    if not offered:
        return Figure(
            "iterations", title, f"Closed load: each VU goes on when its last iteration ends; that came to {per_second(started)}."
        )
    caption = f"The load asked for {per_second(offered)} and {per_second(started)} were started, {share(ratio(started, offered))} of them"
    dropped = finite(totals.get("dropped_iterations"))
    return Figure("iterations", title, caption + (f"; {plain(dropped)} were dropped." if dropped else "; none was dropped."))


def _requests(document: Document) -> Figure:
    totals, requests = part(document, "totals"), _column(document, "requests")
    if not any(requests):
        return Figure("requests", "Requests", "No request ended.", drawn=False)
    caption = f"On average {per_second(totals.get('throughput'))} requests ended without failure (the throughput); "
    return Figure(
        "requests", "Requests", f"{caption}the busiest was {moment_of_most(document, 'requests')}, with {per_second(max(requests))}."
    )


def _failures(document: Document) -> Figure:
    totals, kinds = part(document, "totals"), part(part(document, "timeline"), "failure_kinds")
    sums = {kind: sum(value or 0 for value in numbers(kinds, kind)) for kind in kinds}
    if not any(sums.values()):
        caption = "No request failed." if finite(totals.get("requests")) else "No request ended, so none could fail."
        return Figure("failures", "Failures by class", caption, drawn=False)
    most = str(max(sums, key=lambda kind: sums[kind]))[:60].replace("_", " ")
    failed, requests = finite(totals.get("failures")), finite(totals.get("requests"))
    caption = (
        f"{plain(failed)} of {plain(requests)} requests failed ({share(ratio(failed, requests))}), "
        f"most of them by {most}; the worst was {moment_of_most(document, 'failures')}."
    )
    return Figure("failures", "Failures by class, per second", caption)


def _delay(document: Document) -> Figure:
    seen, title = part(part(document, "generator"), "start_delay_s"), "Start delay: lateness of the generator itself"
    if not _column(document, "start_delay_p99"):
        return Figure("delay", title, "No iteration had an intended start, so there is no start delay.", drawn=False)
    caption = (
        f"Half of the iterations began within {duration(seen.get('p50'))} of their intended start, 99 % within {duration(seen.get('p99'))}"
    )
    limit = start_delay_limit_s(document)
    return Figure("delay", title, caption + (f"; above {duration(limit)} the run is invalid." if limit else "."))


def _vus(document: Document) -> Figure:
    busy, dropped = _column(document, "vus"), _column(document, "dropped")
    if not any(busy) and not any(dropped):
        return Figure("vus", "Busy VUs", "No VU was busy.", drawn=False)
    most = max(busy, default=0)
    caption = f"At most {plain(most)} {'VU was' if most == 1 else 'VUs were'} busy at once"
    if not any(dropped):
        return Figure("vus", "Busy VUs", f"{caption}; no iteration was dropped for want of one." if dropped else f"{caption}.")
    lost = plain(part(document, "totals").get("dropped_iterations"))
    caption = f"{caption}; {lost} iterations were dropped for want of a free one, most in {moment_of_most(document, 'dropped')}."
    return Figure("vus", "Busy VUs and dropped iterations", caption)


def _phases(document: Document) -> Figure:
    timeline, title = part(document, "timeline"), "Where the time of a request went"
    phases, requests = part(timeline, "phases_s"), numbers(timeline, "requests")
    sums = {name: sum((mean or 0) * (count or 0) for mean, count in zip(numbers(phases, name), requests, strict=False)) for name in phases}
    whole = sum(sums.values())
    if not whole:
        return Figure("phases", title, "No request ended, so there are no phases to show.", drawn=False)
    most = max(sums, key=lambda name: sums[name])
    mean = duration(whole / sum(count or 0 for count in requests))
    return Figure(
        "phases",
        title,
        f"The mean request took {mean}, {share(sums[most] / whole)} of it in the phase “{most[:60]}”{_MEANING.get(most, '')}.",
    )


_MEANING = {
    "blocked": " (waiting for a connection to be free)",
    "connect": " (opening TCP connections)",
    "tls": " (TLS handshakes)",
    "send": " (sending the request)",
    "wait": " (from the request sent to the first byte of the answer)",
    "receive": " (reading the answer)",
}
