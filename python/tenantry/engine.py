"""The only importer of the native module: a plan becomes an engine, a virtual user a session."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from tenantry import __version__
from tenantry._core import Database, DatabaseError, Engine, Pending, Population, Row, Schedule, Session
from tenantry.metrics.builtin import GROUP_DURATION
from tenantry.plan.plan import Plan, Stream
from tenantry.plan.profiles import ConstantRate, PoissonRate, Profile, RampingRate

__all__ = ["Database", "DatabaseError", "Engine", "Pending", "Population", "Row", "Schedule", "Session", "open_engine", "schedule"]


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


def schedule(plan: Plan) -> Schedule:
    """The intended starts and numbers of virtual users of `plan`, as the engine would follow them; nothing is started."""
    return Schedule(msgspec.json.encode(_engine_plan(plan, Path())))


def _engine_plan(plan: Plan, folder: Path) -> dict[str, Any]:
    return {
        "target": plan.target,
        "allow": plan.allow,
        "folder": str(folder),
        "rng_seed": plan.rng_seed,
        "scenarios": plan.scenarios,
        "scenario_tags": [plan.scenario_tags.get(name, {}) for name in plan.scenarios],
        "metrics": [{"name": GROUP_DURATION, "kind": "trend", "unit": "s"}, *(metric._asdict() for metric in plan.metrics)],
        "streams": [_stream(stream, plan) for stream in plan.streams],
        "share": plan.share,
        "drill": plan.drill.for_engine() if plan.drill is not None else None,
        "request_timeout_ns": plan.request_timeout_ns,
        "http": plan.http.for_engine(plan.connect_timeout_ns),
        "user_agent": f"tenantry/{__version__}",
    }


def _stream(stream: Stream, plan: Plan) -> dict[str, Any]:
    names = [other.name for other in plan.streams]
    after = {"stream": names.index(stream.start_after)} if isinstance(stream.start_after, str) else {"delay_ns": stream.start_after}
    return {
        "name": stream.name,
        "profile": _profile(stream.profile),
        "mix": [(plan.scenarios.index(name), weight) for name, weight in stream.scenarios],
        "start_after": after,
        "graceful_stop_ns": stream.profile.graceful_stop_ns,
        "pre_allocated_vus": getattr(stream.profile, "pre_allocated_vus", None),
    }


def _profile(profile: Profile) -> dict[str, Any]:
    plain = profile.as_dict()
    match profile:
        case ConstantRate() | PoissonRate():
            return {**plain, "rate": profile.rate.as_integer_ratio()}
        case RampingRate():
            stages = [{"duration_ns": stage.duration_ns, "target": stage.target.as_integer_ratio()} for stage in profile.stages]
            return {**plain, "start": profile.start.as_integer_ratio(), "stages": stages}
        case _:
            return plain
