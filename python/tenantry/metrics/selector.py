"""What picks some of a metric's values: `{tag=value}`, `{tag!=value}`, `{tag=~pattern}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

MATCHES = ("=", "!=", "=~")


class Selector(NamedTuple):
    """One tag and what its value must be: equal to `value`, unequal, or fitting it as a regular expression from end to end."""

    tag: str
    op: str
    value: str

    def fits(self, value: str) -> bool:
        """Whether a value of the tag is picked."""
        match self.op:
            case "=":
                return value == self.value
            case "!=":
                return value != self.value
            case _:
                return re.fullmatch(self.value, value) is not None

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.tag}{self.op}"{escaped}"'


Selectors = tuple[Selector, ...]


def exactly(tags: Mapping[str, str]) -> Selectors:
    """Selectors that ask for these values."""
    return tuple(Selector(tag, "=", value) for tag, value in tags.items())
