"""Which stored runs may go: the oldest ones that nobody holds on to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from tenantry.errors import UsageError
from tenantry.results.folders import Entry, list_runs

BASELINES = "baselines.json"


class Candidate(NamedTuple):
    """A run that may go, with the bytes of its files; or one that stays although it is old enough, and `why`."""

    folder: Path
    size: int = 0
    why: str = ""


def candidates(runs: Path, *, keep: int | None, older: timedelta | None, now: datetime) -> list[Candidate]:
    """The runs beyond the newest `keep` that began more than `older` before `now`, the oldest first; None asks for nothing.

    A baseline stays, and so do a run that goes on and one that cannot be read. Folders without a manifest are no runs, and links are not
    ours: neither is looked at. Raises UsageError when it cannot be told which runs are baselines.
    """
    pinned = baselines(runs)
    entries = [entry for entry in list_runs(runs) if not entry.folder.is_symlink()]
    beyond = entries if keep is None else entries[keep:]
    found = []
    for entry in reversed(beyond):
        began = began_at(entry)
        if older is None or began is None or began < now - older:
            why = _held(entry, pinned, aged=older is None or began is not None)
            found.append(Candidate(entry.folder, 0 if why else sum(_sizes(entry.folder)), why))
    return found


def baselines(runs: Path) -> dict[str, str]:
    """The names of the run folders that are baselines, each by its own name; none where there is no file."""
    path = runs / BASELINES
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot be read: {reason}", where=str(path), hint="restore the file: it says which runs are baselines") from None


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


def _held(entry: Entry, pinned: dict[str, str], *, aged: bool) -> str:
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
