"""Named baselines: runs that later ones are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tenantry.errors import EnvironmentFault, UsageError
from tenantry.files import write_whole
from tenantry.results.manifest import MANIFEST
from tenantry.results.running import alone
from tenantry.types import did_you_mean

FILE = "baselines.json"
MAIN = "main"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


def read(runs: Path) -> dict[str, str]:
    """Names of run folders by baseline; empty where none was set. Raises UsageError for a file that is damaged or cannot be read."""
    path = runs / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", where=str(path), hint="check its permissions") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"is damaged: {error}", where=str(path), hint="repair it, or remove it and set the baselines again") from None


def set_baseline(runs: Path, run: Path, name: str = MAIN) -> None:
    """Make a run the baseline of this name; what had the name before loses it."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a baseline", where="--name", hint="use letters, digits and . _ / -, such as main")
    if run.resolve().parent != runs.resolve():
        raise UsageError(f"{run} is not among the runs in {runs}", hint="name a run that `tenantry runs list` shows")
    with _writing(runs) as known:
        known[name] = run.name


def remove_baseline(runs: Path, name: str) -> None:
    """Forget a baseline; its run stays. Raises UsageError for a name that is not there."""
    with _writing(runs) as known:
        if name not in known:
            raise UsageError(f"there is no baseline {name!r}", where=str(runs / FILE), hint=did_you_mean(name, list(known)))
        del known[name]


def folder_of(runs: Path, name: str) -> Path | None:
    """The run folder of a baseline; None when there is no baseline of this name. Raises UsageError when its run is gone."""
    run = read(runs).get(name)
    if run is None:
        return None
    if not (runs / run / MANIFEST).is_file():
        raise UsageError(f"the run of baseline {name!r} is gone: {run}", where=str(runs), hint="tenantry baseline set RUN")
    return runs / run


@contextmanager
def _writing(runs: Path) -> Iterator[dict[str, str]]:
    """The baselines, to be changed within the block; nobody else changes them meanwhile."""
    try:
        with alone(runs):
            known = read(runs)
            yield known
            write_whole(runs / FILE, msgspec.json.format(msgspec.json.encode(known)))
    except OSError as error:
        raise EnvironmentFault(f"the baselines cannot be written: {error.strerror or error}", where=str(runs / FILE)) from None
