"""A workload: scenarios, load profiles, thresholds, a population; and the plan it makes for one target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tenantry.errors import UsageError
from tenantry.metrics.declare import CustomMetric, twice
from tenantry.plan import breaker
from tenantry.plan.declared import Declared, Loadable
from tenantry.plan.faults import Faults, raise_all, some_duration, zero_or_more
from tenantry.plan.grades import DEFAULT, Bounds
from tenantry.plan.http import HttpSettings
from tenantry.plan.order import Start, order_problems
from tenantry.plan.overrides import override
from tenantry.plan.plan import Metric, Plan, Stream
from tenantry.plan.profiles import PROFILES, Profile
from tenantry.plan.tags import checked_tags
from tenantry.plan.tenants import UNIFORM, TenantChoice
from tenantry.scenario.decorators import HookFunction, Scenario, ScenarioAt
from tenantry.scenario.population import Dataset
from tenantry.types import NOWHERE, Location, call_site, did_you_mean
from tenantry.units import NS

TENANT_CHOICES = ("uniform",)
TENANT_PER = ("vu", "iteration")
_ONE_SHAPE = "write workload(mix({a: 3, b: 1}), PROFILE), workload(a, PROFILE) or workload(a.at(PROFILE), b.at(PROFILE))"


@dataclass(frozen=True, slots=True)
class Mix:
    """Scenarios with weights: each iteration is one of them, drawn in proportion."""

    weights: tuple[tuple[Scenario, float], ...]
    faults: tuple[UsageError, ...] = ()


def mix(weights: Mapping[Scenario, float], /) -> Mix:
    """Scenarios by weight: `mix({dashboard: 35, booking: 10})`; only the proportions matter, zero leaves one out."""
    note = Faults()
    good: list[tuple[Scenario, float]] = []
    pairs: Iterable[tuple[object, object]] = weights.items()
    for part, weight in pairs:
        name = _name(part)
        if not isinstance(part, Scenario):
            note.add(f"{name} in the mix is not a scenario", f"put @scenario above {name}")
        elif isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
            note.add(f"the weight of {name} is {weight!r}, not a number", f"write mix({{{name}: 35}})")
        elif weight < 0:
            note.add(f"the weight of {name} is {weight}; it must be zero or more", f"write mix({{{name}: 35}})")
        else:
            good.append((part, float(weight)))
    if not weights:
        note.add("the mix is empty", "give it scenarios with weights: mix({dashboard: 35, booking: 10})")
    elif not note.found and not any(weight for _, weight in good):
        note.add("all weights of the mix are zero", "give at least one scenario a weight above zero")
    return Mix(tuple(good), tuple(note.found))


@dataclass(frozen=True, slots=True)
class Part:
    """One load profile over weighted scenarios; `name` None means the workload's own name."""

    name: str | None
    profile: Profile
    weights: tuple[tuple[Scenario, float], ...]
    start_after: Start = 0
    env: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a run does, apart from the target. Made by `workload`, named and completed by `load_workload`."""

    parts: tuple[Part, ...]
    name: str = "workload"
    dataset: Dataset | None = None
    thresholds: tuple[str, ...] = ()
    rng_seed: int = 1
    request_timeout_ns: int = 60 * NS
    connect_timeout_ns: int = 10 * NS
    http: HttpSettings = field(default_factory=HttpSettings)
    tags: Mapping[str, str] = field(default_factory=dict)
    tenant_choice: TenantChoice = UNIFORM
    tenant_per: str = "vu"
    breaker_share: float = 0.9
    breaker_window_ns: int = 60 * NS
    grades: Bounds = DEFAULT
    tag_names: tuple[str, ...] = ()
    metrics: tuple[CustomMetric, ...] = ()
    feeders: tuple[Loadable, ...] = ()
    hooks: Mapping[str, HookFunction] = field(default_factory=dict)
    location: Location = NOWHERE
    faults: tuple[UsageError, ...] = ()

    @property
    def setup(self) -> HookFunction | None:
        """The function that runs once before the load."""
        return self.hooks.get("setup")

    @property
    def teardown(self) -> HookFunction | None:
        """The function that runs once after the load."""
        return self.hooks.get("teardown")

    @property
    def scenarios(self) -> dict[str, Scenario]:
        """Every scenario by name."""
        return {scenario.name: scenario for part in self.parts for scenario, _ in part.weights}

    def draft(
        self, *, target: str, overrides: Mapping[str, object] | None = None, tenants: int | None = None
    ) -> tuple[Plan, list[UsageError]]:
        """The plan, and everything that is wrong with the workload and the overrides; the plan is good only without faults."""
        plan = Plan(
            name=self.name,
            target=target,
            streams=tuple(_stream(part, self.name) for part in self.parts),
            scenarios=tuple(self.scenarios),
            thresholds=self.thresholds,
            dataset=self.dataset.name if self.dataset is not None else None,
            tenants=tenants if self.dataset is not None else None,
            rng_seed=self.rng_seed,
            request_timeout_ns=self.request_timeout_ns,
            connect_timeout_ns=self.connect_timeout_ns,
            http=self.http,
            tenant_choice=self.tenant_choice,
            tenant_per=self.tenant_per,
            breaker_share=self.breaker_share,
            breaker_window_ns=self.breaker_window_ns,
            grades=self.grades,
            tags=self.tags,
            scenario_tags=_scenario_tags(self.parts),
            tag_names=tuple(dict.fromkeys([*(tag for tags in _scenario_tags(self.parts).values() for tag in tags), *self.tag_names])),
            metrics=tuple(Metric(metric.name, metric.kind, metric.unit) for metric in self.metrics),
        )
        if not self.parts:
            return plan, list(self.faults)
        changed, faults = override(plan, overrides or {})
        if any(stream.scale != 1 for stream in changed.streams):
            from tenantry.thresholds.scaling import scale_limits

            changed, unscaled = scale_limits(changed, plan.streams, where=str(self.location))
            faults += unscaled
        return changed, [*self.faults, *faults, *changed.http.faults]

    def plan(self, *, target: str, overrides: Mapping[str, object] | None = None, tenants: int | None = None) -> Plan:
        """The plan for `target` with `--set` overrides, over `tenants` tenants of the dataset; raises all faults together."""
        plan, faults = self.draft(target=target, overrides=overrides, tenants=tenants)
        raise_all(faults)
        return plan


def _scenario_tags(parts: Iterable[Part]) -> dict[str, dict[str, str]]:
    """The tags of each scenario that has any: its own, with those of `scenario.at(...)`, which win."""
    found = {scenario.name: {**scenario.tags, **part.tags} for part in parts for scenario, _ in part.weights}
    return {name: tags for name, tags in found.items() if tags}


def _stream(part: Part, name: str) -> Stream:
    weights = tuple((scenario.name, weight) for scenario, weight in part.weights if weight > 0)
    return Stream(part.name or name, part.profile, weights, part.start_after, part.env, part.tags)


def workload(
    *parts: Mix | Scenario | ScenarioAt | Profile,
    dataset: Dataset | None = None,
    thresholds: Sequence[str] = (),
    rng_seed: int = 1,
    request_timeout: str | float = "60s",
    connect_timeout: str | float = "10s",
    http: HttpSettings | None = None,
    tags: Mapping[str, str] | None = None,
    tag_names: Sequence[str] = (),
    tenant_choice: str | TenantChoice = "uniform",
    tenant_per: str = "vu",
    breaker_share: str | float = breaker.SHARE,
    breaker_window: str | float = breaker.WINDOW,
    grades: Bounds | None = None,
) -> Workload:
    """A workload: `workload(mix({...}), PROFILE)`, `workload(SCENARIO, PROFILE)` or `workload(a.at(PROFILE), b.at(PROFILE))`.

    `dataset`: the population that virtual users are drawn from. `thresholds`: conditions such as `response_time p95 < 500ms`.
    `http`: settings of connections, made by `tenantry.http.http_settings`.
    `rng_seed`: makes every choice of the run reproducible. `tenant_choice`: `uniform`, or `zipf` or `by_tier` of `tenantry.tenants`.
    `tag_names`: tags of groups and requests that thresholds may ask for; those of scenarios are known.
    `tenant_per`: whether a virtual user keeps its tenant (`vu`) or draws one for each `iteration`. `breaker_share`, `breaker_window`: a
    run stops when so many of its requests fail for so long; a share of `off` lets it go on. `grades`: where good, warning and critical lie,
    made by `tenantry.grades.bounds`. Faults are noted, and raised together when a plan is asked for.
    """
    site = call_site()
    note = Faults(str(site))
    found = _parts(parts, note)
    choice = _tenant_choice(tenant_choice, note)
    if tenant_per not in TENANT_PER:
        note.add(f"unknown tenant_per {tenant_per!r}", did_you_mean(str(tenant_per), TENANT_PER))
    if dataset is None and (choice is not UNIFORM or tenant_per != "vu"):
        note.add("tenants cannot be drawn without a population", "give the workload one: workload(..., dataset=...)")
    if dataset is not None and not isinstance(getattr(dataset, "name", None), str):
        note.add(f"dataset is {dataset!r}, not a dataset", "give the dataset object itself, not its name")
        dataset = None
    texts = (thresholds,) if isinstance(thresholds, str) else tuple(thresholds)
    note.found += [UsageError(f"threshold {text!r} is not text", where=str(site)) for text in texts if not isinstance(text, str)]
    return Workload(
        parts=tuple(found),
        dataset=dataset,
        thresholds=tuple(text for text in texts if isinstance(text, str)),
        rng_seed=note.take(zero_or_more, rng_seed, "rng_seed", 1),
        request_timeout_ns=note.take(some_duration, request_timeout, "request_timeout", NS),
        connect_timeout_ns=note.take(some_duration, connect_timeout, "connect_timeout", NS),
        http=http or HttpSettings(),
        tags=note.take(checked_tags, tags or {}, "the tags of the workload", dict[str, str]()),
        tag_names=tuple(note.take(checked_tags, dict.fromkeys(tag_names, ""), "tag_names", dict[str, str]())),
        tenant_choice=choice,
        tenant_per=tenant_per,
        breaker_share=note.take(breaker.breaker_share, breaker_share, "breaker_share", 0.9),
        breaker_window_ns=note.take(some_duration, breaker_window, "breaker_window", NS),
        grades=_grades(grades, note),
        location=site,
        faults=(*_inner_faults(parts, found), *note.found),
    )


def _tenant_choice(given: str | TenantChoice, note: Faults) -> TenantChoice:
    if not isinstance(given, str):
        note.found += given.faults
        return given
    if given not in TENANT_CHOICES:
        note.add(f"unknown tenant_choice {given!r}", did_you_mean(given, (*TENANT_CHOICES, "zipf(...)", "by_tier(...)")))
    return UNIFORM


def _grades(given: object, note: Faults) -> Bounds:
    if isinstance(given, Bounds):
        note.found += given.faults
        return given
    if given is not None:
        note.add(f"grades are {given!r}, not bounds", 'make them with tenantry.grades: bounds(p95=("100ms", "300ms", "2s"))')
    return DEFAULT


def _parts(parts: Sequence[object], note: Faults) -> list[Part]:
    """The load profiles with their scenarios; notes every shape that is none of the three."""
    match parts:
        case [Mix() as mixed, profile] if isinstance(profile, PROFILES):
            found = [Part(None, profile, mixed.weights)]
        case [Scenario() as only, profile] if isinstance(profile, PROFILES):
            found = [Part(None, profile, ((only, 1.0),))]
        case [ScenarioAt(), *_] if all(isinstance(part, ScenarioAt) for part in parts):
            found = [_side_by_side(part) for part in parts if isinstance(part, ScenarioAt)]
        case _:
            note.add(_shape(parts), _ONE_SHAPE)
            found = []
    _check_names(found, note)
    for _, what, hint in order_problems({part.name: part.start_after for part in found if part.name}):
        note.add(what, hint)
    return _with_profiles(found, note)


def _side_by_side(part: ScenarioAt) -> Part:
    return Part(part.scenario.name, part.profile, ((part.scenario, 1.0),), part.start_after, part.env, part.tags)


def _shape(parts: Sequence[object]) -> str:
    if not parts:
        return "the workload is empty"
    if len(parts) == 1 and isinstance(parts[0], (Mix, Scenario)):
        return "the workload has no load profile"
    plain = [_name(part) for part in parts if callable(part) and not isinstance(part, Scenario)]
    if plain:
        return f"{plain[0]} is not a scenario but a plain function without @scenario"
    return f"the workload is made of {', '.join(type(part).__name__ for part in parts)}"


def _with_profiles(parts: list[Part], note: Faults) -> list[Part]:
    wrong = [part for part in parts if not isinstance(part.profile, PROFILES)]
    for part in wrong:
        note.add(f"the load profile of {part.name} is {part.profile!r}", 'give one such as constant_vus(50, "5m")')
    return [part for part in parts if part not in wrong]


def _check_names(parts: list[Part], note: Faults) -> None:
    owners: dict[str, Scenario] = {}
    for part in parts:
        for scenario, _ in part.weights:
            other = owners.setdefault(scenario.name, scenario)
            if other is not scenario:
                note.add(
                    f"two scenarios are named {scenario.name}: {other.location} and {scenario.location}",
                    'give one another name: @scenario(name="...")',
                )
    names = [part.name for part in parts if part.name and part.weights[0][0] is owners[part.name]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        note.add(f"scenario {name} has more than one load profile", "give it one, or make a second scenario with another name")


def _inner_faults(parts: Sequence[object], found: list[Part]) -> list[UsageError]:
    """What the parts have noted themselves: the mix, the profiles, the scenarios."""
    faults = [fault for part in parts if isinstance(part, (Mix, ScenarioAt)) for fault in part.faults]
    for part in found:
        faults += getattr(part.profile, "faults", ())
        faults += [fault for scenario, _ in part.weights for fault in scenario.faults]
    if not found:
        faults += [fault for part in parts for fault in getattr(part, "faults", ())]
    return faults


def _name(part: object) -> str:
    return str(getattr(part, "name", None) or getattr(part, "__name__", None) or repr(part))


def named(
    found: Workload, name: str, hooks: Mapping[str, HookFunction], declared: Sequence[Declared], faults: Sequence[UsageError]
) -> Workload:
    """The workload as the loader completes it."""
    metrics = [thing for thing in declared if isinstance(thing, CustomMetric)]
    feeders = tuple(thing for thing in declared if isinstance(thing, Loadable))
    return replace(found, name=name, hooks=hooks, metrics=tuple(metrics), feeders=feeders, faults=(*found.faults, *faults, *twice(metrics)))
