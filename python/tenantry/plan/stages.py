"""When the stages of load profiles begin and end, from a plan as plain JSON: that of a run to come, or of one that was stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import Any, NamedTuple

from tenantry.errors import UsageError
from tenantry.units import NS


class Stage(NamedTuple):
    """A stretch of a load profile in seconds since the start of the load; `flat`: the load asked for does not change within it."""

    start_s: float
    end_s: float
    flat: bool


class Course(NamedTuple):
    """The stages of one stream. A profile that was not written in stages has one, and `staged` is False."""

    stream: str
    scenarios: frozenset[str]
    stages: tuple[Stage, ...]
    staged: bool


def courses(streams: Iterable[Mapping[str, Any]]) -> list[Course]:
    """The course of each stream of a plan; one that begins after another is taken to begin when all of the other's time is over."""
    by_name = {str(stream.get("name")): stream for stream in streams}
    return [_course(stream, _begin_s(by_name, name)) for name, stream in by_name.items()]


def _begin_s(streams: Mapping[str, Mapping[str, Any]], name: str) -> float:
    begin, seen = 0.0, {name}
    while (before := str(streams[name].get("start_after"))) in streams and before not in seen:
        begin += _length_s(streams[before].get("profile") or {})
        seen.add(name := before)
    return begin + (streams[name].get("start_after_ns") or 0) / NS


def _length_s(profile: Mapping[str, Any]) -> float:
    return float(profile.get("duration_ns") or profile.get("max_duration_ns") or 0) / NS


def _course(stream: Mapping[str, Any], begin: float) -> Course:
    profile = stream.get("profile") or {}
    names = frozenset(str(pair[0]) for pair in stream.get("scenarios") or [])
    written = profile.get("stages")
    if not written:
        stages: tuple[Stage, ...] = (Stage(begin, begin + _length_s(profile), True),)
    else:
        bounds = accumulate((stage["duration_ns"] / NS for stage in written), initial=begin)
        levels = [profile.get("start", 0), *(stage.get("target") for stage in written)]
        stages = tuple(Stage(a, b, low == high) for (a, b), (low, high) in zip(pairwise(bounds), pairwise(levels), strict=True))
    return Course(str(stream.get("name")), names, stages, bool(written))


def stage_span(found: Iterable[Course], number: int, runs: Callable[[str], bool]) -> tuple[int, int]:
    """The whole seconds within stage `number` (from 1) of the streams with a scenario that `runs`; raises UsageError without one."""
    staged = [course for course in found if course.staged and any(map(runs, course.scenarios))]
    if not staged:
        raise UsageError("there is no load profile with stages", hint="leave out `in stage`, or name a scenario of one that has")
    having = [course.stages[number - 1] for course in staged if number <= len(course.stages)]
    if not having:
        most = max(len(course.stages) for course in staged)
        raise UsageError(f"there is no stage {number}", hint=f"there are {most}, counted from 1")
    spans = {(ceil(stage.start_s), floor(stage.end_s)) for stage in having}
    if len(spans) > 1:
        raise UsageError("several streams have stages of their own", hint='name the scenario, for example {scenario="checkout"}')
    ((start, end),) = spans
    if end <= start:
        raise UsageError(f"stage {number} has no whole second", hint="give it a duration, or choose another one")
    return start, end


def steady_load(found: Iterable[Course], until_s: float, changed: Sequence[Stage] = ()) -> tuple[int, int]:
    """The longest stretch of whole seconds, up to `until_s`, in which no stream changes the load it asks for.

    `changed`: stretches from one order of the user to the next; a pause is not flat.
    """
    edges, moving = {0.0, until_s}, [stage for stage in changed if not stage.flat]
    edges |= {stage.start_s for stage in changed}
    for course in found:
        ramps = [stage for stage in course.stages if not stage.flat]
        moving += ramps
        edges |= {course.stages[0].start_s, course.stages[-1].end_s, *(edge for ramp in ramps for edge in (ramp.start_s, ramp.end_s))}
    inside = sorted(edge for edge in edges if 0 <= edge <= until_s)
    quiet = [
        (ceil(start), floor(end))
        for start, end in pairwise(inside)
        if not any(ramp.start_s < end and start < ramp.end_s for ramp in moving)
    ]
    return max(quiet, key=lambda span: span[1] - span[0], default=(0, 0))
