"""What was told before and is not over yet: a file beside the run folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tenantry.alerts.model import Kind
from tenantry.files import write_whole
from tenantry.results.running import alone

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


def change_incidents(runs: Path, before: Mapping[str, Incident], after: Mapping[str, Incident]) -> None:
    """Carry what differs between `before` and `after` over into the file, beside what others wrote meanwhile; raises OSError."""
    runs.mkdir(parents=True, exist_ok=True)
    with alone(runs):
        try:
            known = read_incidents(runs)
        except ValueError:
            known = {}
        changed = {key: one for key, one in after.items() if before.get(key) != one}
        kept = {key: one for key, one in known.items() if key in after or key not in before}
        write_whole(runs / STATE, msgspec.json.format(msgspec.json.encode(_Stored(open=kept | changed))))
