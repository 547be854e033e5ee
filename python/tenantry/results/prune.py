"""Which stored runs may go: the oldest ones that nobody holds on to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from tenantry.results.folders import Entry, list_runs


class Candidate(NamedTuple):
    """A run that may go, with the bytes of its files; or one that stays although it is old enough, and `why`."""

    folder: Path
    size: int = 0
    why: str = ""


def candidates(runs: Path, pinned: Mapping[str, str], *, keep: int | None, older: timedelta | None, now: datetime) -> list[Candidate]:
    """The runs beyond the newest `keep` that began more than `older` before `now`, the oldest first; None asks for nothing.

    A baseline stays (`pinned`: names of run folders by that of the baseline), and so do a run that goes on and one that cannot be read.
    Folders without a manifest are no runs, and links are not ours: neither is looked at.
    """
    entries = [entry for entry in list_runs(runs) if not entry.folder.is_symlink()]
    beyond = entries if keep is None else entries[keep:]
    found = []
    for entry in reversed(beyond):
        began = began_at(entry)
        if older is None or began is None or began < now - older:
            why = _held(entry, pinned, aged=older is None or began is not None)
            found.append(Candidate(entry.folder, 0 if why else sum(_sizes(entry.folder)), why))
    return found


def began_at(entry: Entry) -> datetime | None:
    """When a run began, by its manifest or else by the name of its folder; None where neither says."""
    told = entry.manifest.started_at if entry.manifest else None
    for text, form in ((told, ""), (entry.folder.name.partition("-")[0], "%Y%m%dT%H%M%SZ")):
        try:
            moment = datetime.strptime(text or "", form) if form else datetime.fromisoformat(text or "")
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _held(entry: Entry, pinned: Mapping[str, str], *, aged: bool) -> str:
    """Why a run stays all the same, if so."""
    names = [name for name, folder in pinned.items() if folder == entry.folder.name]
    if names:
        return f"is the baseline {', '.join(names)}"
    if entry.running:
        return "goes on"
    if entry.manifest is None:
        return f"is unreadable: {entry.fault}"
    return "" if aged else "does not say when it began"


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, files in os.walk(folder):
        for name in files:
            yield (Path(place) / name).lstat().st_size
