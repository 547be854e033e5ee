"""How the rows of a live table are told apart: what a draft has to hold by construction, from keys and exclusion constraints."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tenantry.datasets.discover import ForeignKey, Rule, Schema, Table

WHOLE = {"int2": "smallint", "int4": "int", "int8": "bigint"}
POINTS = {"date": "day", "timestamptz": "moment", "timestamp": "moment"}
# The types of ranges in time, with that of their bounds.
RANGES = {"daterange": "date", "tstzrange": "timestamptz", "tsrange": "timestamp"}
_EXCLUDE = re.compile(r"^EXCLUDE USING \w+ \((.*?)\)(?: WHERE .*)?(?: DEFERRABLE.*)?$")
_PART = re.compile(r"(?:^|, )(\w+|\"[^\"]+\"|\w+\([^()]*\)) WITH (\S+?)(?=, |$)")
_CALL = re.compile(r"(daterange|tstzrange|tsrange)\(\"?(\w+)\"?, \"?(\w+)\"?(?:, '(..)'::text)?\)")


@dataclass(frozen=True, slots=True)
class Slot:
    """Times that must not meet: each row has a numbered slot of its own.

    `start` and `end` are columns, or `span` is a range; `closed`: the end belongs to it. Rows that differ in `apart` may meet.
    """

    apart: tuple[str, ...]
    start: str | None = None
    end: str | None = None
    span: str | None = None
    closed: bool = False

    @property
    def columns(self) -> set[str]:
        """The columns that it gives values to."""
        return {name for name in (self.start, self.end, self.span) if name is not None}


@dataclass(frozen=True, slots=True)
class Shape:
    """`parent`: there are rows for each row of another table, which `ordinal` counts or which lead to `distinct` rows of a third one;
    neither: one for each. `slot`: see there."""

    parent: ForeignKey | None = None
    ordinal: str | None = None
    distinct: ForeignKey | None = None
    slot: Slot | None = None


def shape(schema: Schema, table: Table) -> Shape:
    """What the constraints of a table ask for."""
    tenant = schema.tenant_column
    order = list(schema.tables)
    before = order[: order.index(table.name)]
    keys = [key for key in table.foreign_keys(tenant) if key.parent in before and key.parent != schema.tenant_table]
    primary = table.primary(tenant)
    inside = [key for key in keys if set(key.columns) < set(primary)]
    referring = {name for key in table.foreign_keys(tenant) for name in key.columns}
    for key in inside:
        rest = [name for name in primary if name not in key.columns]
        if len(rest) == 1 and table.columns[rest[0]].type in WHOLE and rest[0] not in referring:
            return Shape(parent=key, ordinal=rest[0])
        for other in inside:
            if set(other.columns) == set(rest):
                return Shape(parent=key, distinct=other)
    for key in keys:
        if table.is_unique(key.columns, tenant):
            return Shape(parent=key)
    return Shape(slot=_excluded(table, tenant) or _unique_times(table, tenant))


def _excluded(table: Table, tenant: str) -> Slot | None:
    for rule in table.rules:
        found = _EXCLUDE.match(rule.text) if rule.kind == "x" else None
        slot = _slot(table, _PART.findall(found[1]), tenant) if found else None
        if slot is not None:
            return slot
    return None


def _slot(table: Table, parts: Collection[tuple[str, str]], tenant: str) -> Slot | None:
    apart = [name.strip('"') for name, operator in parts if operator == "="]
    spans = [name for name, operator in parts if operator == "&&"]
    if len(spans) != 1 or len(apart) + 1 != len(parts) or any(name not in table.columns for name in apart):
        return None
    own = tuple(name for name in apart if name != tenant)
    call, column = _CALL.fullmatch(spans[0]), table.columns.get(spans[0].strip('"'))
    if call is not None:
        return Slot(own, start=call[2], end=call[3], closed=call[4] == "[]")
    return Slot(own, span=column.name) if column is not None and column.type in RANGES else None


def _unique_times(table: Table, tenant: str) -> Slot | None:
    """A unique time, alone or with references: by chance, two would be the same sooner or later."""
    referring = {name for key in table.foreign_keys(tenant) for name in key.columns}
    for rule in (rule for rule in table.rules if rule.kind in ("u", "p")):
        own = [name for name in rule.columns or () if name != tenant]
        points = [name for name in own if table.columns[name].type in POINTS]
        if len(points) == 1 and set(own) - set(points) <= referring:
            return Slot(tuple(name for name in own if name != points[0]), start=points[0])
    return None


def is_held(rule: Rule, table: Table, tenant: str, slot: Slot | None) -> bool:
    """Whether a rule is an exclusion that the slot holds."""
    return rule.kind == "x" and slot is not None and slot == _excluded(Table(table.name, table.columns, [rule]), tenant)
