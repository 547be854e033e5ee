"""The plan of one run: everything the engine needs to know that is not code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from tenantry.plan.drill import Drill
from tenantry.plan.grades import DEFAULT, Bounds
from tenantry.plan.http import HttpSettings
from tenantry.plan.order import Start, begins_ns
from tenantry.plan.profiles import Profile
from tenantry.plan.tenants import UNIFORM, TenantChoice
from tenantry.units import NS


class Metric(NamedTuple):
    """A metric that scripts fill; `kind` is counter, gauge, rate or trend."""

    name: str
    kind: str
    unit: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One load profile over a weighted mix of scenario names.

    It begins `start_after` nanoseconds after the start of the load or, with a name, when the load of that stream has ended. `env` is what
    its scenarios read as `vu.env`. `scale` is how many times as much its profile is as it was written, before other overrides.
    """

    name: str
    profile: Profile
    scenarios: tuple[tuple[str, float], ...]
    start_after: Start = 0
    env: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    scale: Fraction = Fraction(1)

    def as_dict(self) -> dict[str, object]:
        """`start_after` is a name or null, `start_after_ns` a length or null."""
        named = isinstance(self.start_after, str)
        return {
            "name": self.name,
            "profile": self.profile.as_dict(),
            "scenarios": [list(pair) for pair in self.scenarios],
            "start_after": self.start_after if named else None,
            "start_after_ns": None if named else self.start_after,
            "env": dict(self.env),
            "tags": dict(self.tags),
            "scale": float(self.scale),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A workload with all overrides applied, for one target.

    The error breaker stops the run when `breaker_share` of its requests fail for `breaker_window_ns`; a share of 0 switches it off.
    `tenants` is the number of tenants of the dataset to draw from; `allow` are hosts other than this machine that requests may go to;
    `drill` is what virtual users send when no script does; `share` is which part of the load this process has: its place (from 0), and how
    many there are. `scaled_thresholds` are those of `thresholds` whose limits follow the scale, each with its text as it was written.
    """

    name: str
    target: str
    streams: tuple[Stream, ...]
    scenarios: tuple[str, ...]
    thresholds: tuple[str, ...]
    dataset: str | None
    tenants: int | None
    rng_seed: int
    request_timeout_ns: int
    connect_timeout_ns: int
    http: HttpSettings = field(default_factory=HttpSettings)
    tenant_choice: TenantChoice = UNIFORM
    tenant_per: str = "vu"
    breaker_share: float = 0.9
    breaker_window_ns: int = 60 * NS
    grades: Bounds = DEFAULT
    tags: Mapping[str, str] = field(default_factory=dict)
    scenario_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tag_names: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    allow: tuple[str, ...] = ()
    drill: Drill | None = None
    share: tuple[int, int] = (0, 1)
    scaled_thresholds: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration_ns(self) -> int:
        """When the last stream ends at the latest, without its graceful stop."""
        begins = self.begins_ns
        return max((begins[stream.name] + stream.profile.duration_ns for stream in self.streams), default=0)

    @property
    def begins_ns(self) -> dict[str, int]:
        """When each stream begins at the latest, in nanoseconds after the start of the load."""
        starts = {stream.name: stream.start_after for stream in self.streams}
        return begins_ns(starts, {stream.name: stream.profile.duration_ns for stream in self.streams})

    @property
    def max_vus(self) -> int:
        """The most virtual users that can be busy at once."""
        return sum(stream.profile.max_vus for stream in self.streams)

    def indexes(self, stream: Stream) -> range:
        """The virtual users of a stream that belong to this process's share: every so many-th."""
        index, count = self.share
        vus = stream.profile.max_vus
        return range(index, vus, max(min(count, vus), 1)) if index < vus else range(0)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, for the manifest of the run."""
        return {
            "name": self.name,
            "target": self.target,
            "streams": [stream.as_dict() for stream in self.streams],
            "scenarios": list(self.scenarios),
            "thresholds": list(self.thresholds),
            "scaled_thresholds": dict(self.scaled_thresholds),
            "dataset": self.dataset,
            "tenants": self.tenants,
            "rng_seed": self.rng_seed,
            "request_timeout_ns": self.request_timeout_ns,
            "connect_timeout_ns": self.connect_timeout_ns,
            "http": self.http.as_dict(),
            "tenant_choice": str(self.tenant_choice),
            "tenant_per": self.tenant_per,
            "breaker_share": self.breaker_share,
            "breaker_window_ns": self.breaker_window_ns,
            "grades": self.grades.as_dict(),
            "tags": dict(self.tags),
            "scenario_tags": {name: dict(tags) for name, tags in self.scenario_tags.items()},
            "tag_names": list(self.tag_names),
            "metrics": {metric.name: {"kind": metric.kind, "unit": metric.unit} for metric in self.metrics},
            "allow": list(self.allow),
            "drill": self.drill.as_dict() if self.drill is not None else None,
            "duration_ns": self.duration_ns,
            "max_vus": self.max_vus,
            "processes": self.share[1],
        }
