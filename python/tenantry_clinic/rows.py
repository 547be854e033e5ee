"""Select lists from the types of their rows: a column is written down once, for the query and for the OpenAPI document."""

from __future__ import annotations


def columns(row: type, alias: str = "", /, **expressions: str) -> str:
    """`p.id, p.name, o.full_name AS owner` of a TypedDict with these keys; `expressions` are those that are no column of `alias`."""
    prefix = f"{alias}." if alias else ""
    names = row.__annotations__
    assert expressions.keys() <= names.keys(), f"{row.__name__} has no {expressions.keys() - names.keys()}"
    return ", ".join(f"{expressions[name]} AS {name}" if name in expressions else prefix + name for name in names)
