"""The plan of one run: everything the engine needs to know that is not code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

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
    """One load profile over a weighted mix of scenario names."""

    name: str
    profile: Profile
    scenarios: tuple[tuple[str, float], ...]

    def as_dict(self) -> dict[str, object]:
        return {"name": self.name, "profile": self.profile.as_dict(), "scenarios": [list(pair) for pair in self.scenarios]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A workload with all overrides applied, for one target.

    The error breaker stops the run when `breaker_share` of its requests fail for `breaker_window_ns`; a share of 0 switches it off.
    `tenants` is the number of tenants of the dataset to draw from; `allow` are hosts other than this machine that requests may go to.
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
    tenant_choice: TenantChoice = UNIFORM
    tenant_per: str = "vu"
    breaker_share: float = 0.9
    breaker_window_ns: int = 60 * NS
    tags: Mapping[str, str] = field(default_factory=dict)
    scenario_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    allow: tuple[str, ...] = ()

    @property
    def duration_ns(self) -> int:
        """Length of the longest stream, without its graceful stop."""
        return max((stream.profile.duration_ns for stream in self.streams), default=0)

    @property
    def max_vus(self) -> int:
        """The most virtual users that can be busy at once."""
        return sum(stream.profile.max_vus for stream in self.streams)

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, for the manifest of the run."""
        return {
            "name": self.name,
            "target": self.target,
            "streams": [stream.as_dict() for stream in self.streams],
            "scenarios": list(self.scenarios),
            "thresholds": list(self.thresholds),
            "dataset": self.dataset,
            "tenants": self.tenants,
            "rng_seed": self.rng_seed,
            "request_timeout_ns": self.request_timeout_ns,
            "connect_timeout_ns": self.connect_timeout_ns,
            "tenant_choice": str(self.tenant_choice),
            "tenant_per": self.tenant_per,
            "breaker_share": self.breaker_share,
            "breaker_window_ns": self.breaker_window_ns,
            "tags": dict(self.tags),
            "scenario_tags": {name: dict(tags) for name, tags in self.scenario_tags.items()},
            "metrics": {metric.name: {"kind": metric.kind, "unit": metric.unit} for metric in self.metrics},
            "allow": list(self.allow),
            "duration_ns": self.duration_ns,
            "max_vus": self.max_vus,
        }
