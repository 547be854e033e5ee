"""What was told before and is not over yet: a file beside the run folders."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tenantry.alerts.model import Kind
from tenantry.driver import write_whole

STATE = "alerts.json"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Trouble that an alert told of: of which kind and workload, since when, first in which run, and in how many runs by now."""

    kind: Kind
    project: str
    workload: str
    title: str
    since: str
    run: str | None = None
    runs: int = 1
    threshold: str = ""


class _Stored(msgspec.Struct):
    schema: int = 1
    open: dict[str, Incident] = {}


def read_incidents(runs: Path) -> dict[str, Incident]:
    """Those that are not over, by their dedup keys; raises ValueError when the file is damaged or cannot be read."""
    try:
        return msgspec.json.decode((runs / STATE).read_bytes(), type=_Stored).open
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{runs / STATE} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def write_incidents(runs: Path, incidents: dict[str, Incident]) -> None:
    """Replace the file in one step; raises OSError."""
    runs.mkdir(parents=True, exist_ok=True)
    write_whole(runs / STATE, msgspec.json.format(msgspec.json.encode(_Stored(open=incidents))))
