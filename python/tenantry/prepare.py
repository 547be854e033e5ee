"""Before the first request: load the workload, apply overrides, parse thresholds, check the target; report every fault together."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from tenantry.errors import UsageError
from tenantry.plan.closed import PerVuIterations, SharedIterations
from tenantry.plan.faults import Faults, raise_all
from tenantry.plan.plan import Plan
from tenantry.safety import check_host, check_target
from tenantry.scenario.loader import is_file, load_workload
from tenantry.scenario.workload import Workload
from tenantry.thresholds.check import check_thresholds
from tenantry.thresholds.model import Threshold

# A name and password in the URL of a proxy.
_SECRET = re.compile(r"://[^/]*@")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a run needs, checked.

    `spec` is what the workload was loaded from, so that other processes can load it as well; `overrides` are those that its plan has.
    """

    workload: Workload
    plan: Plan
    thresholds: tuple[Threshold, ...]
    spec: str = ""
    overrides: Mapping[str, object] = field(default_factory=dict)

    @property
    def source(self) -> dict[str, object] | None:
        """What it takes to prepare the same again, as JSON, from whatever folder; None for a load without a workload's file or module."""
        place, colon, name = self.spec.strip().partition(":")
        if not place:
            return None
        spec = f"{Path(place).resolve()}{colon}{name}" if is_file(place) else self.spec.strip()
        told = {key: str(value) for key, value in self.overrides.items() if not _SECRET.search(str(value))}
        return {"workload": spec, "set": told}


def prepare(
    spec: str,
    *,
    target: str | None,
    overrides: Mapping[str, object] | None = None,
    tenants: int | None = None,
    allow: Collection[str] = (),
    confirm: str | None = None,
    environment: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Prepared:
    """The workload of `FILE:WORKLOAD` and its plan for `target`; raises UsageError, UnsafeTarget or UsageErrors, and sends nothing.

    `allow`, `confirm` and `environment` are those of `tenantry.safety.check_target`; `tenants` is the number of tenants to draw from;
    `tags` join those of the workload.
    """
    workload = load_workload(spec)
    faults: list[UsageError] = []
    origin = _origin(target, allow, confirm, environment, faults)
    faults += [fault for feeder in workload.feeders for fault in feeder.load()]
    prepared = _resolved(workload, origin, overrides, tenants, faults)
    plan = prepared.plan
    raise_all(_detours(plan, allow))
    plan = replace(plan, allow=tuple(allow), tags={**plan.tags, **(tags or {})})
    return replace(prepared, plan=plan, spec=spec, overrides=dict(overrides or {}))


def shared_out(prepared: Prepared, processes: int | None) -> Prepared:
    """The same load from so many processes (None: one for each core that this one may use); raises UsageErrors when it cannot be shared.

    The share of the plan is that of the first process.
    """
    plan = prepared.plan
    count = min(cores(), plan.max_vus) if processes is None else processes
    note = Faults("--processes" if processes is None else f"--processes {processes}")
    if count > plan.max_vus:
        note.add(f"there are {plan.max_vus} virtual users to share out", f"give at most {plan.max_vus}")
    counted = {stream.name for stream in plan.streams if isinstance(stream.profile, SharedIterations | PerVuIterations)}
    for stream in plan.streams if count > 1 else ():
        if stream.start_after in counted:
            what = f"{stream.name} begins when the last iteration of {stream.start_after} has ended, which no process sees of the others"
            note.add(what, 'write its start_after as a time, such as "60s", or use one process')
    raise_all(note.found)
    return replace(prepared, plan=replace(plan, share=(0, count)))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _detours(plan: Plan, allow: Collection[str]) -> list[UsageError]:
    """Addresses that names or a proxy lead to: each must be one that load may go to, or belong to a host that was allowed by name."""
    faults: list[UsageError] = []
    places = {f"http hosts {name}": address for name, address in plan.http.hosts.items() if name not in allow}
    if plan.http.proxy is not None:
        places["http proxy"] = urlsplit(plan.http.proxy).hostname or ""
    for what, host in places.items():
        try:
            check_host(host, allow=allow, what=what)
        except UsageError as fault:
            faults.append(fault)
    return faults


def prepare_plan(spec: str, *, overrides: Mapping[str, object] | None = None, tenants: int | None = None) -> Prepared:
    """The workload and its plan without a target, to be looked at; raises UsageError or UsageErrors."""
    return _resolved(load_workload(spec), "", overrides, tenants, [])


def _resolved(
    workload: Workload, origin: str, overrides: Mapping[str, object] | None, tenants: int | None, faults: list[UsageError]
) -> Prepared:
    plan, more = workload.draft(target=origin, overrides=overrides, tenants=tenants)
    faults += more
    thresholds, more = check_thresholds(plan.as_dict(), where=str(workload.location))
    raise_all(faults + more)
    return Prepared(workload, plan, tuple(thresholds))


def _origin(
    target: str | None, allow: Collection[str], confirm: str | None, environment: Mapping[str, str] | None, faults: list[UsageError]
) -> str:
    try:
        if target is None:
            raise UsageError("there is no target", hint='give --target http://127.0.0.1:8000, or target = "..." in tenantry.toml')
        return check_target(target, allow=allow, confirm=confirm, environment=environment)
    except UsageError as fault:
        faults.append(fault)
        return ""
