"""The histograms in a run folder's files: read by the native module, merged by whatever a report asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tenantry._core import Merged, Stored

__all__ = ["ENDLESS", "Key", "Label", "Line", "Merged", "StoredHistograms", "everything", "regrouped"]

ENDLESS = 2**31 - 1
Key = TypeVar("Key", bound=Hashable)
Line = TypeVar("Line", bound=Hashable)


class Label(NamedTuple):
    """What names a row of histograms: its columns of text, empty where the table has none, and its tags."""

    stream: str
    scenario: str
    group: str
    name: str
    tags: dict[str, str]

    @property
    def series(self) -> tuple[str, str, str]:
        """Scenario, group and name."""
        return self.scenario, self.group, self.name

    def value(self, tag: str) -> str:
        """What a selector names: a column of its own, or a tag of the scripts, empty where the row does not have it."""
        return str(getattr(self, tag)) if tag in ("name", "scenario", "group") else self.tags.get(tag, "")


def everything(_: Label) -> str:
    """All rows on one line, which is named ''."""
    return ""


def regrouped(found: Mapping[Key, Merged], lines: Callable[[Key], Iterable[Line]]) -> dict[Line, Merged]:
    """Merged further: each of them belongs to all of its `lines`."""
    parts: defaultdict[Line, list[Merged]] = defaultdict(list)
    for key, merged in found.items():
        for line in lines(key):
            parts[line].append(merged)
    several = [line for line, merged in parts.items() if len(merged) > 1]
    sums = dict(zip(several, Merged.sums([parts[line] for line in several]), strict=True))
    return {line: sums.get(line, merged[0]) for line, merged in parts.items()}


class StoredHistograms:
    """The histograms of a table with these columns, the first of which places the rows: those before `until` are read.

    `damaged` has the files that cannot be read.
    """

    def __init__(self, files: Sequence[str], columns: Collection[str], until: int | None) -> None:
        names = [name for name in Label._fields if name in columns and name != "tags"]
        self._histograms = [name.removesuffix("max_ns").removesuffix("_") for name in columns if name.endswith("max_ns")]
        self._rows = Stored(files, self._histograms, at=next(iter(columns)), names=names, tags="tags" in columns, until=until)
        absent = Label("", "", "", "", {})
        self._labels = [absent._replace(**dict(zip(names, values, strict=True)), tags=tags) for values, tags in self._rows.labels]

    @property
    def damaged(self) -> list[tuple[Path, str]]:
        """Files with the reason."""
        return self._rows.damaged

    def merged(
        self, histogram: str, line: Callable[[Label], Key | None], step: int, span: tuple[int, int]
    ) -> dict[tuple[Key, int], Merged]:
        """See `Tables.merged`."""
        keys = [line(label) for label in self._labels]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(key for key in keys if key is not None))}
        order = list(numbers)
        lines = [-1 if key is None else numbers[key] for key in keys]
        found = self._rows.merged(self._histograms.index(histogram), lines, step, *span)
        return {(order[number], place): merged for number, place, merged in found}
