"""Prometheus' text format 0.0.4, and what OpenMetrics adds to it: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

_NAME = re.compile(r"[a-zA-Z_:][\w:.]*")
_LABEL = re.compile(r'\s*,?\s*([a-zA-Z_][\w.]*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_PARTS = ("_bucket", "_count", "_sum", "_total", "_created")


class Sample(NamedTuple):
    """One value; `family` is the name that its type was declared for, `kind` that type: counter, gauge, histogram, summary, untyped."""

    name: str
    labels: Mapping[str, str]
    value: float
    family: str
    kind: str


@dataclass(frozen=True, slots=True)
class Page:
    """The samples of one scrape, and how many lines made no sense."""

    samples: tuple[Sample, ...]
    bad_lines: int


def parse(text: str) -> Page:
    """Read a page; lines that make no sense are counted and passed by."""
    kinds: dict[str, str] = {}
    samples, bad = [], 0
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("#"):
            words = line.split()
            if len(words) >= 4 and words[1] == "TYPE":
                kinds[words[2]] = words[3].lower()
        elif line:
            found = _sample(line, kinds)
            samples += [found] if found is not None else []
            bad += found is None
    return Page(tuple(samples), bad)


def _sample(line: str, kinds: Mapping[str, str]) -> Sample | None:
    name = _NAME.match(line)
    if name is None:
        return None
    labels, rest = _labels(line[name.end() :])
    words = rest.split()
    try:
        # What follows is a time, or an exemplar.
        value = float(words[0])
    except (ValueError, IndexError):
        return None
    family = next(_families(name[0], kinds), name[0])
    return Sample(name[0], labels, value, family, kinds.get(family, "untyped"))


def _families(name: str, kinds: Mapping[str, str]) -> Iterator[str]:
    """The names that a sample's type may have been declared for."""
    candidates = (name, *(name.removesuffix(part) for part in _PARTS if name.endswith(part)))
    return (candidate for candidate in candidates if candidate in kinds)


def _labels(rest: str) -> tuple[dict[str, str], str]:
    """The labels at the beginning, and what follows them."""
    rest = rest.lstrip()
    if not rest.startswith("{"):
        return {}, rest
    labels, place = {}, 1
    while (pair := _LABEL.match(rest, place)) is not None:
        labels[pair[1]] = _ESCAPE.sub(lambda escaped: "\n" if escaped[1] == "n" else escaped[1], pair[2])
        place = pair.end()
    return labels, rest[place:].lstrip(" ,").removeprefix("}")
