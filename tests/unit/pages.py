"""The documents as data: their tables and their blocks of code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

Row = dict[str, str]


class Block(NamedTuple):
    """A fenced block: its language, its text, the line of its first line."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Document:
    """One page."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    def section(self, heading: str) -> str:
        """What stands between a heading and the next one of the same or a higher level."""
        found = re.search(rf"^(#+) {re.escape(heading)}$\n(.*?)(?=^#{{1,2}} |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found, f"{self.path.name} has no heading {heading!r}"
        return found[2]

    def sections(self, pattern: str) -> dict[str, str]:
        """All second-level sections whose heading fits a pattern, by its first group."""
        headings = re.findall(r"^## (.*)$", self.text, re.MULTILINE)
        return {found[1]: self.section(heading) for heading in headings if (found := re.fullmatch(pattern, heading))}

    def table(self, heading: str, first: str) -> list[Row]:
        """The rows of the table in a section whose first column has this title."""
        return rows(self.section(heading), first)

    def blocks(self, language: str) -> list[Block]:
        fences = re.finditer(r"^```(\w*)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        found = [Block(fence[1], fence[2], self.text.count("\n", 0, fence.start(2)) + 1) for fence in fences]
        return [block for block in found if block.language == language]


def doc(name: str) -> Document:
    return Document(ROOT / "docs" / name)


def rows(text: str, first: str) -> list[Row]:
    """The rows of the table whose first column has this title; cells without their backticks at both ends stay as they are."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(f"| {first} |")), None)
    assert start is not None, f"there is no table with the column {first!r}"
    titles = cells(lines[start])
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        values = cells(line)
        assert len(values) == len(titles), f"{line} has {len(values)} cells instead of {len(titles)}"
        found.append(dict(zip(titles, values, strict=True)))
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def names(cell: str) -> list[str]:
    """Everything between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def name(cell: str) -> str:
    """The one thing between backticks."""
    (found,) = names(cell)
    return found
