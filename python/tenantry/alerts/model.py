"""An alert as data, and what a channel is."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

SCHEMA = 1
LONGEST_TITLE = 80
MOST_FACTS = 5
Kind = Literal["threshold", "regression", "invalid", "breaker", "missed"]
Severity = Literal["critical", "warning", "info"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message. The fields are those of the webhook's JSON; what is not known is None.

    `dedup_key` is the same in every run for the same trouble. `since_s` is in seconds of the load.
    """

    schema: int = SCHEMA
    kind: Kind
    status: Literal["firing", "resolved"] = "firing"
    severity: Severity
    title: str
    reason: str
    observed: str | None = None
    limit: str | None = None
    baseline: str | None = None
    since_s: float | None = None
    load: str | None = None
    tenants: str | None = None
    facts: list[str] = []
    next_action: str = ""
    links: dict[str, str] = {}
    dedup_key: str
    project: str
    workload: str
    target: str = ""
    run: str | None = None
    valid: bool = True
    at: str


class NotDelivered(Exception):
    """A channel did not take an alert. `again`: it may take it later."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class Channel(Protocol):
    """Somewhere that alerts go to; `name` holds no secret."""

    @property
    def name(self) -> str: ...

    def send(self, alert: Alert) -> None:
        """Hand it over, in seconds; raises NotDelivered."""
        ...


def told(alert: Alert) -> str:
    """The alert as plain text, without its title: at most five facts, what to do, where to look."""
    limits = [f"observed {alert.observed}" if alert.observed else "", f"limit {alert.limit}" if alert.limit else ""]
    limits += [f"baseline {alert.baseline}"] if alert.baseline else []
    since = "" if alert.since_s is None else f"since second {alert.since_s:g} of the load"
    facts = [", ".join(filter(None, limits)), ", ".join(filter(None, [since, alert.load])), alert.tenants or "", *alert.facts]
    lines = [alert.reason, *[f"- {fact}" for fact in facts if fact][:MOST_FACTS]]
    lines += [f"next: {alert.next_action}"] if alert.next_action else []
    lines += [f"{title}: {link}" for title, link in alert.links.items()]
    return "\n".join([*lines, f"{alert.status}, key {alert.dedup_key}"])
