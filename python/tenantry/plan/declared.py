"""What a scenario file declares beside its workload (metrics, feeders), collected while the file is imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

from tenantry.errors import UsageError
from tenantry.plan.faults import raise_all
from tenantry.types import Location


class Declared(Protocol):
    """Something that a file declares: where, and what is wrong with it."""

    @property
    def location(self) -> Location: ...

    @property
    def faults(self) -> tuple[UsageError, ...]: ...


@runtime_checkable
class Loadable(Declared, Protocol):
    """Something whose content is read before the run."""

    def load(self) -> list[UsageError]:
        """Read it; returns what is wrong with it."""
        ...

    def fingerprint(self) -> str:
        """What tells whether another process has read the same."""
        ...

    def cut(self, index: int, count: int) -> None:
        """Keep to the part of process `index` (from 0) of `count`."""
        ...


T = TypeVar("T", bound=Declared)

_found: ContextVar[list[Declared] | None] = ContextVar("tenantry declared", default=None)


@contextmanager
def collecting() -> Iterator[list[Declared]]:
    """Everything that is declared inside the block; its faults are left to the caller."""
    found: list[Declared] = []
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)


def declare(thing: T) -> T:
    """Hand `thing` to whoever collects; without anybody, raise what is wrong with it."""
    found = _found.get()
    if found is None:
        raise_all(list(thing.faults))
    else:
        found.append(thing)
    return thing
