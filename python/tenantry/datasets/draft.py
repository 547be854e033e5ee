"""A first dataset file for a live schema: its catalog in the words of `tenantry.datasets`, with comments where a person has to look."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from textwrap import shorten

from tenantry import datasets
from tenantry.datasets.discover import Rule, Schema, Table
from tenantry.datasets.draft_columns import Lines, Values, Writer, mark
from tenantry.datasets.draft_shape import is_held, shape
from tenantry.datasets.draft_values import BYTES, ORDER, is_limit, text

# Above the keys of every app, and within four bytes.
_FAR_ABOVE = 1_000_000_000
Sizes = Callable[[str], list[int] | None]


@dataclass(slots=True)
class Draft:
    """The text of the file, and what a person should look at before they seed it."""

    text: str
    notes: list[str]


def draft(schema: Schema, *, name: str, anchor: date, values: Values, sizes: Sizes | None = None, occupied: bool = False) -> Draft:
    """`values` gives some values of a column that is not part of the dataset; `sizes` the measured quantiles of rows per tenant.

    `occupied`: there are tenants already, so that keys have to begin far above theirs.
    """
    measured = {name: sizes(name) for name in schema.tables if name != schema.tenant_table} if sizes is not None else {}
    writer = Writer(schema, values, {name: counts for name, counts in measured.items() if counts})
    tables, notes = [], []
    for table in schema.tables.values():
        lines = writer.table(table)
        tables.append(_table(schema, table, lines))
        notes += lines.notes
    body = "\n".join(tables)
    return Draft(_file(schema, name, anchor, body, _FAR_ABOVE if occupied else 1), notes)


def _table(schema: Schema, table: Table, lines: Lines) -> str:
    slot = shape(schema, table).slot
    understood = {rule.text for rule in table.rules if rule.kind == "c" and any(known.search(rule.text) for known in (ORDER, BYTES, _IN))}
    understood |= {rule.text for rule in table.rules if is_limit(rule, table) or is_held(rule, table, schema.tenant_column, slot)}
    told = [_flat(rule) for rule in table.rules if _worth_a_look(rule) and rule.text not in understood]
    comments = "".join(f"        # {line}\n" for line in dict.fromkeys(told))
    columns = "".join(f"                {line}\n" for line in lines.columns)
    return f"{comments}        {text(table.name)}: Table(\n            {lines.rows},\n            {{\n{columns}            }},\n        ),"


_IN = re.compile(r"= ANY \(+ARRAY\[")


def _worth_a_look(rule: Rule) -> bool:
    return rule.kind in ("c", "x") or (rule.kind == "u" and len(rule.columns or ()) > 1)


def _flat(rule: Rule) -> str:
    return shorten(rule.text, 110, placeholder=" ...")


def _file(schema: Schema, name: str, anchor: date, tables: str, first_key: int) -> str:
    users = next((known for known in ("users", "members", "accounts", "employees") if known in schema.tables), None)
    options = [
        f"name={text(name)}",
        f"anchor=date({anchor.year}, {anchor.month}, {anchor.day})",
        "tenants=100",
        *([f"first_key={first_key:_}"] if first_key != 1 else []),
        f"tenant_table={text(schema.tenant_table)}",
        f"tenant_column={text(schema.tenant_column)}",
        f"mark={text(mark(schema))}",
        *([f"users={text(users)}"] if users else []),
    ]
    if schema.role is not None and schema.setting is not None:
        options.append(f"isolation=Isolation(role={text(schema.role)}, setting={text(schema.setting)})")
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
