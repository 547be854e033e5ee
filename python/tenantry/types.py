"""Words and small values that every layer shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict

Verdict = Literal["pass", "fail", "no_data", "invalid"]
Outcome = Literal["pass", "fail", "no_data"]
Grade = Literal["good", "warning", "poor", "critical"]

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
    "too_large",
    "redirect",
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


class SessionOptions(TypedDict):
    """What the engine needs to know of a virtual user: its stream, its place in it, its number, its tenant (-1: none), its headers."""

    stream: int
    index: int
    vu: int
    tenant: int
    headers: Sequence[tuple[str, str]]
    recorded: bool


Order = tuple[Literal["hire", "interrupt", "cut_off"], int, int]
"""What the engine wants done while the load runs: make a virtual user that an iteration waits for, interrupt the iteration of one that the
ramp took away, interrupt all of a stream; the index of the stream, and of the virtual user in it."""


OrderWord = Literal["rate", "vus", "pause", "resume", "stop"]
"""What a user may want of a run that goes on; also the kinds of the events that note it."""


class RequestOptions(TypedDict, total=False):
    """What the engine takes beyond method and URL of a request: series, body, headers, and how it is to be sent.

    `parts`: a body of bytes and files, each file with its length. `coding`: the content coding that `body` gets. `most_body`: the longest
    body of the response in bytes. `digest`: name and password.
    """

    name: str
    group: str
    tags: dict[str, str] | None
    body: bytes
    parts: Sequence[bytes | tuple[str, int]]
    content_type: str
    coding: str
    headers: Mapping[str, str]
    expect: tuple[int, ...]
    timeout_s: float
    redirects: int
    retries: int
    digest: tuple[str, str]
    discard: bool
    most_body: int


class Progress(TypedDict):
    """The engine's figures of the moment: counts since the start of the load, times of the last full second (-1: none)."""

    due: int
    started: int
    completed: int
    failed: int
    errors: int
    dropped: int
    requests: int
    failures: int
    checks_passed: int
    checks_failed: int
    tenants: int
    elapsed_ns: int
    busy_vus: int
    response_p50_ns: int
    response_p95_ns: int
    response_p99_ns: int
    start_delay_p99_ns: int
    loop_busy: float
    io_busy: float
