"""What a draft takes for the values of a column, by its name and type."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from tenantry.datasets.discover import Column, Rule, Table
from tenantry.datasets.draft_shape import POINTS, WHOLE

TEXTS = ("text", "varchar", "bpchar", "citext")
# A check that one column is before another.
ORDER = re.compile(r"^CHECK \(\(+\"?(\w+)\"? >=? \"?(\w+)\"?\)+$")
# A check of how many bytes there are.
BYTES = re.compile(r"^CHECK \(\(octet_length\(\"?(\w+)\"?\) = (\d+)\)\)$")
# A check of one column against numbers.
_LIMIT = r"\(*\"?(\w+)\"? (>=|>|<=|<) \(?'?(-?\d+(?:\.\d+)?)'?\)?(?:::[a-z ]+)?\)*"
_LIMITS = re.compile(rf"^CHECK \({_LIMIT}(?: AND {_LIMIT})?\)$")
_MOST = {"smallint": 2**15 - 1, "int": 2**31 - 1, "bigint": 2**63 - 1}
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
        low, high = _limits(table, column, Decimal(1), Decimal(_MOST[whole]))
        return f"integer({_number(low)}, {_number(high)}){typed(whole, 'int')}"
    if column.type == "numeric":
        digits, scale = (int(precision[1]), int(precision[2])) if precision else (12, 2)
        unit = Decimal(1).scaleb(-scale)
        low, high = _limits(table, column, unit, 10 ** (digits - scale) - unit)
        return f'decimal({_number(low)}, {_number(high)}, "numeric({digits},{scale})")' if digits <= 18 else None
    if column.type in POINTS:
        span = f"after({text(before)}), after({text(before)}, 30)" if before else "-365, 0"
        return f"{POINTS[column.type]}({span}){typed('timestamp' if column.type == 'timestamp' else '', '')}"
    plain = {"bool": "flag(0.5)", "float8": 'lognormal(10, 1, 0, 1000, "float8")', "uuid": "uuid()", "bytea": _blob(table, column)}
    elements = {"_text": 'constant("word")', "_int4": "integer(1, 100)", "_int8": 'integer(1, 100).typed("bigint")', "_uuid": "uuid()"}
    plain |= {kind: f"several({element}, 0, 3)" for kind, element in elements.items()}
    plain |= {kind: f"document({{}}, {text(kind)})" for kind in ("json", "jsonb")}
    return plain.get(column.type)


def _limits(table: Table, column: Column, unit: Decimal, most: Decimal) -> tuple[Decimal, Decimal]:
    """Values of moderate size between what checks allow, and up to `most`; `unit` is the smallest difference."""
    low: Decimal | None = None
    high: Decimal | None = None
    for rule in table.rules:
        for name, relation, number in re.findall(_LIMIT, rule.text) if is_limit(rule, table) else ():
            value = Decimal(number)
            if name == column.name and relation[0] == ">":
                low = max(value + unit * (relation == ">"), value if low is None else low)
            elif name == column.name:
                high = min(value - unit * (relation == "<"), value if high is None else high)
    span = Decimal(min(100, int(most)))
    if low is None:
        low = min(Decimal(1), span) if high is None or high >= 1 else high - span
    return low, high if high is not None else min(max(span, low + span - 1), most)


def _number(value: Decimal) -> str:
    return str(int(value)) if value == int(value) else text(f"{value:f}")


def is_limit(rule: Rule, table: Table) -> bool:
    """Whether a rule holds whole numbers or decimals within limits, which values of a draft keep."""
    found = _LIMITS.match(rule.text) if rule.kind == "c" else None
    return found is not None and all(table.columns[name].type in (*WHOLE, "numeric") for name in rule.columns or ())


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
