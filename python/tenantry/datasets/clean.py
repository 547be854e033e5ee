"""Removing what seeding put in, and what the app made for those tenants; nothing else."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tenantry.datasets.catalog import Catalog, check_allowed
from tenantry.datasets.database import Link, OnProgress, connect, in_list, literal, lock, quiet, quoted, relation, transaction
from tenantry.datasets.manifest import forget, remembered, unsettle
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.errors import PopulationError

# A transaction ends when so much time has passed, and so much work is begun as fits: locks are held for less than a second.
_HOLD_S = 0.4
_FIRST_ROWS = 10_000
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

    Transactions are short, so that locks are, and a second call goes on where a first was stopped: rows of a tenant go children first, and
    the tenant itself last. Raises PopulationError when the role may not do it, or when another table refers to the rows and would keep
    them from being removed.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link:
        order = _order(link, dataset)
        check_allowed(link, order.tables, *(("SELECT", "DELETE") if yes else ("SELECT",)))
        own = _own_tenants(link, dataset)
        chosen = {number: key for number, key in own.items() if tenants is None or number <= tenants}
        keys = list(chosen.values())
        found = {
            table: link.number(f"SELECT count(*) FROM {relation(table)} WHERE {_whose(dataset, table, keys)}") for table in order.tables
        }
        result = Cleaned(dataset.name, len(keys), found)
        if yes and keys:
            unsettle(link, dataset)
            result.removed = dict.fromkeys(order.tables, 0)
            removal = _Removal(link, dataset, order, result.removed)
            removal.run(_sized(dataset, chosen), all_of_them=len(keys) == len(own), on_progress=on_progress)
        return result


def _own_tenants(link: Link, dataset: Dataset) -> dict[int, str]:
    """Keys of the tenants, by number from 1, that have the mark which arithmetic gives them; foreign rows with such a mark stay."""
    table, mark = dataset.tenant_table, dataset.mark
    prefix = str(dataset.tables[table].columns[mark].parameters.get("text", "")).partition("{")[0]
    key, written = quoted(dataset.owner_column(table)), quoted(mark)
    first = dataset.first_key
    within = "true" if dataset.has_uuid_tenants else f"{key} BETWEEN {first} AND {first - 1 + _MOST_TENANTS}"
    marked = link.rows(f"SELECT {key}, {written} FROM {relation(table)} WHERE {within} AND starts_with({written}, {literal(prefix)})")
    if not marked:
        return {}
    candidates = {row[0] or "": row[1] for row in marked}
    numbers = _numbers(link, dataset, candidates)
    population = Population(dataset, min(max(numbers) + 1, _MOST_TENANTS))
    ours = ((number, population.tenant_id(number), getattr(population.tenant(number), mark)) for number in numbers)
    return {number + 1: key for number, key, text in ours if candidates.get(key) == text}


def _sized(dataset: Dataset, tenants: Mapping[int, str]) -> list[tuple[str, int]]:
    """Keys of the tenants with the rows that they were seeded with."""
    population = Population(dataset, max(tenants))
    tables = population.tables()
    return [(key, sum(population.count(table, number - 1) for table in tables)) for number, key in tenants.items()]


def _numbers(link: Link, dataset: Dataset, candidates: Collection[str]) -> Sequence[int]:
    """The numbers, from 0, that the tenants with these keys may have."""
    if not dataset.has_uuid_tenants:
        return sorted(int(key) - dataset.first_key for key in candidates)
    known = remembered(link, dataset)
    # A UUID does not tell its number. Where the database remembers nothing, some may have been removed before.
    return range(known.tenants if known is not None else 2 * len(candidates) + 1000)


@dataclass(frozen=True, slots=True)
class Order:
    """The tables to empty, children first; those of `whole` refer to each other or to themselves, so they lose all rows at once."""

    tables: Sequence[str]
    whole: Collection[str]


def _order(link: Link, dataset: Dataset) -> Order:
    """The tables to empty: the dataset's, the app's, and all that refer to them."""
    catalog = Catalog.read(link, dataset)
    missing = [table for table in dataset.tables if table not in catalog.present]
    if missing:
        what = f"the tables of the dataset are not there: {', '.join(missing)}"
        raise PopulationError(what, where=link.place, hint="is this the right database?")
    present = [table for table in dataset.app_tables if link.texts(f"SELECT to_regclass({literal(relation(table))})")]
    order = [*present, *reversed(list(dataset.tables))]
    parents = _references(link, order)
    while strangers := sorted({child for child, parent in parents if parent in order} - set(order)):
        _check_owned(link, dataset, strangers)
        order = [*strangers, *order]
    return _children_first(order, parents)


def _references(link: Link, known: Sequence[str]) -> set[tuple[str, str]]:
    """All foreign keys of the database that keep rows from being removed, as (child, parent): tables by the names that we know them by."""
    ours = link.rows(f"SELECT to_regclass(name)::oid, name FROM unnest(ARRAY[{in_list(map(relation, known))}]::text[]) name")
    names = {oid: table for (oid, _), table in zip(ours, known, strict=True)}
    name = "CASE WHEN pg_table_is_visible({0}.oid) THEN {0}.relname ELSE {0}.relnamespace::regnamespace || '.' || {0}.relname END"
    rows = link.rows(
        f"SELECT DISTINCT c.oid, {name.format('c')}, p.oid, {name.format('p')} FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid"
        " JOIN pg_class p ON p.oid = k.confrelid WHERE k.contype = 'f' AND k.confdeltype <> 'c'"
    )
    return {(names.get(child, one or ""), names.get(parent, other or "")) for child, one, parent, other in rows}


def _check_owned(link: Link, dataset: Dataset, tables: Sequence[str]) -> None:
    has = f"SELECT FROM pg_attribute WHERE attrelid = to_regclass(name) AND attname = {literal(dataset.tenant_column)}"
    names = in_list(map(relation, tables))
    query = f"SELECT (EXISTS ({has}))::text FROM unnest(ARRAY[{names}]::text[]) WITH ORDINALITY t(name, place) ORDER BY place"
    if strange := [table for table, owned in zip(tables, link.texts(query), strict=True) if owned == "false"]:
        what = f"{', '.join(strange)} refers to rows of the dataset, but has no column {dataset.tenant_column} to tell whose its rows are"
        raise PopulationError(what, where=link.place, hint="remove those rows yourself first")


def _children_first(tables: Sequence[str], references: set[tuple[str, str]]) -> Order:
    order: list[str] = []
    whole = {child for child, parent in references if child == parent}
    rest = list(tables)
    while rest:
        free = [table for table in rest if not any(parent == table != child and child in rest for child, parent in references)]
        # Tables that refer to each other in a circle: all at once, and the database decides.
        order += free or rest
        whole |= set() if free else set(rest)
        rest = [table for table in rest if table not in order]
    return Order(order, whole)


def _whose(dataset: Dataset, table: str, keys: Sequence[str]) -> str:
    column = dataset.owner_column(table) if table in dataset.tables else dataset.tenant_column
    kind = "uuid" if dataset.has_uuid_tenants else "bigint"
    return f"{quoted(column)} = ANY ('{{{','.join(keys)}}}'::{kind}[])"


def next_rows(rows: int, took_s: float) -> int:
    """How many rows to remove next, after so many that took this time."""
    if took_s > _HOLD_S:
        return max(100, rows // 2)
    return rows * 2 if took_s < _HOLD_S / 2 else rows


@dataclass(slots=True)
class _Removal:
    """Removes tenants in transactions that stay short, however large one tenant is; `rows` is how many go at once."""

    link: Link
    dataset: Dataset
    order: Order
    removed: dict[str, int]
    rows: int = field(default_factory=lambda: _FIRST_ROWS)

    def run(self, tenants: Sequence[tuple[str, int]], *, all_of_them: bool, on_progress: OnProgress) -> None:
        """Remove tenants, given by key and size; if they are all, then also what the database remembers of the dataset."""
        start = 0
        on_progress("tenants", 0, len(tenants))
        while start < len(tenants):
            stop, size = start + 1, tenants[start][1]
            while stop < len(tenants) and size + tenants[stop][1] <= self.rows:
                size += tenants[stop][1]
                stop += 1
            began = time.perf_counter()
            keys = [key for key, _ in tenants[start:stop]]
            self._remove(keys, limited=size > self.rows, forgetting=all_of_them and stop == len(tenants))
            if size <= self.rows:
                self.rows = next_rows(self.rows, time.perf_counter() - began)
            start = stop
            on_progress("tenants", start, len(tenants))

    def _remove(self, keys: Sequence[str], *, limited: bool, forgetting: bool) -> None:
        rest: Sequence[str] = self.order.tables
        while rest:
            with transaction(self.link):
                lock(self.link)
                rest = self._for_a_while(rest, keys, limited)
                if forgetting and not rest:
                    forget(self.link, self.dataset)

    def _for_a_while(self, tables: Sequence[str], keys: Sequence[str], limited: bool) -> Sequence[str]:
        """Less than a second's work; the tables in which rows may be left."""
        began = time.perf_counter()
        for index, table in enumerate(tables):
            left = True
            while left:
                left = self._delete_some(table, keys) if limited and table not in self.order.whole else self._delete(table, keys)
                if time.perf_counter() - began > _HOLD_S:
                    return tables[index if left else index + 1 :]
        return ()

    def _delete(self, table: str, keys: Sequence[str], condition: str = "true") -> bool:
        """Remove the rows; none are left."""
        where = f"{_whose(self.dataset, table, keys)} AND {condition}"
        gone = self.link.number(f"WITH gone AS (DELETE FROM {relation(table)} WHERE {where} RETURNING 1) SELECT count(*) FROM gone")
        self.removed[table] += gone
        return False

    def _delete_some(self, table: str, keys: Sequence[str]) -> bool:
        """Remove some of the rows; whether there may be more."""
        before, began = self.removed[table], time.perf_counter()
        some = f"SELECT ctid FROM {relation(table)} WHERE {_whose(self.dataset, table, keys)} LIMIT {self.rows}"
        self._delete(table, keys, f"ctid = ANY (ARRAY ({some}))")
        full = self.removed[table] - before >= self.rows
        if full:
            self.rows = next_rows(self.rows, time.perf_counter() - began)
        return full
