"""Words and small values that every layer shares."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

Verdict = Literal["pass", "fail", "no_data", "invalid"]
Outcome = Literal["pass", "fail", "no_data"]

FAILURE_KINDS = (
    "dns",
    "refused",
    "connect",
    "connect_timeout",
    "tls",
    "timeout",
    "reset",
    "malformed",
    "truncated",
    "status",
    "check",
    "cancelled",
)
PHASES = ("blocked", "dns", "connect", "tls", "send", "wait", "receive")

_PACKAGE = str(Path(__file__).parent) + os.sep


class Location(NamedTuple):
    """A line of a user's file; prints as `file:line`, relative to the working directory where possible."""

    file: str
    line: int

    def __str__(self) -> str:
        path = Path(self.file)
        with suppress(ValueError, OSError):
            path = path.relative_to(Path.cwd())
        return f"{path}:{self.line}"


NOWHERE = Location("", 0)


def call_site() -> Location:
    """The nearest line on the stack that is not tenantry's own: where the user called."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return Location(frame.f_code.co_filename, frame.f_lineno)


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Half a sentence for a hint: the nearest known word, else all of them."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), known, 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(known)}" if known else "there are none"
