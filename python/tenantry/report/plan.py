"""A plan as people and programs read it: what would be sent, and when."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tenantry.engine import schedule
from tenantry.plan.plan import Plan, Stream
from tenantry.plan.profiles import (
    ConstantRate,
    ConstantVus,
    PerVuIterations,
    PoissonRate,
    Profile,
    RampingRate,
    RampingVus,
    SharedIterations,
)
from tenantry.report.header import scale
from tenantry.units import write_duration

_MOST_STAGES = 4
_WIDTH = 80


def plan_document(plan: Plan) -> dict[str, object]:
    """The plan as one JSON document. `begin_ns` and `end_ns` of a stream are the latest ones; `iterations` is null where none are due."""
    begins = plan.begins_ns
    streams = [
        {
            "name": stream.name,
            "begin_ns": begins[stream.name],
            "end_ns": begins[stream.name] + stream.profile.duration_ns,
            "vus": len(plan.indexes(stream)),
            "iterations": None if stream.profile.iterations_due is None else round(stream.profile.iterations_due),
        }
        for stream in plan.streams
    ]
    return {"schema": 1, "plan": plan.as_dict() | {"target": plan.target or None}, "share": list(plan.share), "streams": streams}


def starts_document(plan: Plan) -> Iterator[str]:
    """Parts of `{"starts": {SCENARIO: [ns, ...]}, "vus": {STREAM: [[ns, count], ...]}}`, made as they are asked for."""
    times = schedule(plan)
    yield '{"starts": {'
    first = True
    for place, stream in enumerate(plan.streams):
        for name, _ in stream.scenarios if stream.profile.is_open else ():
            yield f"{'' if first else ', '}{_quoted(name)}: ["
            comma = ""
            for batch in times.starts(place, plan.scenarios.index(name)):
                yield comma + ", ".join(map(str, batch))
                comma = ", "
            yield "]"
            first = False
    yield '}, "vus": {'
    closed = [(stream.name, times.vus(place) or []) for place, stream in enumerate(plan.streams) if not stream.profile.is_open]
    yield ", ".join(f"{_quoted(name)}: {[list(step) for step in steps]}" for name, steps in closed)
    yield "}}\n"


def _quoted(name: str) -> str:
    import msgspec

    return msgspec.json.encode(name).decode()


def print_plan(plan: Plan, console: Console) -> None:
    """The plan for people, in at most 80 columns."""
    console.width = min(console.width, _WIDTH)
    console.print(_head(plan))
    console.print()
    console.print(_streams(plan))
    if any(len(stream.scenarios) > 1 for stream in plan.streams):
        console.print()
        console.print(_mixes(plan))
    console.print()
    console.print(Text("Thresholds", style="bold"))
    for threshold in plan.thresholds:
        console.print(Text(f"  {threshold}"))
        if threshold in plan.scaled_thresholds:
            console.print(Text(f"    scaled from {plan.scaled_thresholds[threshold]}", style="dim"))
    if not plan.thresholds:
        console.print(Text("  none"))


def _head(plan: Plan) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Workload", Text(plan.name))
    grid.add_row("Load", Text(f"{write_duration(plan.duration_ns)} at most, by up to {plan.max_vus:,} virtual users"))
    if scales := scale({stream.name: float(stream.scale) for stream in plan.streams}):
        grid.add_row("Scale", Text(scales))
    if plan.share != (0, 1):
        mine = sum(len(plan.indexes(stream)) for stream in plan.streams)
        grid.add_row("Share", Text(f"{plan.share[0] + 1} of {plan.share[1]}, with {mine:,} of them"))
    if plan.dataset is not None:
        grid.add_row("Dataset", Text(plan.dataset + (f", {plan.tenants:,} tenants" if plan.tenants is not None else "")))
    grid.add_row("rng_seed", Text(str(plan.rng_seed)))
    if plan.tags:
        grid.add_row("Tags", Text(", ".join(f"{name}={value}" for name, value in plan.tags.items())))
    return grid


def _streams(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=False)
    table.add_column("stream", overflow="fold")
    table.add_column("profile", overflow="fold")
    for title in ("begins", "lasts"):
        table.add_column(title, overflow="fold")
    for title in ("VUs", "iterations"):
        table.add_column(title, justify="right")
    for stream in plan.streams:
        profile = stream.profile
        table.add_row(
            Text(stream.name), Text(_what(profile)), Text(_begin(stream)), Text(_length(profile)), _vus(profile), _iterations(profile)
        )
    return table


def _what(profile: Profile) -> str:
    """The profile's kind, and what its numbers do."""
    match profile:
        case ConstantVus() | SharedIterations():
            return profile.kind
        case PerVuIterations():
            return f"{profile.kind}, {profile.iterations:,} each"
        case ConstantRate() | PoissonRate():
            return f"{profile.kind} {_rate(profile.rate)}"
        case RampingVus():
            return f"{profile.kind} {_stages(f'{profile.start:,}', [(stage.duration_ns, f'{stage.target:,}') for stage in profile.stages])}"
        case RampingRate():
            return f"{profile.kind} {_stages(_rate(profile.start), [(stage.duration_ns, _rate(stage.target)) for stage in profile.stages])}"


def _stages(start: str, stages: list[tuple[int, str]]) -> str:
    words = [f"{target} in {write_duration(length)}" if length else f"at once {target}" for length, target in stages[:_MOST_STAGES]]
    more = len(stages) - _MOST_STAGES
    return f"from {start} to " + ", ".join(words) + (f" and {more} more stages" if more > 0 else "")


def _rate(rate: Fraction) -> str:
    """`50/s`, or per minute or hour where that is a whole number."""
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3600)):
        if (rate * seconds).denominator == 1:
            return f"{int(rate * seconds):,}/{unit}"
    return f"{float(rate):,.4g}/s"


def _begin(stream: Stream) -> str:
    if isinstance(stream.start_after, str):
        return f"after {stream.start_after}"
    return f"after {write_duration(stream.start_after)}" if stream.start_after else "at once"


def _length(profile: Profile) -> str:
    most = "at most " if isinstance(profile, (SharedIterations, PerVuIterations)) else ""
    return most + write_duration(profile.duration_ns)


def _vus(profile: Profile) -> str:
    made = getattr(profile, "pre_allocated_vus", None)
    return f"{profile.max_vus:,}" if made is None or made == profile.max_vus else f"{made:,} to {profile.max_vus:,}"


def _iterations(profile: Profile) -> str:
    due = profile.iterations_due
    if due is None:
        return "as many as fit"
    return f"about {round(due):,}" if isinstance(due, Fraction) else f"{due:,}"


def _mixes(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("scenario", overflow="fold")
    table.add_column("share", justify="right")
    for stream in plan.streams:
        whole = sum(weight for _, weight in stream.scenarios)
        for name, weight in stream.scenarios if len(stream.scenarios) > 1 else ():
            table.add_row(Text(name), f"{weight / whole:.1%}".replace("%", " %"))
    return table
