"""What `tenantry observe` saw, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from tenantry.report.lines import Cells, Line, clean, columns, printed
from tenantry.report.numbers import NOTHING, Document, duration, finite, items, millis, part, plain, ratio, share, size

if TYPE_CHECKING:
    from rich.console import Console

_HIGHEST = {
    "pool.in_use": "connections of the app's pool in use",
    "pool.size": "its size",
    "pool.waiting": "requests that waited for one of them",
    "loop.lag_s": "lag of the event loop",
    "in_flight": "requests in flight",
    "listener.queue": "connections that waited to be accepted",
    "pooler.cl_waiting": "clients that waited in the pooler",
    "pooler.maxwait_s": "time that one of them waited",
    "pooler.sv_active": "its server connections at work",
}
_TEXT_WIDTH = 60


def print_observed(document: Document, to: Console) -> None:
    """Print the document of `tenantry observe`."""
    printed(lines(document, width=max(to.width, 40)), to)


def lines(document: Document, *, width: int) -> Iterator[Line]:
    """All of it, line by line."""
    yield Line((f"watched for {duration(document.get('length_s'))}", "bold"))
    for section in (_sessions, _statements, _highest, _machine, _probes):
        found = list(section(document, width))
        if found:
            yield Line("")
            yield from found
    notes = [clean(note) for note in document.get("notes") or ()]
    for note in notes:
        yield from (Line((row, "yellow")) for row in wrap(f"not seen: {note}", width, subsequent_indent="  "))
    yield Line("")
    yield Line(("readings   ", "bold"), clean(document.get("folder")), whole=True)


def _sessions(document: Document, width: int) -> Iterator[Line]:
    sessions = part(document, "sessions")
    if not sessions:
        return
    used = share(ratio(sessions.get("most_connections"), sessions.get("max_connections")))
    yield Line(
        ("sessions   ", "bold"),
        f"{plain(sessions.get('active'))} at work on average, {plain(sessions.get('idle_in_transaction'))} idle in transaction;"
        f" at most {plain(sessions.get('most_connections'))} of {plain(sessions.get('max_connections'))} connections ({used})",
    )
    waits = [
        Cells((clean(_wait(wait)), plain(wait.get("sessions")), share(ratio(wait.get("sessions"), sessions.get("active")))))
        for wait in items(sessions, "waits")
    ]
    if waits:
        yield from columns(("At work on, waiting for", "sessions", "share"), waits, width=width, least=(20, 8, 6))


def _wait(wait: Document) -> str:
    return str(wait.get("wait_type")) if not wait.get("wait_event") else f"{wait.get('wait_type')}: {wait.get('wait_event')}"


def _statements(document: Document, width: int) -> Iterator[Line]:
    rows = [
        Cells(
            (
                clean(each.get("text") or f"query {each.get('query_id')}"),
                duration(each.get("time_s")),
                plain(each.get("calls")),
                _mean(each),
            )
        )
        for each in items(document, "statements")
    ]
    if rows:
        yield from columns(("Statements by time", "time", "calls", "mean ms"), rows, width=width, least=(_TEXT_WIDTH, 8, 8, 8))


def _mean(statement: Document) -> str:
    return millis(ratio(statement.get("time_s"), statement.get("calls")))


def _highest(document: Document, width: int) -> Iterator[Line]:
    highest = part(document, "highest")
    rows = [Cells((words, _figure(name, highest[name]))) for name, words in _HIGHEST.items() if name in highest]
    if rows:
        yield from columns(("Highest", ""), rows, width=width, least=(40, 8))


def _figure(name: str, value: Any) -> str:
    return duration(value) if name.endswith("_s") else plain(value)


def _machine(document: Document, width: int) -> Iterator[Line]:
    host = part(document, "host")
    if host:
        busy = f"{plain(host.get('busy_cores'))} of {plain(host.get('cores'))} cores busy on average"
        yield Line(("machine    ", "bold"), f"{busy}; at least {size(host.get('least_available_bytes'))} of memory available")
    rows = [Cells((clean(group), plain(cores))) for group, cores in part(document, "processes").items()]
    if rows:
        yield from columns(("Processes", "cores"), rows, width=width, least=(20, 8))


def _probes(document: Document, width: int) -> Iterator[Line]:
    cost = part(document, "cost")
    rows = [
        Cells(
            (
                clean(probe.get("name")),
                *(plain(probe.get(key)) for key in ("readings", "missed", "failures")),
                _ms(probe, "took_s"),
                _ms(probe, "cpu_s"),
            )
        )
        for probe in items(document, "probes")
    ]
    if rows:
        titles = ("Probe", "readings", "missed", "failures", "ms each", "CPU ms each")
        yield from columns(titles, rows, width=width, least=(20, 8, 7, 8, 8, 11))
    own = f"{duration(cost.get('cpu_s'))} of CPU here ({share(cost.get('cpu_share'))} of a core)"
    there = (
        f"{duration(cost.get('postgres_s'))} of Postgres ({share(cost.get('postgres_share'))})"
        f" in {plain(cost.get('postgres_calls'))} statements"
        if finite(cost.get("postgres_s")) is not None
        else f"in Postgres {NOTHING}: it does not count statements"
    )
    yield Line(("cost       ", "bold"), f"{own}; {there}")


def _ms(probe: Document, key: str) -> str:
    return millis(ratio(probe.get(key), probe.get("readings")))
