"""Foreign keys and indexes that a load sets aside and makes anew when its rows are there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenantry.datasets.database import Link, in_list, relation
from tenantry.datasets.spec import Dataset

# What its definition does not tell would be lost: a comment, a place, a mark. Whatever has one stays.
_PLAIN_KEY = "obj_description(k.oid, 'pg_constraint') IS NULL"
_PLAIN_INDEX = """NOT (i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisclustered OR i.indisreplident) AND i.indisvalid
    AND x.reltablespace = 0 AND obj_description(x.oid, 'pg_class') IS NULL
    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0)"""

_WHOLE = "c.relkind = 'r' AND NOT c.relispartition"


@contextmanager
def set_aside(link: Link, dataset: Dataset, filled: Collection[str]) -> Iterator[None]:
    """In this block what forbids or slows down a load is not there; at its end it is as before, or it fails. Works inside a transaction.

    - Foreign keys to tables that are filled later: deferred, or if they cannot be, dropped and made anew, as the owner of the table may.
    - Of the tables of `filled`, most of whose rows the load brings: all other foreign keys and the indexes that hold nothing unique, if
      the role may make them anew. To look at all rows at the end is quicker than at each one.
    """
    keys = _keys(link, dataset, filled)
    deferred = [f"{key.schema}.{key.name}" for key in keys if not key.dropped]
    dropped = [key for key in keys if key.dropped]
    indexes = _indexes(link, filled)
    for name in deferred:
        link.execute(f"SET CONSTRAINTS {name} DEFERRED")
    for key in dropped:
        link.execute(f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}")
    for name in indexes:
        link.execute(f"DROP INDEX {name}")
    yield
    for definition in indexes.values():
        link.execute(definition)
    for key in dropped:
        link.execute(f"ALTER TABLE {key.table} ADD CONSTRAINT {key.name} {key.definition}")
    for name in deferred:
        link.execute(f"SET CONSTRAINTS {name} IMMEDIATE")


@dataclass(frozen=True, slots=True)
class _Key:
    """A foreign key, its names as SQL writes them."""

    schema: str
    table: str
    name: str
    definition: str
    dropped: bool


def _keys(link: Link, dataset: Dataset, filled: Collection[str]) -> list[_Key]:
    tables = f"unnest(ARRAY[{in_list(map(relation, dataset.tables))}]::text[]) WITH ORDINALITY"
    slow = f"child.name = ANY (ARRAY[{in_list(map(relation, filled))}]::text[]) AND {_owned('c')} AND {_owned('p')} AND {_PLAIN_KEY}"
    rows = link.rows(
        "SELECT connamespace::regnamespace, conrelid::regclass, quote_ident(conname), pg_get_constraintdef(k.oid),"
        f" NOT condeferrable OR ({slow}) FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid JOIN pg_class p ON p.oid = confrelid"
        f" JOIN {tables} child (name, place) ON conrelid = to_regclass(child.name)"
        f" LEFT JOIN {tables} parent (name, place) ON confrelid = to_regclass(parent.name)"
        f" WHERE contype = 'f' AND conparentid = 0 AND (child.place < parent.place OR ({slow} AND {_WHOLE}))"
        " ORDER BY child.place, conname"
    )
    return [_Key(schema or "", table or "", name or "", definition or "", drop == "t") for schema, table, name, definition, drop in rows]


def _indexes(link: Link, filled: Collection[str]) -> dict[str, str]:
    """Definitions by name."""
    tables = f"unnest(ARRAY[{in_list(map(relation, filled))}]::text[]) WITH ORDINALITY"
    rows = link.rows(
        "SELECT x.oid::regclass, pg_get_indexdef(x.oid) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
        f" JOIN pg_class c ON c.oid = i.indrelid JOIN {tables} t (name, place) ON c.oid = to_regclass(t.name)"
        f" WHERE {_WHOLE} AND {_owned('c')} AND has_schema_privilege(c.relnamespace, 'CREATE') AND {_PLAIN_INDEX}"
        " ORDER BY t.place, x.relname"
    )
    return {name or "": definition or "" for name, definition in rows}


def _owned(table: str) -> str:
    return f"pg_has_role({table}.relowner, 'USAGE')"
