"""The runs folder as the pages see it: every run with what its manifest says, and its figures as soon as they are read."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tenantry.compare import baselines
from tenantry.compare.figures import Figures, read_figures
from tenantry.errors import EnvironmentFault, UsageError
from tenantry.report.header import Headline, headline
from tenantry.results.manifest import MANIFEST, Manifest, read_manifest
from tenantry.results.running import is_running
from tenantry.serve.figures import Cache, Stamp
from tenantry.serve.pages import clean

_SAVE_EVERY = 100
_PATIENCE_S = 5.0
_NICE = 10
_GRADES = ("good", "warning", "poor", "critical")
_UNREADABLE = Headline("Unreadable", "", "invalid")
UNJUDGED = {"running": "Running", "killed": "Killed", "not_judged": "Not judged", "unreadable": "Unreadable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A run in a list. `state` is its verdict, or one of `UNJUDGED`; `figures` is None as long as they are not read."""

    name: str
    state: str = "unreadable"
    headline: Headline = _UNREADABLE
    fault: str = ""
    workload: str = ""
    target: str = ""
    git: str = ""
    branch: str = ""
    grade: str = ""
    reason: str = ""
    started_at: str = ""
    duration_s: float | None = None
    planned_s: float | None = None
    baselines: tuple[str, ...] = ()
    figures: Figures | None = None

    @property
    def is_readable(self) -> bool:
        return self.state != "unreadable"

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def is_pending(self) -> bool:
        """Whether its figures are still to be read."""
        return self.figures is None and self.is_readable and not self.is_running

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, times in seconds; None for what is not known, `figures` as long as they are not read."""
        total = self.figures.total if self.figures is not None and not self.figures.fault else None
        names = ("requests", "failures", "throughput", "p50", "p95", "p99")
        words = ("workload", "target", "git", "branch", "grade", "reason", "started_at", "fault")
        return {
            "name": self.name,
            "state": self.state,
            **{word: getattr(self, word) or None for word in words},
            "duration_s": self.duration_s,
            "baselines": list(self.baselines),
            "figures": {name: getattr(total, name) for name in names} if total else None,
        }


class Shelf:
    """All runs of a folder. Manifests are read again when they change, figures by a thread of its own: no page waits for them."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._cache = Cache(runs)
        self._cards: dict[str, tuple[Stamp, Card]] = {}
        self._news = threading.Condition()
        self._missing: list[tuple[str, Stamp]] = []
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="tenantry-figures", daemon=True)
        self.cards()
        self._reader.start()

    def close(self) -> None:
        """End the reading of figures, after the run that is being read."""
        with self._news:
            self._ended = True
            self._news.notify_all()
        self._reader.join(_PATIENCE_S)

    def cards(self) -> list[Card]:
        """All runs, the newest first, with the names of the baselines that they are."""
        named = self._baselines()
        found, missing = [], []
        for name, stamp in sorted(self._stamps().items(), reverse=True):
            found.append(self._shown(name, stamp, named))
            if found[-1].is_pending:
                missing.append((name, stamp))
        if missing:
            with self._news:
                self._missing = missing
                self._news.notify_all()
        return found

    def card(self, name: str) -> Card | None:
        """The run of this name; None when there is none, or when it is no name of a folder in `runs`."""
        if Path(name).name != name or name == "..":
            return None
        try:
            stat = (self.runs / name / MANIFEST).stat()
        except (OSError, ValueError):
            return None
        return self._shown(name, (stat.st_mtime_ns, stat.st_size), self._baselines())

    def folder(self, card: Card) -> Path:
        return self.runs / card.name

    def _stamps(self) -> dict[str, Stamp]:
        """Every run with the time and size of its manifest."""
        found: dict[str, Stamp] = {}
        try:
            folders = list(self.runs.iterdir())
        except OSError as error:
            raise EnvironmentFault(f"the runs cannot be read: {error.strerror or error}", where=str(self.runs)) from None
        for folder in folders:
            with suppress(OSError):
                stat = (folder / MANIFEST).stat()
                found[folder.name] = stat.st_mtime_ns, stat.st_size
        return found

    def _shown(self, name: str, stamp: Stamp, named: Mapping[str, list[str]]) -> Card:
        card = self._card(name, stamp)
        figures = None if card.is_running else self._cache.get(name, stamp)
        return replace(card, figures=figures, baselines=tuple(named.get(name, ())))

    def _card(self, name: str, stamp: Stamp) -> Card:
        known = self._cards.get(name)
        if known is None or known[0] != stamp or known[1].is_running:
            known = stamp, _card(self.runs / name)
            self._cards[name] = known
        return known[1]

    def _baselines(self) -> dict[str, list[str]]:
        """Names of baselines by run; a damaged list names none."""
        found: dict[str, list[str]] = {}
        with suppress(UsageError):
            for baseline, run in sorted(baselines.read(self.runs).items()):
                found.setdefault(run, []).append(baseline)
        return found

    def _read(self) -> None:
        """Read the figures that a list lacks, the newest first, until the end; a test that runs beside it goes before."""
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        count = 0
        while True:
            with self._news:
                if not self._missing and count:
                    self._save()
                    count = 0
                self._news.wait_for(lambda: self._missing or self._ended)
                if self._ended:
                    break
                name, stamp = self._missing.pop(0)
            if self._cache.get(name, stamp) is None:
                self._cache.put(name, stamp, read_figures(self.runs / name))
                count += 1
            if count >= _SAVE_EVERY:
                self._save()
                count = 0
        if count:
            self._save()

    def _save(self) -> None:
        with suppress(EnvironmentFault):
            self._cache.save(set(self._stamps()))


def _card(folder: Path) -> Card:
    try:
        manifest = read_manifest(folder)
    except UsageError as fault:
        return Card(name=folder.name, fault=clean(fault.what))
    state = _state(manifest, folder)
    return Card(
        name=folder.name,
        state=state,
        headline=_headline(manifest, state),
        workload=clean(manifest.name),
        target=clean(manifest.target),
        git=clean(manifest.git),
        branch=clean(manifest.branch_name),
        grade=_grade(manifest),
        reason=clean(manifest.verdict.reason) if manifest.verdict else "",
        started_at=clean(manifest.started_at),
        duration_s=manifest.elapsed_s,
        planned_s=_planned_s(manifest),
    )


def _state(manifest: Manifest, folder: Path) -> str:
    if manifest.verdict is not None and manifest.verdict.verdict:
        return manifest.verdict.verdict
    if manifest.end is not None:
        return "not_judged"
    return "running" if is_running(folder) else "killed"


def _headline(manifest: Manifest, state: str) -> Headline:
    """The verdict as the report words it."""
    if state in UNJUDGED:
        return Headline(UNJUDGED[state], "", "no_data")
    thresholds = [{"text": str(text)} for text in manifest.plan.get("thresholds") or []]
    return headline({"verdict": state, "thresholds": thresholds, "about": {"end": manifest.end}})


def _grade(manifest: Manifest) -> str:
    grade = (manifest.grades or {}).get("grade")
    return grade if grade in _GRADES else ""


def _planned_s(manifest: Manifest) -> float | None:
    planned = manifest.plan.get("duration_ns")
    return planned / 1e9 if isinstance(planned, int) else None
