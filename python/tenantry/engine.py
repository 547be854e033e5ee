"""The only importer of the native module: a plan becomes an engine, a virtual user a session."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tenantry import __version__
from tenantry._core import Database, DatabaseError, Engine, Pending, Population, Row, Session
from tenantry.metrics.builtin import GROUP_DURATION
from tenantry.plan.plan import Plan, Stream
from tenantry.plan.profiles import ConstantRate, ConstantVus, Profile, RampingVus

__all__ = ["Database", "DatabaseError", "Engine", "Pending", "Population", "Row", "Session", "open_engine"]


def open_engine(plan: Plan, folder: Path) -> Engine:
    """Start the engine's threads for `plan`, writing into `folder`; its completions are handled by the running event loop.

    The load begins with `Engine.start`; `close_engine` ends it. Raises UsageError for a plan that the engine refuses, EnvironmentFault
    when the system refuses a thread, a descriptor or the folder.
    """
    loop = asyncio.get_running_loop()
    engine = Engine(msgspec.json.encode(_engine_plan(plan, folder)), loop)
    loop.add_reader(engine.fileno(), engine.drain)
    return engine


def close_engine(engine: Engine) -> None:
    """End the engine's threads; what was measured is on disk then."""
    asyncio.get_running_loop().remove_reader(engine.fileno())
    engine.finish()


def _engine_plan(plan: Plan, folder: Path) -> dict[str, Any]:
    return {
        "target": plan.target,
        "allow": plan.allow,
        "folder": str(folder),
        "rng_seed": plan.rng_seed,
        "scenarios": plan.scenarios,
        "scenario_tags": [plan.scenario_tags.get(name, {}) for name in plan.scenarios],
        "metrics": [{"name": GROUP_DURATION, "kind": "trend", "unit": "s"}, *(metric._asdict() for metric in plan.metrics)],
        "streams": [_stream(stream, plan.scenarios) for stream in plan.streams],
        "request_timeout_ns": plan.request_timeout_ns,
        "connect_timeout_ns": plan.connect_timeout_ns,
        "user_agent": f"tenantry/{__version__}",
    }


def _stream(stream: Stream, scenarios: tuple[str, ...]) -> dict[str, Any]:
    mix = [(scenarios.index(name), weight) for name, weight in stream.scenarios]
    return {"name": stream.name, "profile": _profile(stream.profile), "mix": mix}


def _profile(profile: Profile) -> dict[str, Any]:
    match profile:
        case ConstantVus():
            return {"kind": profile.kind, "vus": profile.vus, "duration_ns": profile.duration_ns}
        case RampingVus():
            stages = [{"duration_ns": stage.duration_ns, "target": stage.target} for stage in profile.stages]
            return {"kind": profile.kind, "start": profile.start, "stages": stages}
        case ConstantRate():
            rate = (profile.rate.numerator, profile.rate.denominator)
            return {"kind": profile.kind, "rate": rate, "duration_ns": profile.duration_ns, "max_vus": profile.max_vus}
