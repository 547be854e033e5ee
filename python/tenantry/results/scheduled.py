"""Runs that a schedule started, and whether the last of them is too old."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tenantry.results.folders import list_runs
from tenantry.results.prune import began_at

TAG, SCHEDULED = "trigger", "schedule"
PERIODS = 2


def last_scheduled(runs: Path) -> datetime | None:
    """When the last run began that carries the tag of a schedule; None when there is none."""
    for entry in list_runs(runs):
        if entry.manifest is not None and (entry.manifest.plan.get("tags") or {}).get(TAG) == SCHEDULED:
            return began_at(entry)
    return None


def overdue(runs: Path, every_s: float, now: datetime) -> str | None:
    """Why the schedule was not kept, in half a sentence: the last scheduled run is older than two periods. None without any such run."""
    last = last_scheduled(runs)
    if last is None or now - last <= timedelta(seconds=PERIODS * every_s):
        return None
    return f"the last scheduled run is {_days((now - last).total_seconds())} old, where one is due every {_days(every_s)}"


def _days(seconds: float) -> str:
    days = seconds / 86_400
    return f"{days:.3g} day{'s' * (days != 1)}" if days >= 1 else f"{seconds / 3600:.3g} hours"
