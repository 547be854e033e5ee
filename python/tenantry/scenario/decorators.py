"""`@scenario`, `@setup`, `@teardown`: functions of the user's file become parts of a workload."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults
from tenantry.plan.order import AT_ONCE, Start
from tenantry.plan.order import start_after as read_start_after
from tenantry.plan.profiles import Profile
from tenantry.scenario.vu import Vu
from tenantry.types import NOWHERE, Location

ScenarioFunction = Callable[[Vu], Coroutine[Any, Any, None]]
HookFunction = Callable[[Vu], Coroutine[Any, Any, Any]]
Hook = TypeVar("Hook", bound=HookFunction)

HOOK_MARK = "__tenantry_hook__"


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """A named user journey: an async function of one virtual user."""

    name: str
    function: ScenarioFunction
    tags: Mapping[str, str] = field(default_factory=dict)
    location: Location = NOWHERE
    faults: tuple[UsageError, ...] = ()

    def at(
        self,
        profile: Profile,
        *,
        start_after: str | float | Scenario = 0,
        env: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ScenarioAt:
        """This scenario under its own load profile, for a workload of several side by side.

        `start_after`: a duration after the start of the load, or another scenario of the workload, whose load must have ended. `env`: text,
        numbers and truth values by name, which the scenario reads as `vu.env`. `tags`: text by name, stored with the run.
        """
        note = Faults()
        start = note.take(read_start_after, start_after, "start_after", AT_ONCE)
        return ScenarioAt(self, profile, start, _plain(note, "env", env), _texts(note, tags), tuple(note.found))

    def __call__(self, vu: Vu) -> Coroutine[Any, Any, None]:
        """Call the function, for a scenario that uses another one."""
        return self.function(vu)


@dataclass(frozen=True, slots=True)
class ScenarioAt:
    """A scenario with a load profile of its own, and what is its own besides."""

    scenario: Scenario
    profile: Profile
    start_after: Start = 0
    env: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[UsageError, ...] = ()


def _plain(note: Faults, what: str, given: object) -> dict[str, object]:
    """A mapping of names to text, numbers and truth values; notes what is none."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        note.add(f"{what} is {given!r}, not a mapping", f'write {what}={{"name": "value"}}')
        return {}
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, (str, int, float)):
            note.add(f"{what} has {name!r}: {value!r}, which is neither text nor a number by name", f'write {what}={{"name": "value"}}')
    return dict(given)


def _texts(note: Faults, given: object) -> dict[str, str]:
    return {name: str(value) for name, value in _plain(note, "tags", given).items()}


@overload
def scenario(function: ScenarioFunction, /) -> Scenario: ...


@overload
def scenario(*, name: str | None = None, tags: Mapping[str, str] | None = None) -> Callable[[ScenarioFunction], Scenario]: ...


def scenario(
    function: ScenarioFunction | None = None, /, *, name: str | None = None, tags: Mapping[str, str] | None = None
) -> Scenario | Callable[[ScenarioFunction], Scenario]:
    """Make an async function a scenario: `@scenario`, or `@scenario(name="booking", tags={"kind": "write"})`."""

    def make(function: ScenarioFunction) -> Scenario:
        title = str(name or getattr(function, "__name__", "scenario"))
        location = _location(function)
        return Scenario(title, function, dict(tags or {}), location, tuple(_function_faults("scenario", title, function, location)))

    return make if function is None else make(function)


def setup(function: Hook, /) -> Hook:
    """Run an async function once before the load; what it returns is `vu.shared`. An exception ends the run before any load."""
    return _mark(function, "setup")


def teardown(function: Hook, /) -> Hook:
    """Run an async function once after the load, also after Ctrl-C."""
    return _mark(function, "teardown")


def _mark(function: Hook, kind: str) -> Hook:
    setattr(function, HOOK_MARK, kind)
    return function


def hook_faults(kind: str, function: HookFunction) -> list[UsageError]:
    """What is wrong with a `setup` or `teardown` function."""
    return _function_faults(kind, getattr(function, "__name__", kind), function, _location(function))


def _function_faults(kind: str, name: str, function: Callable[..., object], location: Location) -> list[UsageError]:
    note = Faults(str(location) if location.file else "")
    inner = inspect.unwrap(function)
    if inspect.isasyncgenfunction(inner):
        note.add(f"the {kind} {name} has a yield", f"a {kind} awaits and returns; remove the yield")
    elif not inspect.iscoroutinefunction(inner):
        note.add(f"the {kind} {name} is not async", f"write async def {name}(vu)")
    elif not _takes_one(inner):
        note.add(f"the {kind} {name} does not take exactly one virtual user", f"write async def {name}(vu)")
    return note.found


def _takes_one(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True


def _location(function: Callable[..., object]) -> Location:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return Location(code.co_filename, code.co_firstlineno) if code is not None else NOWHERE
