"""What an experiment changes, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tenantry.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Restart:
    """An app that we started ourselves and can start again: with so many connections in its pool, or (None) as it was."""

    start: Callable[[int | None], None]
    pool: int


@dataclass(frozen=True, slots=True)
class Site:
    """Where experiments take place: the owner's database, hosts besides this machine that are allowed, and the app if it is ours."""

    dsn: str = field(repr=False)
    allow: tuple[str, ...] = ()
    restart: Restart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change for the length of a block. `title` begins its sentence, `statement` is what somebody would do for good.

    `do` and `undo` are statements, carried out one by one; those of `undo` do no harm where there is nothing to undo. `settles` is a query
    that returns `t` once the change has come into effect. `load` makes the load of the block from that of the others; `pool` is the size
    of the app's pool. `refutes`: it is the remedy itself, so that it speaks against the finding when it does not help.
    """

    kind: str
    title: str
    statement: str
    do: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    settles: str = ""
    load: Callable[[Prepared], Prepared] | None = None
    pool: int | None = None
    refutes: bool = True


class NotTried(Exception):
    """A finding whose remedy cannot be tried: why."""
