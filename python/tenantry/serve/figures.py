"""The key figures of stored runs, kept: a run that has ended does not change."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tenantry.compare.figures import Figures
from tenantry.files import write_whole

FILE = ".serve.json"
_SCHEMA = 1

Stamp = tuple[int, int]


class _Kept(msgspec.Struct, frozen=True):
    """Figures with the stamp of the manifest that they belong to."""

    stamp: Stamp
    figures: Figures


class _File(msgspec.Struct, frozen=True):
    schema: int
    runs: dict[str, _Kept]


class Cache:
    """Figures by the name of their run, and the file beside the runs that keeps them; without the right to write, only in memory."""

    def __init__(self, runs: Path) -> None:
        self._path = runs / FILE
        self._kept = _read(self._path)

    def get(self, name: str, stamp: Stamp) -> Figures | None:
        """The figures of a run whose manifest has this stamp; None when they were never read, or were those of another state."""
        kept = self._kept.get(name)
        return kept.figures if kept is not None and kept.stamp == stamp else None

    def put(self, name: str, stamp: Stamp, figures: Figures) -> None:
        self._kept[name] = _Kept(stamp, figures)

    def save(self, names: set[str]) -> None:
        """Write what belongs to these runs; a folder that cannot be written is left as it is."""
        kept = {name: one for name, one in self._kept.copy().items() if name in names}
        try:
            write_whole(self._path, msgspec.json.encode(_File(_SCHEMA, kept)))
        except OSError:
            return


def _read(path: Path) -> dict[str, _Kept]:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError):
        return {}
    return found.runs if found.schema == _SCHEMA else {}
