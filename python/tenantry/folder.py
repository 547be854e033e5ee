"""The run folder from the writing side: its name, its manifest, its end."""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tenantry import __version__, revision
from tenantry.datasets.population import Population
from tenantry.errors import EnvironmentFault
from tenantry.files import write_whole
from tenantry.plan.plan import Plan
from tenantry.prepare import cores
from tenantry.results.manifest import MANIFEST, SCHEMA
from tenantry.results.running import mark_running
from tenantry.verdict import Verdict

LEAST_FREE_BYTES = 64 * 1024 * 1024
# Kept free in the manifest until there is a verdict, which then fits on a disk that is full by that time.
_VERDICT_BYTES = 1024


@dataclass
class RunFolder:
    """A run folder that is being written."""

    path: Path
    manifest: dict[str, Any]
    load_end_ns: int | None = None
    _mark: int = -1

    @classmethod
    def create(
        cls,
        runs: Path,
        plan: Plan,
        *,
        population: Population | None,
        command: Sequence[str],
        source: Mapping[str, object] | None = None,
    ) -> RunFolder:
        """A new folder `<utc-time>-<name>` under `runs`; raises EnvironmentFault when there is no room or no right to write.

        `source` is that of `tenantry.prepare.Prepared`.
        """
        path = new_folder(runs, plan.name)
        try:
            folder = cls(path, _manifest(path, plan, population, command) | {"source": source}, _mark=mark_running(path))
            folder._write()
        except BaseException as error:
            shutil.rmtree(path, ignore_errors=True)
            if isinstance(error, OSError):
                raise _unwritable(runs, error) from error
            raise
        return folder

    def load_started(self) -> None:
        """Note the moment from which the load is counted; raises EnvironmentFault when the folder cannot be written any more."""
        self.manifest["started_at"] = _rfc3339(datetime.now(UTC))
        self.manifest["started_unix_ns"] = time.time_ns()
        try:
            self._write()
        except OSError as error:
            raise _unwritable(self.path.parent, error) from error

    def load_ended(self, at_ns: int) -> None:
        """Note when the load ended, `at_ns` after its start; the first time counts."""
        if self.load_end_ns is None:
            self.load_end_ns = max(at_ns, 1)

    def finish(self, end: str, *, elapsed_ns: int, verdict: Verdict | None = None, grades: Mapping[str, object] | None = None) -> None:
        """Complete the manifest: `end` is finished, stopped, interrupted or aborted; `grades` are those of `tenantry.grading`, as JSON."""
        self.manifest |= {"end": end, "elapsed_ns": elapsed_ns, "ended_at": self.manifest["ended_at"] or _rfc3339(datetime.now(UTC))}
        if verdict is not None:
            self.manifest["verdict"] = {"verdict": verdict.verdict, "reason": verdict.reason, "exit": int(verdict.exit)}
        self._write()
        if grades is not None:
            # By themselves: where there is no more room, the verdict is there all the same.
            self.manifest["grades"] = grades
            self._write()

    def discard_unless_loaded(self, loaded: bool) -> None:
        """Remove the folder of a run that sent no load."""
        if not loaded:
            shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Nobody writes here any more; further calls do nothing."""
        if self._mark >= 0:
            os.close(self._mark)
            self._mark = -1

    def _write(self) -> None:
        path, content = self.path / MANIFEST, msgspec.json.format(msgspec.json.encode(self.manifest))
        content += b"" if self.manifest["verdict"] else b"\n" * _VERDICT_BYTES
        try:
            write_whole(path, content)
        except OSError:
            # On a full disk the blocks that the file has already are still its own.
            if not path.exists() or len(content) > path.stat().st_blocks * 512:
                raise
            with path.open("r+b") as file:
                file.write(content)
                file.truncate()


def new_folder(runs: Path, name: str) -> Path:
    """Make the folder `<utc-time>-<name>` under `runs`; raises EnvironmentFault when there is no room or no right to write."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        _check_room(runs)
        return _fresh(runs, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}")
    except OSError as error:
        raise _unwritable(runs, error) from error


def _unwritable(runs: Path, error: OSError) -> EnvironmentFault:
    reason = error.strerror or str(error)
    return EnvironmentFault(f"no run can be stored there: {reason}", where=str(runs), hint="give another folder with --runs")


def _check_room(runs: Path) -> None:
    free = shutil.disk_usage(runs).free
    if free < LEAST_FREE_BYTES:
        raise EnvironmentFault(
            f"only {free / 1e6:.0f} MB are free; a run needs at least {LEAST_FREE_BYTES / 1e6:.0f} MB",
            where=str(runs),
            hint="make room (`tenantry runs rm RUN`), or give another folder with --runs",
        )


def _fresh(runs: Path, name: str) -> Path:
    for number in range(1, 1000):
        path = runs / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise EnvironmentFault("there are too many runs of this second", where=str(runs))


def _manifest(path: Path, plan: Plan, population: Population | None, command: Sequence[str]) -> dict[str, Any]:
    dataset = {"name": population.name, "tenants": population.tenants, "rng_seed": population.rng_seed} if population is not None else None
    return {
        "schema": SCHEMA,
        "name": plan.name,
        "folder": str(path),
        "tool_version": __version__,
        "git": revision.commit(),
        "branch": revision.branch(),
        "started_at": None,
        "ended_at": None,
        "elapsed_ns": None,
        "end": None,
        "target": plan.target,
        "plan": plan.as_dict(),
        "dataset": dataset,
        "rng_seed": plan.rng_seed,
        "machine": machine(),
        "command": list(command),
        "verdict": None,
        "grades": None,
    }


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def machine() -> dict[str, object]:
    """The machine that generates the load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "memory_bytes": memory,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
