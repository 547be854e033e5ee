"""The alerts of one invocation: during a run, after it, and for what never became one; and their ends, once all is well again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tenantry.alerts.channels import channels
from tenantry.alerts.content import About, firing, threshold
from tenantry.alerts.model import Alert, Channel
from tenantry.alerts.sender import Sender
from tenantry.alerts.state import Incident, change_incidents, read_incidents
from tenantry.config import Alerts, Config
from tenantry.errors import TenantryError
from tenantry.report.document import document
from tenantry.report.numbers import Document, items, part
from tenantry.results import open_run
from tenantry.thresholds.evaluate import ThresholdResult

NO_LOAD = "no load could be sent"
Over = Callable[[Incident], str | None]


class Alerter:
    """Sends what a run gives reason to, keeps what is not over, and tells when it is. Never raises for a channel: see `notes`."""

    def __init__(
        self,
        settings: Alerts,
        runs: Path,
        to: Iterable[Channel],
        *,
        links: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.notes: list[str] = []
        self._settings, self._runs, self._links, self._clock = settings, runs, dict(links or {}), clock
        self._sender = Sender(list(to), self.notes.append, sleep=sleep)
        self._told: set[str] = set()
        # One thread, so that a run goes on while a channel is slow, and alerts keep their order.
        self._line = ThreadPoolExecutor(1, thread_name_prefix="tenantry-alerts")

    def breach(self, result: ThresholdResult, folder: Path) -> None:
        """An abort threshold failed in the run of `folder`, which goes on ending: tell it now, in the background."""
        self._line.submit(self._guarded, lambda: self._breach(result, folder))

    def concluded(self, told: Document, *, scheduled: bool = False) -> None:
        """The run of this document is over: its alerts, and the ends of what it shows to be over."""
        about = self._about(told)
        self._wait(lambda: self._settle(list(firing(told, about)), about, _over(told, scheduled=scheduled)))

    def failed(self, workload: str, target: str, error: TenantryError) -> None:
        """No load could be sent."""
        about = About(self._settings.project, workload, target, self._links, self._now())
        reason = f"{error.where}: {error.what}" if error.where else error.what
        hint = error.hint or "repair that, then run again"
        self._wait(lambda: self._settle([about.alert("invalid", NO_LOAD, "warning", reason, valid=False, next_action=hint)], about))

    def missed(self, workload: str, target: str, reason: str) -> None:
        """The schedule was not kept."""
        about = About(self._settings.project, workload, target, self._links, self._now())
        hint = "see why the scheduled job did not run: it may be switched off, or fail before it begins"
        self._wait(lambda: self._settle([about.alert("missed", "no scheduled run", "warning", reason, next_action=hint)], about))

    def close(self) -> list[str]:
        """Wait until everything is sent; returns what the user should know."""
        self._line.shutdown()
        return self.notes

    def _wait(self, work: Callable[[], None]) -> None:
        self._line.submit(self._guarded, work).result()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Alerts never end a run: what goes wrong with them is a note."""
        try:
            work()
        except (TenantryError, OSError, ValueError) as error:
            self.notes.append(f"alerts: {error}")

    def _breach(self, result: ThresholdResult, folder: Path) -> None:
        with open_run(folder) as run:
            told = document(run)
        row: dict[str, object] = next((row for row in told["thresholds"] if row["text"] == result.text), {})
        about = self._about(told)
        # What was seen when it failed, whatever came to the folder since.
        alert = threshold({**row, **result.as_dict()}, told | {"about": told["about"] | {"end": "aborted"}}, about)
        self._settle([alert], about)

    def _settle(self, found: Sequence[Alert], about: About, over: Over = lambda _: None) -> None:
        """Send what is found, and the end of what is `over`; remember both."""
        incidents = self._incidents()
        before = dict(incidents)
        for alert in found:
            key = alert.dedup_key
            if alert.kind in self._settings.on and key not in self._told:
                self._told.add(key)
                known = incidents.get(key)
                self._sender.send(_again(alert, known) if known else alert)
                incidents[key] = _incident(alert, known)
        for key, one in before.items():
            why = over(one) if _same(one, about) and key not in {alert.dedup_key for alert in found} else None
            if why is not None and self._sender.send(_resolved(one, why, about, key)):
                del incidents[key]
        if incidents != before:
            change_incidents(self._runs, before, incidents)

    def _incidents(self) -> dict[str, Incident]:
        try:
            return read_incidents(self._runs)
        except ValueError as error:
            self.notes.append(f"alerts: {error}; it is written anew")
            return {}

    def _about(self, told: Document) -> About:
        about = part(told, "about")
        links = {"report": f"{told.get('run')}/report.html", **self._links}
        return About(self._settings.project, str(about.get("workload")), str(about.get("target") or ""), links, self._now())

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def alerter(config: Config, environ: Mapping[str, str] | None = None) -> Alerter | None:
    """What the configuration asks for; None where it names no channel."""
    settings = config.alerts
    if not (settings.webhook_env or settings.apprise_env or settings.apprise_files):
        return None
    environ = os.environ if environ is None else environ
    notes: list[str] = []
    made = Alerter(settings, config.runs, channels(settings, environ, notes.append), links=job_link(environ))
    made.notes += notes
    return made


def job_link(environ: Mapping[str, str]) -> dict[str, str]:
    """Where the CI job can be looked at, as GitHub, GitLab and Jenkins tell it."""
    server, repository, run = (environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    link = f"{server}/{repository}/actions/runs/{run}" if server and repository and run else environ.get("CI_JOB_URL")
    link = link or environ.get("BUILD_URL")
    return {"job": link} if link else {}


def _over(told: Document, *, scheduled: bool) -> Over:
    """What a run shows to be over; only a whole and valid one says anything about the app."""
    end, word = part(told, "about").get("end"), told.get("verdict")
    whole = word in ("pass", "fail") and end in ("finished", "aborted", "stopped")
    against = part(told, "comparison").get("judgement")
    results = {str(row.get("text")): row.get("result") for row in items(told, "thresholds")}

    def over(one: Incident) -> str | None:
        match one.kind:
            case "missed" if scheduled:
                return "a scheduled run took place again"
            case "regression" if against in ("better", "same"):
                return "it is no longer worse than the baseline"
            case "invalid" if whole:
                return "a run was valid again"
            case "breaker" if whole and end == "finished":
                return "a run came to its end again"
            case "threshold" if whole and one.threshold not in results:
                return "the workload no longer asks for it"
            case "threshold" if whole and results[one.threshold] == "pass":
                return "it was met again"
        return None

    return over


def _same(one: Incident, about: About) -> bool:
    return (one.project, one.workload) == (about.project, about.workload)


def _incident(alert: Alert, known: Incident | None) -> Incident:
    if known is not None:
        return msgspec.structs.replace(known, runs=known.runs + 1, title=alert.title)
    prefix = f"{alert.project}/{alert.workload}/"
    text = alert.dedup_key.removeprefix(prefix) if alert.kind == "threshold" else ""
    return Incident(
        kind=alert.kind,
        project=alert.project,
        workload=alert.workload,
        title=alert.title,
        since=alert.at,
        run=alert.run,
        threshold=text,
    )


def _again(alert: Alert, known: Incident) -> Alert:
    fact = f"the same since {known.since}, now in {known.runs + 1} runs" + (f", first in {known.run}" if known.run else "")
    return msgspec.structs.replace(alert, facts=[fact, *alert.facts])


def _resolved(one: Incident, why: str, about: About, key: str) -> Alert:
    symptom = one.title.partition(": ")[2] or one.title
    made = about.alert(one.kind, f"resolved: {symptom}", "info", f"{why}; it was so since {one.since}, in {one.runs} runs")
    return msgspec.structs.replace(made, status="resolved", dedup_key=key)
