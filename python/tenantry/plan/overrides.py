"""`--set KEY=VALUE`: a changed plan, without touching the file.

Keys of a stream are `scale`, which changes all rates and numbers of its load profile before anything else, the settings of that profile
(`rate`, `duration`, `vus`, ...) and `start_after`, with several streams as `STREAM.KEY`; keys of the plan are those of `PLAN_KEYS`;
`http.KEY` are settings of connections. `rate` and `duration` together replace a profile that has no rate by a constant_rate, `vus` and
`duration` one that has no fixed number of virtual users by a constant_vus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from tenantry.errors import UsageError
from tenantry.plan.breaker import breaker_share
from tenantry.plan.faults import Faults, Parser, factor, raise_all, some_duration, some_rate, zero_or_more
from tenantry.plan.http import change as change_http
from tenantry.plan.order import order_problems, start_after
from tenantry.plan.plan import Plan, Stream
from tenantry.plan.profile import Setting
from tenantry.plan.profiles import PROFILES, ConstantRate, ConstantVus, Profile
from tenantry.types import did_you_mean
from tenantry.units import NS

PLAN_KEYS: dict[str, tuple[str, Parser[Any]]] = {
    "rng_seed": ("rng_seed", zero_or_more),
    "request_timeout": ("request_timeout_ns", some_duration),
    "connect_timeout": ("connect_timeout_ns", some_duration),
    "breaker_share": ("breaker_share", breaker_share),
    "breaker_window": ("breaker_window_ns", some_duration),
}
STREAM_KEYS: dict[str, Setting] = {"start_after": ("start_after", start_after)}
PROFILE_KEYS = tuple(dict.fromkeys(key for profile in PROFILES for key in profile.settings))
SCALE = "scale"
HTTP = "http."
_FOR_ALL = (SCALE, "duration", "graceful_stop")


def parse_overrides(pairs: Iterable[str]) -> dict[str, str]:
    """`["rate=200/s", "duration=30s"]` as a dict; raises UsageError for a pair without `=` and for a key given twice."""
    found: dict[str, str] = {}
    faults: list[UsageError] = []
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key or not value:
            faults.append(UsageError("an override needs a key and a value", where=f"--set {pair}", hint="write --set rate=200/s"))
        elif key in found:
            faults.append(UsageError(f"{key} is set twice", where=f"--set {pair}", hint="keep one of them"))
        found[key] = value
    raise_all(faults)
    return found


def override(plan: Plan, overrides: Mapping[str, object]) -> tuple[Plan, list[UsageError]]:
    """The plan with `overrides` applied, and what is wrong with them."""
    faults: list[UsageError] = []
    per_stream: dict[str, dict[str, object]] = {stream.name: {} for stream in plan.streams}
    for key, value in overrides.items():
        note = Faults(f"--set {key}={value}")
        if key in PLAN_KEYS:
            field, parse = PLAN_KEYS[key]
            change: dict[str, Any] = {field: note.take(parse, value, key, 1)}
            plan = replace(plan, **change)
        elif key.startswith(HTTP) and not any(stream.name == HTTP.rstrip(".") for stream in plan.streams):
            plan = replace(plan, http=change_http(plan.http, key.removeprefix(HTTP), value, f"--set {key}={value}"))
        else:
            for stream, setting in _places(plan, key, note):
                per_stream[stream][setting] = value
        faults += note.found
    streams = tuple(_change_stream(stream, per_stream[stream.name], faults) for stream in plan.streams)
    moved = {stream.name: f"--set start_after={stream.start_after}" for stream in streams if "start_after" in per_stream[stream.name]}
    for name, what, hint in order_problems({stream.name: stream.start_after for stream in streams}):
        if name in moved:
            faults.append(UsageError(what, where=moved[name], hint=hint))
    return replace(plan, streams=streams), faults


def _places(plan: Plan, key: str, note: Faults) -> list[tuple[str, str]]:
    """The (stream, setting) pairs that a key means; none when it is wrong."""
    names = [stream.name for stream in plan.streams]
    prefix, dot, setting = key.rpartition(".")
    if dot and prefix not in names:
        note.add(f"there is no stream {prefix!r} in {plan.name}", did_you_mean(prefix, names))
    elif setting not in (known := (*PROFILE_KEYS, *STREAM_KEYS, SCALE)):
        note.add(f"unknown setting {setting!r}", did_you_mean(setting, [*known, *([] if dot else PLAN_KEYS)]))
    elif dot:
        return [(prefix, setting)]
    elif len(names) > 1 and setting not in _FOR_ALL:
        note.add(f"{plan.name} has several streams, each with its own {setting}", f"name one, for example {names[0]}.{setting}")
    else:
        return [(name, setting) for name in names]
    return []


def _change_stream(stream: Stream, settings: Mapping[str, object], faults: list[UsageError]) -> Stream:
    scale = Faults(f"--set {SCALE}={settings.get(SCALE)}")
    times = scale.take(factor, settings.get(SCALE, 1), SCALE, Fraction(1))
    stream = replace(stream, profile=stream.profile.scaled(times), scale=stream.scale * times)
    profile = _fitting(stream.profile, frozenset(settings) - {SCALE, *STREAM_KEYS})
    fine = not scale.found
    faults += scale.found
    for key, value in settings.items():
        note = Faults(f"--set {key}={value}")
        if key == SCALE:
            continue
        if key in STREAM_KEYS:
            field, parse = STREAM_KEYS[key]
            moved: dict[str, Any] = {field: note.take(parse, value, key, 0)}
            stream = replace(stream, **moved)
        elif key in profile.settings:
            field, parse = profile.settings[key]
            profile = replace(profile, **{field: note.take(parse, value, key, getattr(profile, field))})
        else:
            note.add(f"{key} does not fit {stream.name}, a {profile.kind} with {', '.join(profile.settings)}", _remedy(key, profile))
        fine = fine and not note.found
        faults += note.found
    if fine and settings and not profile.faults:
        where = " ".join(f"--set {key}={value}" for key, value in settings.items())
        faults += [UsageError(what, where=where, hint=hint) for what, hint in profile.problems()]
    return replace(stream, profile=profile)


def _fitting(profile: Profile, keys: frozenset[str]) -> Profile:
    """The profile itself, or one of another kind when the keys do not fit it but name another kind completely."""
    if keys <= frozenset(profile.settings):
        return profile
    stop, seconds = profile.graceful_stop_ns, max(profile.duration_ns, NS)
    if {"rate", "duration"} <= keys <= frozenset(ConstantRate.settings):
        unit = some_rate(1, "rate")
        made = getattr(profile, "pre_allocated_vus", None)
        vus: dict[str, Any] = {"max_vus": profile.max_vus, "pre_allocated_vus": made}
        return ConstantRate(rate=unit, duration_ns=seconds, **vus, graceful_stop_ns=stop, faults=profile.faults)
    if {"vus", "duration"} <= keys <= frozenset(ConstantVus.settings):
        return ConstantVus(vus=profile.max_vus, duration_ns=seconds, graceful_stop_ns=stop, faults=profile.faults)
    return profile


def _remedy(key: str, profile: Profile) -> str:
    if key == "rate":
        return "give a duration as well to run it as constant_rate: --set rate=200/s --set duration=30s"
    if key == "vus":
        return "give a duration as well to run it as constant_vus: --set vus=20 --set duration=30s"
    if key == "duration" and "max_duration" in profile.settings:
        return "the most that it may take is max_duration: --set max_duration=30s"
    if key == "duration":
        return "its length is that of its stages; give rate or vus as well to replace them"
    fitting = [kind.kind for kind in PROFILES if key in kind.settings]
    return f"{key} is a setting of {' and '.join(fitting)}; this one has {', '.join(profile.settings)}"
