"""Tables that refer to each other in a circle: their foreign keys while rows go in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tenantry.datasets.database import Link, in_list, quoted
from tenantry.datasets.spec import Dataset


@contextmanager
def without_forward_keys(link: Link, dataset: Dataset) -> Iterator[None]:
    """In this block rows may refer to rows of tables that are filled later; at its end all such foreign keys hold again, or it fails.

    A key that can be deferred is; any other is dropped and made anew, as the owner of its table may. Works inside a transaction.
    """
    deferred, dropped = [], []
    for table, name, definition, deferrable in _forward_keys(link, dataset):
        if deferrable:
            deferred.append(name)
        else:
            dropped.append((table, name, definition))
    for name in deferred:
        link.execute(f"SET CONSTRAINTS {name} DEFERRED")
    for table, name, _ in dropped:
        link.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    yield
    for table, name, definition in dropped:
        link.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for name in deferred:
        link.execute(f"SET CONSTRAINTS {name} IMMEDIATE")


def _forward_keys(link: Link, dataset: Dataset) -> list[tuple[str, str, str, bool]]:
    """Table, constraint, definition, and whether it can be deferred, of keys that lead to a later table."""
    names = list(dataset.tables)
    places = f"unnest(ARRAY[{in_list(map(quoted, names))}]::text[]) WITH ORDINALITY"
    rows = link.rows(
        "SELECT conrelid::regclass, quote_ident(conname), pg_get_constraintdef(k.oid), condeferrable FROM pg_constraint k"
        f" JOIN {places} child (name, place) ON conrelid = to_regclass(child.name)"
        f" JOIN {places} parent (name, place) ON confrelid = to_regclass(parent.name)"
        " WHERE contype = 'f' AND conparentid = 0 AND child.place < parent.place ORDER BY child.place, conname"
    )
    return [(table or "", name or "", definition or "", deferrable == "t") for table, name, definition, deferrable in rows]
