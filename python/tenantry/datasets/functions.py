"""Columns that a Python function of numpy arrays computes: for what no other source can say."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from textwrap import dedent
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tenantry.datasets.columns import Column
from tenantry.errors import UsageError

MOST_RANDOM = 16
_PLAIN = (type(None), bool, int, float, complex, str, bytes, Decimal, date, timedelta, range)


def function(f: Callable[..., Any], *columns: str, sql_type: str, random: int = 0, version: str | None = None) -> Column:
    """What `f` computes from numpy arrays of other columns of the row: `function(total, "quantity", "price", sql_type="numeric(10,2)")`.

    `f` is called with many rows at once, or with one, and gives an array with a value for each; a value may depend on its own row alone.
    `random`: so many arrays more, of uniform numbers in [0, 1), the same for a row every time. What the database remembers of the
    declaration holds the source of `f` and of what it uses; where that cannot be read, `version` stands for it.
    """
    if not 0 <= random <= MOST_RANDOM:
        raise UsageError(f"{random} random numbers for a row are not from 0 to {MOST_RANDOM}")
    if not columns and not random:
        raise UsageError("a function of nothing gives the same everywhere", hint="name columns that it is given, or ask for random numbers")
    return Column("function", "", {"f": f, "columns": list(columns), "random": random, "version": version}).typed(sql_type)


def fingerprint(f: Callable[..., Any], version: str | None) -> str:
    """What changes with the function: its declared version, or its source with all that it uses. Raises UsageError without either."""
    parts = [version] if version is not None else _parts(f, set())
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


def _parts(f: Any, seen: set[Any]) -> Iterator[str]:
    """The source of a function, its defaults, and the values of the names in it that are defined outside of it."""
    if f in seen:
        return
    seen.add(f)
    if not isinstance(f, FunctionType):
        raise _unreadable(f"{f!r} is no function with a source")
    try:
        yield dedent(inspect.getsource(f))
    except (OSError, TypeError):
        raise _unreadable(f"the source of {f.__name__} cannot be read") from None
    for default in [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).items()]:
        yield from _value(f.__name__, "a default", default, seen)
    closed = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    outside = {name: f.__globals__[name] for name in _names(f.__code__) if name in f.__globals__}
    for name, value in sorted((outside | {name: cell.cell_contents for name, cell in closed}).items(), key=lambda pair: pair[0]):
        yield name
        yield from _value(f.__name__, name, value, seen)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _value(user: str, name: str, value: Any, seen: set[Any]) -> Iterator[str]:
    match value:
        case _ if isinstance(value, _PLAIN):
            yield repr(value)
        case list() | tuple():
            yield type(value).__name__
            for part in value:
                yield from _value(user, name, part, seen)
        case dict():
            for pair in value.items():
                yield from _value(user, name, pair, seen)
        case set() | frozenset():
            yield repr(sorted(map(repr, value)))
        case ModuleType():
            yield value.__name__
        case FunctionType():
            yield from _parts(value, seen)
        case type():
            yield f"{value.__module__}.{value.__qualname__}"
        case _ if hasattr(value, "dtype") and hasattr(value, "tobytes"):
            yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        case _:
            raise _unreadable(f"{user} uses {name}, a {type(value).__name__}, whose changes cannot be seen")


def _unreadable(what: str) -> UsageError:
    return UsageError(what, hint='give the column a version, and change it with the function: function(..., version="1")')
