"""`@scenario` and the hooks `@setup`, `@teardown`, `@on_start`, `@on_stop`: functions of the user's file become parts of a workload."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, overload

from tenantry.errors import UsageError
from tenantry.plan.faults import Faults, some_duration
from tenantry.plan.order import AT_ONCE, Start
from tenantry.plan.order import start_after as read_start_after
from tenantry.plan.profiles import Profile
from tenantry.plan.tags import checked_tags
from tenantry.scenario.vu import Vu
from tenantry.types import NOWHERE, Location
from tenantry.units import NS

ScenarioFunction = Callable[[Vu], Coroutine[Any, Any, None]]
HookFunction = Callable[[Vu], Coroutine[Any, Any, Any]]
Hook = TypeVar("Hook", bound=HookFunction)

HOOK_MARK = "__tenantry_hook__"
HOOK_TIMEOUT = "60s"


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
    texts = {name: str(value) for name, value in _plain(note, "tags", given).items()}
    return note.take(checked_tags, texts, "tags", dict[str, str]())


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
        note = Faults(str(location) if location.file else "")
        kept = note.take(checked_tags, tags or {}, f"the tags of {title}", dict[str, str]())
        faults = (*_function_faults("scenario", title, function, location), *note.found)
        return Scenario(title, function, kept, location, faults)

    return make if function is None else make(function)


class HookMark(NamedTuple):
    """What a hook's decorator leaves on its function."""

    kind: str
    timeout_ns: int
    faults: tuple[UsageError, ...]


@overload
def setup(function: Hook, /) -> Hook: ...


@overload
def setup(*, timeout: str | float) -> Callable[[Hook], Hook]: ...


def setup(function: Hook | None = None, /, *, timeout: str | float = HOOK_TIMEOUT) -> Hook | Callable[[Hook], Hook]:
    """Run an async function once before the load; what it returns is `vu.shared`. An exception ends the run before any load.

    `@setup`, or `@setup(timeout="2m")`; the other hooks take a time-out as well.
    """
    return _hook("setup", function, timeout)


@overload
def teardown(function: Hook, /) -> Hook: ...


@overload
def teardown(*, timeout: str | float) -> Callable[[Hook], Hook]: ...


def teardown(function: Hook | None = None, /, *, timeout: str | float = HOOK_TIMEOUT) -> Hook | Callable[[Hook], Hook]:
    """Run an async function once after the load, also after Ctrl-C."""
    return _hook("teardown", function, timeout)


@overload
def on_start(function: Hook, /) -> Hook: ...


@overload
def on_start(*, timeout: str | float) -> Callable[[Hook], Hook]: ...


def on_start(function: Hook | None = None, /, *, timeout: str | float = HOOK_TIMEOUT) -> Hook | Callable[[Hook], Hook]:
    """Run an async function once for each virtual user, after `setup` and before the load; one that fails takes no part in it."""
    return _hook("on_start", function, timeout)


@overload
def on_stop(function: Hook, /) -> Hook: ...


@overload
def on_stop(*, timeout: str | float) -> Callable[[Hook], Hook]: ...


def on_stop(function: Hook | None = None, /, *, timeout: str | float = HOOK_TIMEOUT) -> Hook | Callable[[Hook], Hook]:
    """Run an async function once for each virtual user that took part, after the load and before `teardown`."""
    return _hook("on_stop", function, timeout)


def _hook(kind: str, function: Hook | None, timeout: str | float) -> Hook | Callable[[Hook], Hook]:
    note = Faults()
    timeout_ns = note.take(some_duration, timeout, f"the timeout of {kind}", NS)

    def mark(function: Hook) -> Hook:
        setattr(function, HOOK_MARK, HookMark(kind, timeout_ns, tuple(note.found)))
        return function

    return mark if function is None else mark(function)


def hook_mark(function: object) -> HookMark | None:
    """What a decorator left on the function; None when it is no hook."""
    mark = getattr(function, HOOK_MARK, None) if callable(function) else None
    return mark if isinstance(mark, HookMark) else None


def hook_timeout_s(function: HookFunction) -> float:
    """How many seconds a hook has."""
    mark = hook_mark(function)
    assert mark is not None
    return mark.timeout_ns / NS


def hook_faults(kind: str, function: HookFunction) -> list[UsageError]:
    """What is wrong with a hook and its options."""
    mark = hook_mark(function)
    return [*(mark.faults if mark else ()), *_function_faults(kind, getattr(function, "__name__", kind), function, _location(function))]


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
