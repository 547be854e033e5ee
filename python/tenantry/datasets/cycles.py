"""Tables that refer to each other in a circle: their foreign keys while rows go in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenantry.datasets.database import Link, in_list, relation
from tenantry.datasets.spec import Dataset


@contextmanager
def without_forward_keys(link: Link, dataset: Dataset) -> Iterator[None]:
    """In this block rows may refer to rows of tables that are filled later; at its end all such foreign keys hold again, or it fails.

    A key that can be deferred is; any other is dropped and made anew, as the owner of its table may. Works inside a transaction.
    """
    keys = _forward_keys(link, dataset)
    deferred = [f"{key.schema}.{key.name}" for key in keys if key.deferrable]
    dropped = [key for key in keys if not key.deferrable]
    for name in deferred:
        link.execute(f"SET CONSTRAINTS {name} DEFERRED")
    for key in dropped:
        link.execute(f"ALTER TABLE {key.table} DROP CONSTRAINT {key.name}")
    yield
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
    deferrable: bool


def _forward_keys(link: Link, dataset: Dataset) -> list[_Key]:
    """The keys that lead to a later table."""
    places = f"unnest(ARRAY[{in_list(map(relation, dataset.tables))}]::text[]) WITH ORDINALITY"
    rows = link.rows(
        "SELECT connamespace::regnamespace, conrelid::regclass, quote_ident(conname), pg_get_constraintdef(k.oid), condeferrable"
        " FROM pg_constraint k"
        f" JOIN {places} child (name, place) ON conrelid = to_regclass(child.name)"
        f" JOIN {places} parent (name, place) ON confrelid = to_regclass(parent.name)"
        " WHERE contype = 'f' AND conparentid = 0 AND child.place < parent.place ORDER BY child.place, conname"
    )
    return [_Key(schema or "", table or "", name or "", definition or "", late == "t") for schema, table, name, definition, late in rows]
