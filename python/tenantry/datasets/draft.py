"""A first dataset file for a live schema: its catalog in the words of `tenantry.datasets`, with comments where a person has to look."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from textwrap import shorten
from typing import Any

from tenantry import datasets
from tenantry.datasets.discover import Column, Rule, Schema, Table

ROWS = 10
# Above the keys of every app, and within four bytes.
_FAR_ABOVE = 1_000_000_000
_WHOLE = {"int2": "smallint", "int4": "int", "int8": "bigint"}
_TEXTS = ("text", "varchar", "bpchar", "citext")
_POINTS = {"date": "day", "timestamptz": "moment", "timestamp": "moment"}
_LENGTH = re.compile(r"\((\d+)\)")
_PRECISION = re.compile(r"numeric\((\d+),(\d+)\)")
_ORDER = re.compile(r"^CHECK \(\(+\"?(\w+)\"? >=? \"?(\w+)\"?\)+$")
Values = Callable[[str, str], list[Any]]
Sizes = Callable[[str], list[int] | None]


@dataclass(slots=True)
class Draft:
    """The text of the file, and what a person should look at before they seed it."""

    text: str
    notes: list[str]


@dataclass(slots=True)
class _Lines:
    """The columns of one table as they are written."""

    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, expression: str) -> None:
        self.columns.append(f"{_text(name)}: {expression},")

    def leave_out(self, column: Column, why: str) -> None:
        self.columns.append(f"# {column.name} ({column.written}): {why}")

    def miss(self, column: Column, why: str) -> None:
        """A column that is left to the database, or, where it must have a value, to a person."""
        needed = column.needed and not column.default
        self.leave_out(column, f"TODO: must not be null, and {why}" if needed else f"left to the database: {why}")
        if needed:
            self.notes.append(f"{column.table}.{column.name} must not be null, and {why}")


def draft(schema: Schema, *, name: str, anchor: date, values: Values, sizes: Sizes | None = None, occupied: bool = False) -> Draft:
    """`values` gives some values of a column that is not part of the dataset; `sizes` the measured quantiles of rows per tenant.

    `occupied`: there are tenants already, so that keys have to begin far above theirs.
    """
    writer = _Writer(schema, values)
    tables, notes = [], []
    for table in schema.tables.values():
        lines = writer.table(table)
        measured = sizes(table.name) if sizes is not None and table.name != schema.tenant_table else None
        tables.append(_table(schema, table, lines, _rows(table, schema, measured)))
        notes += lines.notes
    body = "\n".join(tables)
    return Draft(_file(schema, name, anchor, body, _FAR_ABOVE if occupied else 1), notes)


class _Writer:
    def __init__(self, schema: Schema, values: Values) -> None:
        self.schema = schema
        self.values = values

    def table(self, table: Table) -> _Lines:
        lines = _Lines()
        references = table.references(self.schema.tenant_column)
        for column in table.columns.values():
            if column.generated:
                lines.leave_out(column, "the database generates it")
            elif column.name in references and column.name != self.schema.tenant_column:
                self._reference(table, column, *references[column.name], lines)
            else:
                self._column(table, column, lines)
        return lines

    def _column(self, table: Table, column: Column, lines: _Lines) -> None:
        expression = self._special(table, column) or _by_type(table, column)
        if table.name == self.schema.tenant_table and expression is not None:
            expression = expression.replace("{position}", "{tenant}")  # its only row there
        if expression is not None and not _torn(table, column):
            free = not (column.needed or column.default or self._is_kept(table, column))
            lines.add(column.name, expression + (".nullable(0.2)" if free else ""))
        else:
            lines.miss(column, "nothing here makes its values" if expression is None else "a check ties it to another column")

    def _is_kept(self, table: Table, column: Column) -> bool:
        """Whether rows are told apart by it, so that it is never null."""
        home = table.name == self.schema.tenant_table
        return column.name in (self.schema.tenant_column, table.key(self.schema.tenant_column)) or (
            home and column.name == _mark(self.schema)
        )

    def _special(self, table: Table, column: Column) -> str | None:
        """Keys, listed values, unique columns."""
        whole = _WHOLE.get(column.type)
        if table.name == self.schema.tenant_table and column.name == table.key(self.schema.tenant_column):
            return "uuid()" if column.type == "uuid" else f"key(){_typed(whole, 'bigint')}"
        if column.name == self.schema.tenant_column:
            return "tenant_key()"
        if column.name == table.key(self.schema.tenant_column) and whole is not None:
            return f"key(){_typed(whole, 'bigint')}"
        listed = column.labels or table.listed(column.name)
        if listed:
            return f"choice({{{', '.join(f'{_text(value)}: 1' for value in listed)}}})"
        if table.name == self.schema.tenant_table and column.name == _mark(self.schema):
            return f"template({_text(_cut('loadtest-{tenant:05d}', '{tenant}', column))})"
        if any(column.name in (rule.columns or ()) for rule in table.rules if rule.kind in ("u", "p")):
            return _unique(column, whole)
        return None

    def _reference(self, table: Table, column: Column, parent: str, target: str, lines: _Lines) -> None:
        nullable = "" if column.needed else ".nullable(0.2)"
        found = self.schema.tables.get(parent)
        if found is None:
            expression = self._of_others(column, parent, target)
            if expression is not None:
                lines.add(column.name, expression + nullable)
            else:
                lines.miss(column, f"no value of {parent}.{target} can be taken: it has none yet, or they are UUIDs")
            return
        if list(self.schema.tables).index(parent) > list(self.schema.tables).index(table.name):
            lines.miss(column, f"it refers to {parent}, which refers back")
            return
        if parent == table.name and not column.needed:
            nullable = ".nullable(0.5)"
        if target == found.key(self.schema.tenant_column) and found.columns[target].type in _WHOLE:
            lines.add(column.name, f"reference({_text(parent)}){_typed(_WHOLE.get(column.type), 'bigint')}{nullable}")
            return
        helper = f"{column.name}_row"
        lines.add(helper, f"reference({_text(parent)}).helper()")
        lines.add(column.name, f"lookup({_text(helper)}, {_text(target)}){nullable}")

    def _of_others(self, column: Column, parent: str, target: str) -> str | None:
        """One of the values that a table outside of the dataset has; None without a usable one."""
        given = self.values(parent, target)
        whole = _WHOLE.get(column.type)
        if not given or (whole is None and column.type not in _TEXTS):
            return None
        return f"choice({{{', '.join(f'{_literal(value)}: 1' for value in given)}}}){_typed(whole, 'int')}"


def _unique(column: Column, whole: str | None) -> str | None:
    if column.type in _TEXTS:
        return f"template({_text(_cut(_words(column).replace('{position}', '{row}'), '{row}', column))})"
    if whole is not None:
        return f"position(){_typed(whole, 'int')}"
    return "uuid()" if column.type == "uuid" else None


def _by_type(table: Table, column: Column) -> str | None:
    whole, precision = _WHOLE.get(column.type), _PRECISION.match(column.written)
    earlier = _earlier(table, column)
    if column.type in _TEXTS:
        return f"template({_text(_cut(_words(column), '{position}', column))})"
    if whole is not None:
        return f"integer(1, 100){_typed(whole, 'int')}"
    if column.type == "numeric":
        digits, scale = (int(precision[1]), int(precision[2])) if precision else (12, 2)
        high = min(10 ** (digits - scale) - 1, 100) or 0
        return f'decimal({1 if high >= 1 else 0}, {high}, "numeric({digits},{scale})")' if digits <= 18 else None
    if column.type in _POINTS:
        span = f"after({_text(earlier)}), after({_text(earlier)}, 30)" if earlier else "-365, 0"
        return f"{_POINTS[column.type]}({span}){_typed('timestamp' if column.type == 'timestamp' else '', '')}"
    plain = {"bool": "flag(0.5)", "float8": 'lognormal(10, 1, 0, 1000, "float8")', "uuid": "uuid()", "bytea": "blob(8, 64)"}
    elements = {"_text": 'constant("word")', "_int4": "integer(1, 100)", "_int8": 'integer(1, 100).typed("bigint")', "_uuid": "uuid()"}
    plain |= {kind: f"several({element}, 0, 3)" for kind, element in elements.items()}
    plain |= {kind: f"document({{}}, {_text(kind)})" for kind in ("json", "jsonb")}
    return plain.get(column.type)


def _words(column: Column) -> str:
    """What a text of such a name looks like."""
    name = column.name.lower()
    if "email" in name or name.endswith("mail"):
        return "user{row}@loadtest-{tenant:05d}.example"
    if "phone" in name or "mobile" in name:
        return "+000 {row:09d}"
    if "url" in name or "website" in name:
        return "https://loadtest-{tenant:05d}.example/{row}"
    return f"{name.replace('_', ' ')} {{position}}"


def _cut(text: str, short: str, column: Column) -> str:
    """The template, or a shorter one for a column with little room."""
    room = _LENGTH.search(column.written) if column.type in ("varchar", "bpchar") else None
    return short if room is not None and int(room[1]) < len(text) + 8 else text


def _earlier(table: Table, column: Column) -> str | None:
    """The column that a check wants to be before this one."""
    for rule in table.rules:
        found = _ORDER.match(rule.text) if rule.kind == "c" else None
        if found is not None and found[1] == column.name and found[2] in table.columns and table.columns[found[2]].type in _POINTS:
            return found[2]
    return None


def _torn(table: Table, column: Column) -> bool:
    """Whether a check of several columns that is not understood here concerns it, while the database has a value of its own for it."""
    if not column.default or column.type in _POINTS:
        return False
    return any(rule.kind == "c" and len(rule.columns or ()) > 1 and column.name in (rule.columns or ()) for rule in table.rules)


def _mark(schema: Schema) -> str:
    """The column by which our tenants are known: a unique text, else any text."""
    home = schema.tables[schema.tenant_table]
    texts = [column for column in home.columns.values() if column.type in _TEXTS and not column.generated]
    unique = {name for rule in home.rules if rule.kind == "u" and len(rule.columns or ()) == 1 for name in rule.columns or ()}
    return min(texts, key=lambda column: (column.name not in unique, not column.needed)).name if texts else "TODO"


def _rows(table: Table, schema: Schema, measured: list[int] | None) -> str:
    if table.name == schema.tenant_table:
        return "1"
    if measured is None or not any(measured):
        return str(ROWS)
    referred = any(
        table.name in {parent for parent, _ in other.references(schema.tenant_column).values()} for other in schema.tables.values()
    )
    seen = [max(count, 1) for count in measured] if referred else measured
    return str(seen[0]) if seen[0] == seen[-1] else f"quantiles({', '.join(map(str, seen))})"


def _table(schema: Schema, table: Table, lines: _Lines, rows: str) -> str:
    understood = {rule.text for rule in table.rules if rule.kind == "c" and (_ORDER.match(rule.text) or _IN.search(rule.text))}
    told = [_flat(rule) for rule in table.rules if _worth_a_look(rule) and rule.text not in understood]
    comments = "".join(f"        # {text}\n" for text in dict.fromkeys(told))
    columns = "".join(f"                {line}\n" for line in lines.columns)
    return f"{comments}        {_text(table.name)}: Table(\n            {rows},\n            {{\n{columns}            }},\n        ),"


_IN = re.compile(r"= ANY \(+ARRAY\[")


def _worth_a_look(rule: Rule) -> bool:
    return rule.kind in ("c", "x") or (rule.kind == "u" and len(rule.columns or ()) > 1)


def _flat(rule: Rule) -> str:
    return shorten(rule.text, 110, placeholder=" ...")


def _file(schema: Schema, name: str, anchor: date, tables: str, first_key: int) -> str:
    users = next((known for known in ("users", "members", "accounts", "employees") if known in schema.tables), None)
    options = [
        f"name={_text(name)}",
        f"anchor=date({anchor.year}, {anchor.month}, {anchor.day})",
        "tenants=100",
        *([f"first_key={first_key:_}"] if first_key != 1 else []),
        f"tenant_table={_text(schema.tenant_table)}",
        f"tenant_column={_text(schema.tenant_column)}",
        f"mark={_text(_mark(schema))}",
        *([f"users={_text(users)}"] if users else []),
    ]
    if schema.role is not None and schema.setting is not None:
        options.append(f"isolation=Isolation(role={_text(schema.role)}, setting={_text(schema.setting)})")
    used = [word for word in datasets.__all__ if word.islower() and re.search(rf"^(?! *#).*\b{word}\(", tables, re.MULTILINE)]
    kinds = ["Dataset", *(["Isolation"] if any("Isolation(" in option for option in options) else []), "Table"]
    others = f"\n\nNo tenant's, and therefore not here: {', '.join(schema.others)}.\n" if schema.others else ""
    advice = "Adjust numbers of rows, choices and texts; `tenantry generate FILE --show 3` shows rows."
    head = f'"""{name}: drafted from its catalog. {advice}{others}"""\n'
    imports = f"from datetime import date\n\nfrom tenantry.datasets import {', '.join([*kinds, *sorted(used)])}\n"
    body = "".join(f"    {option},\n" for option in options)
    return f"{head}\n{imports}\n{_variable(name)} = Dataset(\n{body}    tables={{\n{tables}\n    }},\n)\n"


def _variable(name: str) -> str:
    word = re.sub(r"\W", "_", name.lower())
    return word if word.isidentifier() else f"dataset_{word}"


def _typed(wanted: str | None, usual: str) -> str:
    return f'.typed("{wanted}")' if wanted and wanted != usual else ""


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(value: Any) -> str:
    return _text(value) if isinstance(value, str) else str(value)
