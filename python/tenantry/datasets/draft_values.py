"""What a draft takes for the values of a column, by its name and type."""

from __future__ import annotations

import json
import re
from typing import Any

from tenantry.datasets.discover import Column, Table
from tenantry.datasets.draft_shape import POINTS, WHOLE

TEXTS = ("text", "varchar", "bpchar", "citext")
# A check that one column is before another.
ORDER = re.compile(r"^CHECK \(\(+\"?(\w+)\"? >=? \"?(\w+)\"?\)+$")
# A check of how many bytes there are.
BYTES = re.compile(r"^CHECK \(\(octet_length\(\"?(\w+)\"?\) = (\d+)\)\)$")
_LENGTH = re.compile(r"\((\d+)\)")
_PRECISION = re.compile(r"numeric\((\d+),(\d+)\)")


def unique(column: Column, whole: str | None) -> str | None:
    if column.type in TEXTS:
        return f"template({text(cut(_words(column).replace('{position}', '{row}'), '{row}', column))})"
    if whole is not None:
        return f"position(){typed(whole, 'int')}"
    return "uuid()" if column.type == "uuid" else None


def by_type(table: Table, column: Column) -> str | None:
    """Values of a type, within what checks say of their order; None for a type that no dataset can write."""
    whole, precision = WHOLE.get(column.type), _PRECISION.match(column.written)
    before = _earlier(table, column)
    if column.type in TEXTS:
        return f"template({text(cut(_words(column), '{position}', column))})"
    if whole is not None:
        return f"integer(1, 100){typed(whole, 'int')}"
    if column.type == "numeric":
        digits, scale = (int(precision[1]), int(precision[2])) if precision else (12, 2)
        high = min(10 ** (digits - scale) - 1, 100) or 0
        return f'decimal({1 if high >= 1 else 0}, {high}, "numeric({digits},{scale})")' if digits <= 18 else None
    if column.type in POINTS:
        span = f"after({text(before)}), after({text(before)}, 30)" if before else "-365, 0"
        return f"{POINTS[column.type]}({span}){typed('timestamp' if column.type == 'timestamp' else '', '')}"
    plain = {"bool": "flag(0.5)", "float8": 'lognormal(10, 1, 0, 1000, "float8")', "uuid": "uuid()", "bytea": _blob(table, column)}
    elements = {"_text": 'constant("word")', "_int4": "integer(1, 100)", "_int8": 'integer(1, 100).typed("bigint")', "_uuid": "uuid()"}
    plain |= {kind: f"several({element}, 0, 3)" for kind, element in elements.items()}
    plain |= {kind: f"document({{}}, {text(kind)})" for kind in ("json", "jsonb")}
    return plain.get(column.type)


def _blob(table: Table, column: Column) -> str:
    lengths = [found[2] for rule in table.rules if (found := BYTES.match(rule.text)) and found[1] == column.name]
    return f"blob({lengths[0]}, {lengths[0]})" if lengths else "blob(8, 64)"


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


def cut(text: str, short: str, column: Column) -> str:
    """The template, or a shorter one for a column with little room."""
    room = _LENGTH.search(column.written) if column.type in ("varchar", "bpchar") else None
    return short if room is not None and int(room[1]) < len(text) + 8 else text


def _earlier(table: Table, column: Column) -> str | None:
    """The column that a check wants to be before this one."""
    for rule in table.rules:
        found = ORDER.match(rule.text) if rule.kind == "c" else None
        if found is not None and found[1] == column.name and found[2] in table.columns and table.columns[found[2]].type in POINTS:
            return found[2]
    return None


def is_torn(table: Table, column: Column) -> bool:
    """Whether a check of several columns that is not understood here concerns it, while the database has a value of its own for it."""
    if not column.default or column.type in POINTS:
        return False
    return any(rule.kind == "c" and len(rule.columns or ()) > 1 and column.name in (rule.columns or ()) for rule in table.rules)


def typed(wanted: str | None, usual: str) -> str:
    return f'.typed("{wanted}")' if wanted and wanted != usual else ""


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def literal(value: Any) -> str:
    return text(value) if isinstance(value, str) else str(value)
