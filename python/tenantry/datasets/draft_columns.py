"""The columns of one table in a draft: keys, references, times that must not meet, and everything else by name and type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.datasets.discover import Column, ForeignKey, Schema, Table
from tenantry.datasets.draft_shape import RANGES, WHOLE, Shape, Slot, shape
from tenantry.datasets.draft_values import TEXTS, by_type, cut, is_torn, literal, text, typed, unique

ROWS = 10
# Rows for each row of a parent.
_CHILDREN = 3
_SLOT_DAYS = 60
Values = Callable[[str, str], list[Any]]
Sizes = Mapping[str, list[int]]


@dataclass(slots=True)
class Lines:
    """The columns of one table as they are written, and how many rows there are."""

    rows: str = ""
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, expression: str) -> None:
        self.columns.append(f"{text(name)}: {expression},")

    def leave_out(self, column: Column, why: str) -> None:
        self.columns.append(f"# {column.name} ({column.written}): {why}")

    def miss(self, column: Column, why: str) -> None:
        """A column that is left to the database, or, where it must have a value, to a person."""
        needed = column.needed and not column.default
        self.leave_out(column, f"TODO: must not be null, and {why}" if needed else f"left to the database: {why}")
        if needed:
            self.notes.append(f"{column.table}.{column.name} must not be null, and {why}")


class Writer:
    """Tables in the order of the schema; `sizes` are measured quantiles of rows per tenant, for tables that have them."""

    def __init__(self, schema: Schema, values: Values, sizes: Sizes) -> None:
        self.schema = schema
        self.values = values
        self.sizes = sizes
        # The fewest and the most rows that a tenant has in each table before this one.
        self.bounds: dict[str, tuple[int, int]] = {}

    def table(self, table: Table) -> Lines:
        return _TableWriter(self, table).written()

    def fewest(self, table: str) -> int:
        """The fewest rows that a tenant has in a table, also in one that comes later."""
        if table in self.bounds:
            return self.bounds[table][0]
        measured = self.sizes.get(table)
        return max(measured[0], 1) if measured else ROWS


class _TableWriter:
    def __init__(self, writer: Writer, table: Table) -> None:
        self.writer = writer
        self.schema = writer.schema
        self.table = table
        self.tenant = writer.schema.tenant_column
        self.is_home = table.name == writer.schema.tenant_table
        self.key = table.key(self.tenant)
        self.shape = Shape() if self.is_home else shape(writer.schema, table)
        self.lines = Lines(self._rows())

    def written(self) -> Lines:
        slot, references = self.shape.slot, self._references()
        if slot is not None:
            self.lines.add(self._slot_name(), f"distinct({self._slots(slot)}).helper()")
        for column in self.table.columns.values():
            reference = references.get(column.name)
            if column.generated:
                self.lines.leave_out(column, "the database generates it")
            elif reference is not None:
                if column.name == next(iter(reference.columns)):
                    self._reference(reference)
            elif slot is not None and column.name in slot.columns:
                self._time(column, slot)
            else:
                self._column(column)
        return self.lines

    def _rows(self) -> str:
        parent = self.shape.parent
        if self.is_home:
            return self._bounded("1", 1, 1)
        if parent is not None:
            number = self._children(parent)
            fewest, most = self.writer.bounds[parent.parent]
            return self._bounded(f"per({text(parent.parent)}, {number})", number * fewest, number * most)
        measured = self.writer.sizes.get(self.table.name)
        if measured is None or not any(measured):
            return self._bounded(str(ROWS), ROWS, ROWS)
        referred = any(key.parent == self.table.name for other in self.schema.tables.values() for key in other.foreign_keys(self.tenant))
        seen = [max(count, 1) for count in measured] if referred else measured
        return self._bounded(str(seen[0]) if seen[0] == seen[-1] else f"quantiles({', '.join(map(str, seen))})", seen[0], seen[-1])

    def _bounded(self, rows: str, fewest: int, most: int) -> str:
        self.writer.bounds[self.table.name] = (fewest, most)
        return rows

    def _children(self, parent: ForeignKey) -> int:
        """How many rows a row of the parent has: as many as were measured, as far as there are different ones to refer to."""
        if self.shape.ordinal is None and self.shape.distinct is None:
            return 1
        own, theirs = self.writer.sizes.get(self.table.name), self.writer.sizes.get(parent.parent)
        wanted = max(1, round(sum(own) / max(sum(theirs), 1))) if own and theirs and any(own) else _CHILDREN
        return wanted if self.shape.distinct is None else min(wanted, self.writer.fewest(self.shape.distinct.parent))

    def _references(self) -> dict[str, ForeignKey]:
        """By own column, the reference that gives it its value: that of most columns, which holds those of fewer."""
        found: dict[str, ForeignKey] = {}
        for key in self.table.foreign_keys(self.tenant):
            taken = set(key.columns) & set(found)
            if not taken:
                found |= dict.fromkeys(key.columns, key)
            elif taken != set(key.columns):
                what = f"refers to {key.parent} by {', '.join(key.columns)}, of which another reference decides {', '.join(sorted(taken))}"
                self.lines.columns.append(f"# TODO: {what}")
                self.lines.notes.append(f"{self.table.name} {what}")
        return found

    def _reference(self, key: ForeignKey) -> None:
        columns = [self.table.columns[name] for name in key.columns]
        found, first = self.schema.tables.get(key.parent), columns[0]
        needed = any(column.needed for column in columns) or key in (self.shape.parent, self.shape.distinct)
        nullable = "" if needed else ".nullable(0.5)" if key.parent == self.table.name else ".nullable(0.2)"
        if found is None:
            self._of_others(columns, key, nullable)
            return
        strange = [name for name in key.columns.values() if not _can_be_looked_up(found, name, self.tenant)]
        if strange:
            for column in columns:
                self.lines.miss(column, f"{key.parent}.{strange[0]} is a text of its own, which cannot be looked up")
            return
        chosen = self._chosen(key)
        target = key.columns[first.name]
        if len(columns) == 1 and target == found.key(self.tenant) and found.columns[target].type in WHOLE:
            self.lines.add(first.name, f"{chosen}{typed(WHOLE.get(first.type), 'bigint')}{nullable}")
            return
        helper = f"{first.name}_row"
        self.lines.add(helper, f"{chosen}.helper(){nullable}")
        for name, target in key.columns.items():
            self.lines.add(name, f"lookup({text(helper)}, {text(target)})")

    def _chosen(self, key: ForeignKey) -> str:
        if key == self.shape.parent:
            return "parent()"
        if key == self.shape.distinct:
            return f"reference({text(key.parent)}, distinct=True)"
        if key == self._lanes_of():
            return f"reference({text(key.parent)}, positions=range({self._lanes()}), by={text(self._slot_name())})"
        return f"reference({text(key.parent)})"

    def _of_others(self, columns: list[Column], key: ForeignKey, nullable: str) -> None:
        """One of the values that a table outside of the dataset has."""
        column, target = columns[0], key.columns[columns[0].name]
        given = self.writer.values(key.parent, target) if len(columns) == 1 else []
        whole = WHOLE.get(column.type)
        if not given or (whole is None and column.type not in TEXTS):
            for one in columns:
                self.lines.miss(one, f"no value of {key.parent}.{key.columns[one.name]} can be taken: it has none yet, or they are UUIDs")
            return
        choices = ", ".join(f"{literal(value)}: 1" for value in given)
        self.lines.add(column.name, f"choice({{{choices}}}){typed(whole, 'int')}{nullable}")

    def _slot_name(self) -> str:
        return "slot" if "slot" not in self.table.columns else "slot_number"

    def _lanes_of(self) -> ForeignKey | None:
        """The reference of which each row has its own calendar."""
        slot = self.shape.slot
        keys = [key for key in self.table.foreign_keys(self.tenant) if key.parent in self.schema.tables and key.parent != self.table.name]
        return next((key for key in keys if slot is not None and set(key.columns) == set(slot.apart)), None)

    def _lanes(self) -> int:
        key = self._lanes_of()
        return 1 if key is None else self.writer.fewest(key.parent)

    def _slots(self, slot: Slot) -> int:
        """Enough for all rows of a tenant: twenty in a day, or one where there are days only."""
        lanes, most = self._lanes(), self.writer.bounds[self.table.name][1]
        in_a_day = 1 if _bound_type(self.table, slot) == "date" else 20
        return max(lanes * in_a_day * _SLOT_DAYS, 2 * most)

    def _time(self, column: Column, slot: Slot) -> None:
        if column.name == slot.start:
            self.lines.add(column.name, self._starts(column.type))
        elif column.name == slot.end and slot.start is not None:
            self.lines.add(column.name, _ends(column.type, slot.start, closed=slot.closed))
        else:
            self._range(column, self._starts(RANGES[column.type]))

    def _range(self, column: Column, starts: str) -> None:
        low, high, bound = f"{column.name}_from", f"{column.name}_to", RANGES[column.type]
        self.lines.add(low, f"{starts}.helper()")
        self.lines.add(high, f"{_ends(bound, low, closed=False)}.helper()")
        self.lines.add(column.name, f"between({text(low)}, {text(high)}){'' if column.needed else '.nullable(0.2)'}")

    def _starts(self, bound: str) -> str:
        lanes = self._lanes()
        wide = f", lanes={lanes}" if lanes != 1 else ""
        days = ', every="24h"' if bound == "date" else ""
        return f"slot_time({text(self._slot_name())}, first_day=-{_SLOT_DAYS // 2}{wide}{days}){typed(bound, 'timestamptz')}"

    def _column(self, column: Column) -> None:
        if column.type in RANGES:
            bound = RANGES[column.type]
            self._range(
                column, f"{'day' if bound == 'date' else 'moment'}(-365, 0){typed('timestamp' if bound == 'timestamp' else '', '')}"
            )
            return
        expression = self._special(column) or by_type(self.table, column)
        if self.is_home and expression is not None:
            expression = expression.replace("{position}", "{tenant}")  # its only row there
        if expression is not None and not is_torn(self.table, column):
            free = not (column.needed or column.default or self._is_kept(column))
            self.lines.add(column.name, expression + (".nullable(0.2)" if free else ""))
        else:
            self.lines.miss(column, "nothing here makes its values" if expression is None else "a check ties it to another column")

    def _is_kept(self, column: Column) -> bool:
        """Whether rows are told apart by it, so that it is never null."""
        return column.name in (self.tenant, self.key) or (self.is_home and column.name == mark(self.schema))

    def _special(self, column: Column) -> str | None:
        """Keys, listed values, unique columns."""
        whole = WHOLE.get(column.type)
        if self.is_home and column.name == self.key:
            return "uuid()" if column.type == "uuid" else f"key(){typed(whole, 'bigint')}"
        if column.name == self.tenant:
            return "tenant_key()"
        if column.name == self.shape.ordinal:
            return f"ordinal(){typed(whole, 'int')}"
        if column.name == self.key and whole is not None:
            return f"key(){typed(whole, 'bigint')}"
        listed = column.labels or self.table.listed(column.name)
        if listed:
            return f"choice({{{', '.join(f'{text(value)}: 1' for value in listed)}}})"
        if self.is_home and column.name == mark(self.schema):
            return f"template({text(cut('loadtest-{tenant:05d}', '{tenant}', column))})"
        if any(column.name in (rule.columns or ()) for rule in self.table.rules if rule.kind in ("u", "p")):
            return unique(column, whole)
        return None


def _bound_type(table: Table, slot: Slot) -> str:
    column = table.columns[slot.start or slot.span or ""]
    return RANGES.get(column.type, column.type)


def _ends(bound: str, start: str, *, closed: bool) -> str:
    """Half an hour or a day later; just before that where the end itself belongs to the time."""
    if bound == "date":
        return f"day(after({text(start)}{'' if closed else ', 1'}))"
    return f"moment(after({text(start)}, minutes={29 if closed else 30})){typed(bound, 'timestamptz')}"


def _can_be_looked_up(table: Table, name: str, tenant_column: str) -> bool:
    """Whether its values are not texts that a template makes."""
    column = table.columns[name]
    referring = any(name in key.columns for key in table.foreign_keys(tenant_column))
    return column.type not in TEXTS or bool(column.labels or table.listed(name)) or referring


def mark(schema: Schema) -> str:
    """The column by which our tenants are known: a unique text, else any text."""
    home = schema.tables[schema.tenant_table]
    texts = [column for column in home.columns.values() if column.type in TEXTS and not column.generated]
    unique = {name for rule in home.rules if rule.kind == "u" and len(rule.columns or ()) == 1 for name in rule.columns or ()}
    return min(texts, key=lambda column: (column.name not in unique, not column.needed)).name if texts else "TODO"
