"""Columns of a dataset: where the values come from, and their type in Postgres.

Every value depends on the dataset's `rng_seed`, its table, row and column alone, so a row can be computed without any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from tenantry.errors import UsageError
from tenantry.types import did_you_mean

Value = str | int | bool | Decimal | date | datetime
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMERIC = re.compile(r"numeric\([1-9]\d*,\d+\)")


TYPES = ("bigint", "int", "smallint", "float8", "bool", "date", "timestamptz", "timestamp", "uuid", "text", "json", "jsonb", "bytea")
RANGES = {"date": "daterange", "timestamptz": "tstzrange", "timestamp": "tsrange", "int": "int4range", "bigint": "int8range"}
ARRAYS = {"text": "text[]", "int": "int[]", "bigint": "bigint[]", "uuid": "uuid[]"}
# One value at most: a bytea of 16 MiB, an array of 100,000 elements. Postgres holds 1 GiB, but a row is in memory as a whole.
MOST_BYTES = 1 << 24
MOST_ELEMENTS = 100_000
# Numbers that no other row has come from a permutation of so many at most.
MOST_DISTINCT = 1 << 62
# Digits after the point that a float8 can have here.
_FLOAT_SCALE = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a kind of source with its parameters. `type` is one of `TYPES` or `numeric(precision,scale)`; empty means that of the
    column it is taken from. A hidden column serves others and is not written."""

    kind: str
    type: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    nulls: float = 0.0
    hidden: bool = False

    def nullable(self, share: float) -> Self:
        """The same column with this share of nulls, 0 to 1."""
        return replace(self, nulls=share)

    def helper(self) -> Self:
        """The same column, for the use of others: it is not written."""
        return replace(self, hidden=True)

    def typed(self, name: str) -> Self:
        """The same column with another type in Postgres: one of `TYPES`, or `numeric(precision,scale)`."""
        if name not in (*TYPES, *ARRAYS.values(), *RANGES.values()) and not _NUMERIC.fullmatch(name):
            raise UsageError(f"{name!r} is no type that a dataset can write", hint=did_you_mean(name, (*TYPES, "numeric(12,2)")))
        return replace(self, type=name)


def key() -> Column:
    """The row's own key: 1, 2, 3 ... over all tenants; row `p` of `k` of tenant `t` (all from 0) has `t * k + p + 1`."""
    return Column("key", "bigint")


def tenant_key() -> Column:
    """The key of the row's tenant, of the type that it has in the table of the tenants: 1 for the first, or its UUID."""
    return Column("tenant_key")


def parent() -> Column:
    """The key of the row's parent, in a table with rows `per` row of another one."""
    return Column("parent")


def of_tenant(column: str) -> Column:
    """A column of the row's tenant: `of_tenant("plan")`."""
    return Column("of_tenant", "", {"column": column})


def position(start: int = 1, step: int = 1) -> Column:
    """Arithmetic inside the tenant: `start` in its first row of the table, then `step` more each."""
    return Column("position", "int", {"start": start, "step": step})


def ordinal(start: int = 1, step: int = 1) -> Column:
    """Arithmetic among the rows of the same parent, in a table with rows `per` row of another one: 1, 2, 3 ... in each order."""
    return Column("ordinal", "int", {"start": start, "step": step})


def constant(value: Value) -> Column:
    """The same value in every row."""
    return Column("constant", _type_of([value]), {"value": value})


def choice(weights: Mapping[Any, float]) -> Column:
    """One of the values, by weight: `choice({"dog": 0.6, "cat": 0.4})`."""
    return Column("choice", _type_of(list(weights)), {"values": list(weights), "weights": list(weights.values())})


def runs(*counted: tuple[int, Value]) -> Column:
    """The position inside the tenant decides: `runs((7, "owner"), (2, "vet"), (1, "admin"))`; the last value goes on."""
    return Column("runs", _type_of([value for _, value in counted]), {"runs": list(counted)})


def each(*values: Value, by: str | None = None) -> Column:
    """The position inside the tenant decides: the first row has the first value, and so on, from the start again at the end.

    With `by`, a column of whole numbers decides instead: 0 is the first value.
    """
    return Column("each", _type_of(values), {"values": list(values), "by": by})


def integer(low: int, high: int) -> Column:
    """A uniform whole number, both ends included."""
    return Column("integer", "int", {"low": low, "high": high})


def decimal(low: str | float, high: str | float, sql_type: str = "numeric(12,2)") -> Column:
    """A uniform decimal, both ends included: `decimal("0.50", 60, "numeric(5,2)")`."""
    return Column("integer", sql_type, {"low": Decimal(str(low)), "high": Decimal(str(high))})


def words(pool: str) -> Column:
    """A word of one of the dataset's pools."""
    return Column("words", "text", {"pool": pool})


def flag(share: float) -> Column:
    """True with this probability."""
    return Column("flag", "bool", {"share": share})


def reference(
    table: str,
    *,
    positions: range | None = None,
    weights: Sequence[float] | None = None,
    by: str | None = None,
    distinct: bool = False,
) -> Column:
    """The key of a row of the same tenant in another table, which may stand after this one, or be this one.

    `positions`: only these of the tenant's rows there (step 1), counted from 0. `weights`: one per position. `by`: a column of whole
    numbers that decides instead of chance, modulo the number of positions. `distinct`: the rows of a parent, or without one of a tenant,
    all lead to different rows. As a `helper` it leads to tables without a key as well, for `lookup`.
    """
    if by is not None and distinct:
        raise UsageError("a reference by a column is not distinct too", hint="let the column be distinct(...)")
    chosen = {} if positions is None else {"from": positions.start, "count": len(positions)}
    extra = {"weights": None if weights is None else list(weights), "by": by, "distinct": distinct or None}
    return Column("reference", "bigint", {"table": table, **chosen, **{name: value for name, value in extra.items() if value is not None}})


def lookup(reference: str, column: str) -> Column:
    """A column of the row that `reference`, a column of this row, points to."""
    return Column("lookup", "", {"reference": reference, "column": column})


def distinct(size: int) -> Column:
    """A whole number in `range(size)` that no other row of the tenant has; what unique slots are made of."""
    return Column("distinct", "bigint", {"size": _within("numbers", size, MOST_DISTINCT)})


def by(column: str, cases: Mapping[Any, Column]) -> Column:
    """Another column of the row, a choice, decides: `by("species", {"dog": words("dog breeds"), "cat": ...})`."""
    types = {case.type for case in cases.values()}
    if len(types) != 1:
        raise UsageError(f"the cases of by({column!r}) have several types: {', '.join(sorted(types))}", hint="give all the same type")
    return Column("by", types.pop(), {"column": column, "cases": dict(cases)})


def template(text: str) -> Column:
    """Text with placeholders: a column's name, `tenant`, `position` or `row` (numbers from 1).

    Formats: `{tenant:05d}` fills up with zeros, `{name:slug}` keeps lower-case letters and digits without accents, `{name:json}` is a JSON
    value.
    """
    return Column("template", "text", {"text": text})


def uuid() -> Column:
    """A UUID that no other row of the table has; as primary key, or beside one. A reference to it is a `lookup`."""
    return Column("uuid", "uuid")


def blob(low: int, high: int) -> Column:
    """From `low` to `high` bytes by chance, in a bytea column; 16 MiB at most."""
    return Column("bytes", "bytea", {"low": _within("bytes", low, MOST_BYTES), "high": _within("bytes", high, MOST_BYTES)})


def several(of: Column, low: int, high: int) -> Column:
    """An array of `low` to `high` values, each drawn by itself: `several(choice({"new": 1, "vip": 1}), 0, 3)`; 100,000 at most."""
    if of.type not in ARRAYS or of.nulls:
        raise UsageError(f"an array cannot hold {of.type or 'what is looked up'}", hint=f"give it {', '.join(ARRAYS)}")
    ends = {"low": _within("elements", low, MOST_ELEMENTS), "high": _within("elements", high, MOST_ELEMENTS)}
    return Column("several", ARRAYS[of.type], {"of": of, **ends})


def _within(what: str, size: int, most: int) -> int:
    if not 0 <= size <= most:
        raise UsageError(f"{size:,} {what} are not from 0 to {most:,}")
    return size


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the row inside a `document`."""

    column: str


def cell(column: str) -> Field:
    """The value of another column of the row, inside a `document`."""
    return Field(column)


def document(content: Mapping[str, Any], sql_type: str = "jsonb") -> Column:
    """A JSON object: `document({"plan": cell("plan"), "limits": {"seats": 5}, "tags": ["new"]})`; `cell` stands for a column of the row."""
    return Column("template", sql_type, {"text": _json(content)})


def _json(value: Any) -> str:
    """The value as the text of a template."""
    match value:
        case Field(name):
            return f"{{{name}:json}}"
        case Mapping():
            pairs = (f"{_json(str(name))}: {_json(part)}" for name, part in value.items())
            return f"{{{{{', '.join(pairs)}}}}}"
        case list() | tuple():
            return f"[{', '.join(map(_json, value))}]"
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("{", "{{").replace("}", "}}")
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{value!r} cannot stand in a JSON document: {error}", hint="give texts, numbers, lists, dicts, or cell(...)"
        ) from None


def encode_value(value: Value, sql_type: str) -> str | int:
    """A value as the native module wants it: text, or a whole number in the unit of its type. Raises UsageError when it does not fit."""
    match value:
        case str():
            return value
        case bool() | int() if not type_scale(sql_type):
            return int(value)
        case datetime():
            return round((value - _EPOCH) / timedelta(microseconds=1))
        case date():
            return value.toordinal() - _EPOCH.toordinal()
        case _:
            scaled = Decimal(str(value)).scaleb(type_scale(sql_type))
            if scaled != int(scaled):
                raise UsageError(f"{value} has more digits than {sql_type}")
            return int(scaled)


def type_scale(sql_type: str) -> int:
    """Digits after the point of a `numeric(precision,scale)` or `float8`; 0 for other types."""
    if sql_type == "float8":
        return _FLOAT_SCALE
    return int(sql_type.removesuffix(")").partition(",")[2] or 0)


def _type_of(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    if len(kinds) != 1:
        raise UsageError(
            f"these values are not of one type: {', '.join(map(repr, values))}", hint="give at least one, all of the same type"
        )
    if (kind := kinds.pop()) is Decimal:
        exponents = [int(value.as_tuple().exponent) for value in values]
        return f"numeric(12,{max(0, -min(exponents))})"
    names = {str: "text", bool: "bool", int: "int", date: "date", datetime: "timestamptz"}
    if kind not in names:
        raise UsageError(f"a column cannot hold a {kind.__name__}", hint="known: str, int, bool, Decimal, date, datetime")
    return names[kind]
