"""The findings of a diagnosis as the page shows them."""

from __future__ import annotations

from typing import NamedTuple

from tenantry.report.numbers import Document, items

MOST = 5


class Finding(NamedTuple):
    """What was found, what it rests on, and what to do."""

    title: str
    text: str
    evidence: list[str]
    remedy: str


def findings(document: Document) -> list[Finding]:
    """The first findings of the document, in its order: objects with `title`, `summary`, `evidence`, `remedy`, any of them missing."""
    return [
        Finding(
            _text(row, "title", "name", "rule") or "Finding",
            _text(row, "summary", "text", "explanation"),
            [str(_line(line))[:400] for line in (row.get("evidence") or [])[:8]] if isinstance(row.get("evidence"), list | tuple) else [],
            _text(row, "remedy", "hint", "fix"),
        )
        for row in items(document, "findings")[:MOST]
    ]


def _text(row: Document, *keys: str) -> str:
    return next((str(row[key])[:600] for key in keys if row.get(key)), "")


def _line(line: object) -> object:
    return next((line[key] for key in ("text", "summary", "statement") if line.get(key)), line) if isinstance(line, dict) else line
