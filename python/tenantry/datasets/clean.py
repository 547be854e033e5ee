"""Removing what seeding put in, and what the app made for those tenants; nothing else."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tenantry.datasets.catalog import Catalog, check_allowed
from tenantry.datasets.database import Link, OnProgress, connect, in_list, literal, lock, quiet, quoted, relation, transaction
from tenantry.datasets.manifest import forget, remembered, unsettle
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.engine import DatabaseError
from tenantry.errors import PopulationError

# A transaction ends when so much time has passed, and so much work is begun as fits: locks are held for less than a second.
_HOLD_S = 0.4
_FIRST_ROWS = 10_000
_MOST_TENANTS = 999_999_999
# How long to wait for tables to be emptied at once, and what the server says then: a lock, or a statement, took too long.
_WAIT_MS = 900
_TIMEOUTS = ("55P03", "57014")


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
    only_made: bool = False,
    allow: Collection[str] = (),
    confirm: str | None = None,
    on_progress: OnProgress = quiet,
) -> Cleaned:
    """Count, and with `yes` remove, all rows of the dataset's tenants: those whose key lies in the arithmetic range (the first `tenants`,
    default all) and whose mark is the one that this key has. With `only_made`, the rows that the app has made for them: those with a key
    that seeding gives to none, and all of tables that only the app fills.

    Where all rows of these tables are the dataset's, they are emptied at once. Else transactions are short, so that locks are, and a second
    call goes on where a first was stopped: rows of a tenant go children first, and the tenant itself last.

    Raises PopulationError when the role may not do it, or when another table refers to the rows and would keep them from being removed.
    """
    with connect(dsn, allow=allow, confirm=confirm) as link:
        order = _order(link, dataset)
        check_allowed(link, order.tables, *(("SELECT", "DELETE") if yes else ("SELECT",)))
        own = _own_tenants(link, dataset)
        chosen = {number: key for number, key in own.items() if tenants is None or number <= tenants}
        keys = list(chosen.values())
        which = _made(dataset, order.tables, max(own, default=1), link.place) if only_made else {}
        found = {
            table: link.number(
                f"SELECT count(*) FROM {relation(table)} WHERE {_whose(dataset, table, keys)} AND {which.get(table, 'true')}"
            )
            for table in order.tables
        }
        result = Cleaned(dataset.name, len(keys), found)
        if yes and keys:
            all_of_them = len(keys) == len(own) and not only_made
            if all_of_them and _empty(link, dataset, order.tables, own):
                result.removed = dict(found)
                return result
            if not only_made:
                unsettle(link, dataset)
            result.removed = dict.fromkeys(order.tables, 0)
            removal = _Removal(link, dataset, order, result.removed, which)
            removal.run(_sized(dataset, chosen), all_of_them=all_of_them, on_progress=on_progress)
        return result


def _made(dataset: Dataset, tables: Sequence[str], tenants: int, place: str) -> dict[str, str]:
    """Conditions for the rows that are not among those of the first `tenants` tenants, by table."""
    unknown = [table for table in dataset.tables if dataset.key_column(table) is None and table != dataset.tenant_table]
    if unknown:
        what = f"rows that the app made cannot be told from seeded ones in {', '.join(unknown)}: they have no whole number as key"
        raise PopulationError(what, where=place, hint="remove all rows of the tenants with `tenantry clean`, and seed again")
    population = Population(dataset, tenants)
    conditions = {dataset.tenant_table: "false"}
    for table in dataset.tables:
        key = dataset.key_column(table)
        if key is not None and table != dataset.tenant_table:
            last = dataset.first_key + population.count(table) - 1
            conditions[table] = f"{quoted(key)} NOT BETWEEN {dataset.first_key} AND {last}"
    return conditions


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
    # A mark is told from its own row alone. The sizes of all tenants up to a foreign one with a high key would take long to add up.
    alone = replace(dataset, tables={table: dataset.tables[table]}, users=None, app_tables=())
    population = Population(alone, min(max(numbers) + 1, _MOST_TENANTS))
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
    """The tables to empty, children first, those that refer to each other in a circle together; those of `whole` refer to themselves."""

    groups: Sequence[Sequence[str]]
    whole: Collection[str]

    @property
    def tables(self) -> list[str]:
        """All of them, one after the other."""
        return [table for group in self.groups for table in group]


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
    return Order(_children_first(order, parents), {child for child, parent in parents if child == parent})


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


def _empty(link: Link, dataset: Dataset, tables: Sequence[str], own: Mapping[int, str]) -> bool:
    """Empty tables that hold nothing else than the dataset, all at once, and forget it; false, and nothing is done, where others have rows.

    The tables are locked, for less than a second: if others have them for longer, or rows of others cannot be looked up as quickly, then
    nothing is done either.
    """
    numbers = sorted(own)
    if dataset.has_uuid_tenants or numbers[-1] - numbers[0] + 1 != len(numbers) or not _concerns_nobody(link, tables):
        return False
    low, high = own[numbers[0]], own[numbers[-1]]
    owners = [(relation(table), quoted(_owner(dataset, table))) for table in tables]
    outside = (f"< {low}", f"> {high}", "IS NULL")
    found = [f"EXISTS (SELECT FROM {table} WHERE {owner} {which})" for table, owner in owners for which in outside]
    others = f"SELECT {' OR '.join(found)}"
    names = ", ".join(map(relation, tables))
    try:
        with transaction(link):
            lock(link)
            link.execute(f"SET LOCAL lock_timeout = {_WAIT_MS}; SET LOCAL statement_timeout = {_WAIT_MS}")
            # Before the lock, so that nobody waits for nothing; and under it, when nobody can add any.
            if link.texts(others) == ["t"]:
                return False
            link.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
            if link.texts(others) == ["t"]:
                return False
            link.execute(f"TRUNCATE {names}")
            forget(link, dataset)
            return True
    except DatabaseError as error:
        if error.args[0] in _TIMEOUTS:
            return False
        raise


def _concerns_nobody(link: Link, tables: Sequence[str]) -> bool:
    """Whether the tables may be emptied at once, and nothing in the database wants to hear of each row that goes."""
    ours = f"ours AS (SELECT to_regclass(name)::oid AS oid FROM unnest(ARRAY[{in_list(map(relation, tables))}]::text[]) name)"
    deletes = 1 << 3
    strange = (
        "SELECT FROM ours JOIN pg_class c USING (oid) WHERE relkind <> 'r' OR relhassubclass OR relispartition OR relhasrules",
        "SELECT FROM ours WHERE NOT has_table_privilege(oid, 'TRUNCATE')",
        f"SELECT FROM pg_trigger JOIN ours ON tgrelid = ours.oid WHERE NOT tgisinternal AND tgtype & {deletes} <> 0",
        "SELECT FROM pg_constraint JOIN ours ON confrelid = ours.oid WHERE contype = 'f' AND conrelid NOT IN (SELECT oid FROM ours)",
    )
    return link.texts(f"WITH {ours} SELECT {' OR '.join(f'EXISTS ({query})' for query in strange)}") == ["f"]


def _owner(dataset: Dataset, table: str) -> str:
    return dataset.owner_column(table) if table in dataset.tables else dataset.tenant_column


def _whose(dataset: Dataset, table: str, keys: Sequence[str]) -> str:
    column = _owner(dataset, table)
    kind = "uuid" if dataset.has_uuid_tenants else "bigint"
    return f"{quoted(column)} = ANY ('{{{','.join(keys)}}}'::{kind}[])"


def next_rows(rows: int, took_s: float) -> int:
    """How many rows to remove next, after so many that took this time."""
    if took_s > _HOLD_S:
        return max(100, rows // 2)
    return rows * 2 if took_s < _HOLD_S / 2 else rows


@dataclass(slots=True)
class _Removal:
    """Removes tenants in transactions that stay short, however large one tenant is; `which` are conditions
    for the rows of a table, and `rows` is how many go at once.
    """

    link: Link
    dataset: Dataset
    order: Order
    removed: dict[str, int]
    which: Mapping[str, str]
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
        rest = self.order.groups
        while rest:
            with transaction(self.link):
                lock(self.link)
                rest = self._for_a_while(rest, keys, limited)
                if forgetting and not rest:
                    forget(self.link, self.dataset)

    def _for_a_while(self, groups: Sequence[Sequence[str]], keys: Sequence[str], limited: bool) -> Sequence[Sequence[str]]:
        """Less than a second's work; the tables in which rows may be left."""
        began = time.perf_counter()
        for index, group in enumerate(groups):
            some = limited and len(group) == 1 and group[0] not in self.order.whole
            left = True
            while left:
                left = self._delete_some(group[0], keys) if some else self._delete(group, keys)
                if time.perf_counter() - began > _HOLD_S:
                    return groups[index if left else index + 1 :]
        return ()

    def _delete(self, tables: Sequence[str], keys: Sequence[str], condition: str = "true") -> bool:
        """Remove the rows by one statement, so that foreign keys between the tables are looked at when all are gone; none are left."""
        whose = [f"{relation(table)} WHERE {self._rows(table, keys)} AND {condition}" for table in tables]
        parts = [f"gone_{number} AS (DELETE FROM {rows} RETURNING 1)" for number, rows in enumerate(whose)]
        counts = [f"(SELECT count(*) FROM gone_{number})" for number in range(len(tables))]
        row = self.link.rows(f"WITH {', '.join(parts)} SELECT {', '.join(counts)}")[0]
        for table, count in zip(tables, row, strict=True):
            self.removed[table] += int(count or 0)
        return False

    def _delete_some(self, table: str, keys: Sequence[str]) -> bool:
        """Remove some of the rows; whether there may be more."""
        before, began = self.removed[table], time.perf_counter()
        some = f"SELECT ctid FROM {relation(table)} WHERE {self._rows(table, keys)} LIMIT {self.rows}"
        self._delete([table], keys, f"ctid = ANY (ARRAY ({some}))")
        full = self.removed[table] - before >= self.rows
        if full:
            self.rows = next_rows(self.rows, time.perf_counter() - began)
        return full

    def _rows(self, table: str, keys: Sequence[str]) -> str:
        return f"{_whose(self.dataset, table, keys)} AND {self.which.get(table, 'true')}"
