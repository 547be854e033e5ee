"""Removing what seeding put in, and what the app made for those tenants; nothing else."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tenantry.datasets.catalog import Catalog
from tenantry.datasets.database import Link, OnProgress, connect, literal, lock, quiet, quoted, transaction
from tenantry.datasets.manifest import forget, remembered, unsettle
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.errors import PopulationError

_SLOW_S, _FAST_S = 0.8, 0.3
_FIRST_BATCH = 20
_MOST_TENANTS = 999_999_999


@dataclass(slots=True)
class Cleaned:
    """The dataset's tenants in the database, the rows that belong to them per table (children first), and the rows removed."""

    dataset: str
    tenants: int
    found: dict[str, int]
    removed: dict[str, int] = field(default_factory=dict)


def clean(
    dataset: Dataset,
    dsn: str,
    *,
    tenants: int | None = None,
    yes: bool = False,
    allow: Collection[str] = (),
    confirm: str | None = None,
    on_progress: OnProgress = quiet,
) -> Cleaned:
    """Count, and with `yes` remove, all rows of the dataset's tenants: those whose key lies in the arithmetic range (the first `tenants`,
    default all) and whose mark is the one that this key has.

    Removes batches of whole tenants, each in a transaction of its own, so that locks are short and a second call goes on where a first
    was stopped. Raises PopulationError when another table refers to the rows and would keep them from being removed.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link:
        order = _order(link, dataset)
        own = _own_tenants(link, dataset, tenants)
        keys = list(own.values())
        found = {table: link.number(f"SELECT count(*) FROM {quoted(table)} WHERE {_whose(dataset, table, keys)}") for table in order}
        result = Cleaned(dataset.name, len(keys), found)
        if yes and keys:
            unsettle(link, dataset)
            result.removed = _remove(link, dataset, order, keys, on_progress)
            if not _own_tenants(link, dataset, None):
                forget(link, dataset)
        return result


def _own_tenants(link: Link, dataset: Dataset, limit: int | None) -> dict[int, str]:
    """Keys of the tenants, by number from 1, that have the mark which arithmetic gives them; foreign rows with such a mark stay."""
    table, mark = dataset.tenant_table, dataset.mark
    prefix = str(dataset.tables[table].columns[mark].parameters.get("text", "")).partition("{")[0]
    key, written = quoted(dataset.owner_column(table)), quoted(mark)
    first = dataset.first_key
    within = "true" if dataset.has_uuid_tenants else f"{key} BETWEEN {first} AND {first - 1 + (limit or _MOST_TENANTS)}"
    marked = link.rows(f"SELECT {key}, {written} FROM {quoted(table)} WHERE {within} AND starts_with({written}, {literal(prefix)})")
    if not marked:
        return {}
    candidates = {row[0] or "": row[1] for row in marked}
    population = Population(dataset, min(_last_tenant(link, dataset, candidates), limit or _MOST_TENANTS))
    ours = ((number, population.tenant_id(number), getattr(population.tenant(number), mark)) for number in range(population.tenants))
    return {number + 1: key for number, key, text in ours if candidates.get(key) == text}


def _last_tenant(link: Link, dataset: Dataset, candidates: Collection[str]) -> int:
    """The highest number that one of the tenants with these keys may have."""
    if not dataset.has_uuid_tenants:
        return max(map(int, candidates)) - dataset.first_key + 1
    known = remembered(link, dataset)
    # A UUID does not tell its number. Where the database remembers nothing, some may have been removed before.
    return known.tenants if known is not None else 2 * len(candidates) + 1000


def _order(link: Link, dataset: Dataset) -> list[str]:
    """The tables to empty, children first: the dataset's, the app's, and all that refer to them."""
    catalog = Catalog.read(link, dataset)
    missing = [table for table in dataset.tables if table not in catalog.present]
    if missing:
        what = f"the tables of the dataset are not there: {', '.join(missing)}"
        raise PopulationError(what, where=link.place, hint="is this the right database?")
    present = [table for table in dataset.app_tables if link.texts(f"SELECT to_regclass({literal(quoted(table))})")]
    order = [*present, *reversed(list(dataset.tables))]
    parents = _references(link)
    while strangers := sorted({child for child, parent in parents if parent in order} - set(order)):
        _check_owned(link, dataset, strangers)
        order = [*strangers, *order]
    return [table for tables in _children_first(order, parents) for table in tables]


def _references(link: Link) -> set[tuple[str, str]]:
    """All foreign keys of the database, as (child, parent); names as the search path knows them."""
    rows = link.rows(
        "SELECT DISTINCT c.relname, p.relname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
        " JOIN pg_class p ON p.oid = k.confrelid WHERE k.contype = 'f' AND pg_table_is_visible(c.oid) AND pg_table_is_visible(p.oid)"
    )
    return {(child or "", parent or "") for child, parent in rows if child != parent}


def _check_owned(link: Link, dataset: Dataset, tables: Sequence[str]) -> None:
    oids = ", ".join(f"to_regclass({literal(quoted(table))})" for table in tables)
    query = f"SELECT attrelid::regclass FROM pg_attribute WHERE attrelid IN ({oids}) AND attname = {literal(dataset.tenant_column)}"
    owned = {name.strip('"') for name in link.texts(query)}
    if strange := [table for table in tables if table not in owned]:
        what = f"{', '.join(strange)} refers to rows of the dataset, but has no column {dataset.tenant_column} to tell whose its rows are"
        raise PopulationError(what, where=link.place, hint="remove those rows yourself first")


def _children_first(tables: Sequence[str], references: set[tuple[str, str]]) -> list[list[str]]:
    """Tables one after the other, except those that refer to each other in a circle: together."""
    parents = {table: {parent for child, parent in references if child == table and parent in tables} for table in tables}
    above = {table: _reached(table, parents) for table in tables}
    order: list[list[str]] = []
    rest = list(tables)
    while rest:
        free = next(table for table in rest if all(child in above[table] for child in rest if table in above[child]))
        order.append([table for table in rest if table == free or (table in above[free] and free in above[table])])
        rest = [table for table in rest if table not in order[-1]]
    return order


def _reached(table: str, parents: Mapping[str, set[str]]) -> set[str]:
    """The tables that a table refers to, and those that these refer to, and so on."""
    found: set[str] = set()
    new = parents[table]
    while new:
        found |= new
        new = {above for one in new for above in parents[one]} - found
    return found


def _whose(dataset: Dataset, table: str, keys: Sequence[str]) -> str:
    column = dataset.owner_column(table) if table in dataset.tables else dataset.tenant_column
    kind = "uuid" if dataset.has_uuid_tenants else "bigint"
    return f"{quoted(column)} = ANY ('{{{','.join(keys)}}}'::{kind}[])"


def _remove(link: Link, dataset: Dataset, order: Sequence[str], keys: Sequence[str], on_progress: OnProgress) -> dict[str, int]:
    removed = dict.fromkeys(order, 0)
    groups = _children_first(order, _references(link))
    start, size = 0, _FIRST_BATCH
    on_progress("tenants", 0, len(keys))
    while start < len(keys):
        batch = keys[start : start + size]
        began = time.perf_counter()
        with transaction(link):
            lock(link)
            for tables in groups:
                for table, count in _delete(link, dataset, tables, batch).items():
                    removed[table] += count
        took = time.perf_counter() - began
        start += len(batch)
        size = max(1, size // 2) if took > _SLOW_S else size * 2 if took < _FAST_S else size
        on_progress("tenants", start, len(keys))
    return removed


def _delete(link: Link, dataset: Dataset, tables: Sequence[str], keys: Sequence[str]) -> dict[str, int]:
    """One statement, so that foreign keys between the tables are looked at when all rows are gone; returns how many they were."""
    parts = [
        f"{quoted(f'gone {number}')} AS (DELETE FROM {quoted(table)} WHERE {_whose(dataset, table, keys)} RETURNING 1)"
        for number, table in enumerate(tables)
    ]
    counts = [f"(SELECT count(*) FROM {quoted(f'gone {number}')})" for number in range(len(tables))]
    row = link.rows(f"WITH {', '.join(parts)} SELECT {', '.join(counts)}")[0]
    return {table: int(count or 0) for table, count in zip(tables, row, strict=True)}
