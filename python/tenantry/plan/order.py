"""Which stream begins after which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tenantry.errors import UsageError
from tenantry.plan.faults import any_duration
from tenantry.plan.profile import MOST_NS
from tenantry.types import did_you_mean

Start = int | str
"""Nanoseconds after the start of the load, or the name of the stream whose load must have ended."""

AT_ONCE: Start = 0


def start_after(value: object, what: str) -> Start:
    """A duration (`2m`, seconds), or anything else as the name of a scenario; raises UsageError for what is neither."""
    if isinstance(value, str) and value.strip() and not value.strip()[0].isdigit() and not value.startswith("-"):
        return value.strip()
    name = getattr(value, "name", None)
    if isinstance(name, str):
        return name
    delay = any_duration(value, what)
    if delay >= MOST_NS:
        raise UsageError(f"{what} {value!r} is too long", hint="write it as 30s, 5m or 1h30m")
    return delay


def order_problems(starts: Mapping[str, Start]) -> Iterator[tuple[str, str, str]]:
    """For each stream that can never begin: its name, what is wrong, and what to do."""
    for name, start in starts.items():
        if isinstance(start, int):
            continue
        if start not in starts:
            yield name, f"{name} starts after {start!r}, which has no load profile here", did_you_mean(start, [*starts])
        elif name in (circle := _followed(name, starts)):
            way = " after ".join([name, *circle])
            yield name, f"{name} would never start: {way}", "let one of them start without waiting for the others"


def _followed(name: str, starts: Mapping[str, Start]) -> list[str]:
    """The streams that one waits for, directly or not; the chain ends where it would repeat."""
    found: list[str] = []
    following = starts.get(name)
    while isinstance(following, str) and following not in found:
        found.append(following)
        following = starts.get(following)
    return found


def begins_ns(starts: Mapping[str, Start], lengths_ns: Mapping[str, int]) -> dict[str, int]:
    """When each stream begins, in nanoseconds after the start of the load, if every one takes all of its time."""

    def begin(name: str) -> int:
        chain = [name, *_followed(name, starts)]
        first = starts.get(chain[-1], 0)
        return sum(lengths_ns.get(other, 0) for other in chain[1:]) + (first if isinstance(first, int) else 0)

    return {name: begin(name) for name in starts}
