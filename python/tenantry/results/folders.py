"""The folder of run folders: finding, listing and removing runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tenantry.errors import EnvironmentFault, UsageError
from tenantry.results.manifest import MANIFEST, Manifest, read_manifest
from tenantry.results.running import is_running
from tenantry.types import did_you_mean

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored run in a list; `manifest` is None where it cannot be read, and `fault` says why. `running`: it goes on."""

    folder: Path
    manifest: Manifest | None
    fault: str = ""
    running: bool = False

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values; the verdict is None for a run that never ended."""
        manifest = self.manifest
        told: dict[str, object] = {"name": self.folder.name, "folder": str(self.folder), "fault": self.fault or None}
        if manifest is None:
            return told
        verdict = manifest.verdict
        return told | {
            "workload": manifest.name,
            "target": manifest.target,
            "git": manifest.git,
            "branch": manifest.branch_name,
            "started_at": manifest.started_at,
            "ended_at": manifest.ended_at,
            "end": manifest.end,
            "running": self.running,
            "duration_s": manifest.elapsed_s,
            "verdict": verdict.verdict if verdict else None,
            "reason": verdict.reason if verdict else None,
            "exit": verdict.exit if verdict else None,
        }


def run_folders(runs: Path) -> list[Path]:
    """The run folders in `runs`, the oldest first: their names begin with the time."""
    return sorted(path.parent for path in runs.glob(f"*/{MANIFEST}"))


def list_runs(runs: Path) -> list[Entry]:
    """All runs in `runs`, the newest first; those that cannot be read are listed with what is wrong."""
    return [_entry(folder) for folder in reversed(run_folders(runs))]


def _entry(folder: Path) -> Entry:
    try:
        return Entry(folder, read_manifest(folder), running=is_running(folder))
    except UsageError as fault:
        return Entry(folder, None, fault.what)


def find_run(reference: str, runs: Path) -> Path:
    """The run folder that RUN means: a folder, a name in `runs`, the only one whose name contains it, or `latest`."""
    folders = run_folders(runs)
    if reference == LATEST:
        if not folders:
            raise UsageError("there are no runs yet", where=str(runs), hint="`tenantry run` makes one; --runs names another folder")
        return folders[-1]
    for path in (Path(reference), runs / reference):
        if path.is_dir():
            return path
    containing = [folder for folder in folders if reference in folder.name]
    if len(containing) == 1:
        return containing[0]
    names = [folder.name for folder in containing or folders]
    if containing:
        raise UsageError(f"{len(containing)} runs are named like {reference!r}", where=str(runs), hint=f"name one: {', '.join(names[-5:])}")
    hint = did_you_mean(reference, names[-5:]) if names else "there are no runs in that folder; --runs names another"
    raise UsageError(f"there is no run {reference!r}", where=str(runs), hint=hint)


def remove_run(folder: Path) -> None:
    """Remove a run folder; anything that is not one is refused."""
    if not (folder / MANIFEST).is_file():
        raise UsageError(f"not a run folder: it has no {MANIFEST}, so it was left alone", where=str(folder))
    if folder.is_symlink():
        raise UsageError("is a link to a run folder, so it was left alone", where=str(folder), hint="remove the folder that it points to")
    if is_running(folder):
        hint = "end it first, by Ctrl-C or `tenantry ctl RUN stop`"
        raise UsageError("the run goes on, so it was left alone", where=str(folder), hint=hint)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise EnvironmentFault(f"the run could not be removed: {error.strerror}", where=str(folder)) from error
