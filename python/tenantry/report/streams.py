"""A stream of a stored plan in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantry.report.numbers import finite, plain
from tenantry.units import write_duration

_MOST_SCENARIOS = 12


def stream_line(stream: Mapping[str, Any]) -> str:
    """`mixed: constant rate, 200/s, for 2m; dashboard 35, booking 10`."""
    profile = stream.get("profile")
    profile = profile if isinstance(profile, Mapping) else {}
    words = [str(profile.get("kind") or "load").replace("_", " "), *_amounts(profile)]
    length = finite(profile.get("duration_ns"))
    if length:
        words.append(f"for {write_duration(round(length))}")
    return f"{stream.get('name') or 'load'}: {', '.join(words)}{_mix(stream)}"


def _amounts(profile: Mapping[str, Any]) -> list[str]:
    told = []
    if profile.get("rate"):
        told.append(f"{profile['rate']}/s" if str(profile["rate"]).isdigit() else str(profile["rate"]))
    for key, word in (("vus", "VUs"), ("iterations", "iterations"), ("max_vus", "VUs at most")):
        if finite(profile.get(key)) is not None:
            told.append(f"{plain(profile[key])} {word}")
    stages = profile.get("stages")
    if isinstance(stages, list) and stages:
        told.append(f"{len(stages)} stages")
    return told


def _mix(stream: Mapping[str, Any]) -> str:
    pairs = [pair for pair in stream.get("scenarios") or [] if isinstance(pair, list | tuple) and len(pair) == 2]
    if len(pairs) < 2:
        return ""
    shown = ", ".join(f"{name} {plain(weight)}" for name, weight in pairs[:_MOST_SCENARIOS])
    return f"; {shown}{f' and {len(pairs) - _MOST_SCENARIOS} more' if len(pairs) > _MOST_SCENARIOS else ''}"
