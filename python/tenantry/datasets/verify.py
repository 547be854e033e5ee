"""Whether a database holds a population: counts, references, and isolation as the app's role sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tenantry.datasets.database import Link, in_list, literal, quoted, relation
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.errors import PopulationError

_Key = tuple[str, str, frozenset[tuple[str, str]]]
"""A foreign key: its table, the table that it leads to, and the columns of both in pairs."""


@dataclass(slots=True)
class Verification:
    """Rows found per table, rows without their parent per reference, and rows seen by the app's role per tenant looked at.

    `not_checked` says what could not be looked at, and why.
    """

    rows: dict[str, int] = field(default_factory=dict)
    orphans: dict[str, int] = field(default_factory=dict)
    isolation: dict[str, dict[str, int]] = field(default_factory=dict)
    not_checked: list[str] = field(default_factory=list)


def verify(link: Link, population: Population, *, loading: bool = False) -> Verification:
    """Compare the database with the population, by SQL; raise PopulationError with everything that differs (`loading`: and is undone).

    Works inside a transaction, which it leaves with the role that it had.
    """
    found, faults = Verification(), []
    for table in population.tables():
        found.rows[table] = link.number(f"SELECT count(*) FROM {relation(table)} WHERE {_seeded(population, table)}")
        if found.rows[table] != population.count(table):
            faults.append(f"{table} has {found.rows[table]:,} rows of the dataset instead of {population.count(table):,}")
    proven = _proven(link, population) if loading else frozenset()
    for name, query in _orphan_queries(population, proven).items():
        found.orphans[name] = link.number(query) if query else 0
        if found.orphans[name]:
            faults.append(f"{found.orphans[name]:,} rows refer by {name} to rows that do not exist")
    leaks = _check_isolation(link, population, found)
    if faults or leaks:
        hints = ["nothing was loaded"] if loading else []
        hints += ["something else writes to these tables, or changes rows on their way (a trigger?)"] if faults else []
        hints += ["check ENABLE ROW LEVEL SECURITY and the USING condition of the policies of these tables"] if leaks else []
        what = "\n  ".join(["the database does not hold the dataset:", *faults] if faults else ["tenants are not kept apart:"])
        raise PopulationError("\n  ".join([what, *leaks]), where=link.place, hint="; ".join(hints))
    return found


def _seeded(population: Population, table: str, alias: str = "") -> str:
    """The condition for rows of the dataset: tenant and key lie in the arithmetic ranges."""
    dataset, dot = population.dataset, f"{alias}." if alias else ""
    condition = f"{dot}{quoted(dataset.owner_column(table))} {population.tenant_ids()}"
    if table == dataset.tenant_table:
        return condition
    key, counted = _keyed(dataset, table)
    if key is None:
        return condition
    first = dataset.first_key
    return f"{condition} AND {dot}{quoted(key)} BETWEEN {first} AND {first + population.count(counted) - 1}"


def _keyed(dataset: Dataset, table: str) -> tuple[str | None, str]:
    """The column that tells a seeded row by its number: the table's key, else that of its parent; and whose key it is."""
    key = dataset.key_column(table)
    if key is not None:
        return key, table
    own = next((name for name, column in dataset.written(table).items() if column.kind == "parent"), None)
    return own, table if own is None else dataset.parent(table, own)


def _proven(link: Link, population: Population) -> frozenset[_Key]:
    """What foreign keys say that hold: in a load Postgres has just looked at every row for them."""
    tables = f"unnest(ARRAY[{in_list(map(relation, population.tables()))}]::text[], ARRAY[{in_list(population.tables())}]::text[])"
    columns = "(SELECT string_agg(attname, chr(10) ORDER BY place) FROM unnest({0}) WITH ORDINALITY u (number, place) JOIN pg_attribute"
    columns += " ON attrelid = {1} AND attnum = number)"
    rows = link.rows(
        f"SELECT child.name, parent.name, {columns.format('conkey', 'conrelid')}, {columns.format('confkey', 'confrelid')}"
        f" FROM pg_constraint JOIN {tables} child (place, name) ON conrelid = to_regclass(child.place)"
        f" JOIN {tables} parent (place, name) ON confrelid = to_regclass(parent.place) WHERE contype = 'f' AND convalidated"
    )
    return frozenset(
        (child or "", parent or "", frozenset(zip((own or "").split("\n"), (there or "").split("\n"), strict=True)))
        for child, parent, own, there in rows
    )


def _orphan_queries(population: Population, proven: frozenset[_Key]) -> dict[str, str]:
    """For each reference, a count of the rows whose parent is missing or belongs to another tenant; no query where that is proven."""
    dataset = population.dataset
    queries = {}
    for table in population.tables():
        for name, (parent, pairs) in dataset.links(table).items():
            title = f"{table}.{name}" if len(pairs) == 1 else f"{table}.({name})"
            tenants = {} if parent == dataset.tenant_table else {dataset.owner_column(table): dataset.owner_column(parent)}
            wanted = pairs | tenants
            if (table, parent, frozenset(wanted.items())) in proven:
                queries[title] = ""
                continue
            equal = " AND ".join(f"p.{quoted(there)} = c.{quoted(own)}" for own, there in wanted.items())
            present = " AND ".join(f"c.{quoted(own)} IS NOT NULL" for own in pairs)
            queries[title] = (
                f"SELECT count(*) FROM {relation(table)} c WHERE {_seeded(population, table, 'c')} AND {present}"
                f" AND NOT EXISTS (SELECT FROM {relation(parent)} p WHERE {equal})"
            )
    return queries


def _check_isolation(link: Link, population: Population, found: Verification) -> list[str]:
    """As the app's role, in the first, a middle and the last tenant: exactly its own rows; without a tenant, none."""
    isolation = population.dataset.isolation
    if isolation is None:
        found.not_checked.append("isolation: the dataset declares none")
        return []
    user, exists, member = link.rows(
        "SELECT current_user, role IS NOT NULL, CASE WHEN role IS NOT NULL THEN pg_has_role(role, 'MEMBER') END"
        f" FROM to_regrole({literal(quoted(isolation.role))}) role"
    )[0]
    if exists != "t":
        return [f"isolation: there is no role {isolation.role}"]
    if member != "t":
        grant = f"GRANT {quoted(isolation.role)} TO {quoted(user or '')}"
        found.not_checked.append(f"isolation: the role {user} may not act as {isolation.role} ({grant})")
        return []
    tables = [table for table in population.tables() if _may_read(link, isolation.role, table)]
    if hidden := [table for table in population.tables() if table not in tables]:
        found.not_checked.append(f"isolation of {', '.join(hidden)}: the role {isolation.role} may not read there at all")
    faults = []
    for tenant in sorted({1, (population.tenants + 1) // 2, population.tenants}):
        seen, strange = _seen(link, population, tables, tenant)
        found.isolation[str(tenant)] = seen
        faults += [
            f"{isolation.role} in tenant {tenant} sees {count:,} rows of others in {table}" for table, count in strange.items() if count
        ]
        faults += [
            f"{isolation.role} in tenant {tenant} sees {count:,} of its {wanted:,} rows in {table}"
            for table, count in seen.items()
            if count != (wanted := population.count(table, tenant - 1))
        ]
    visible = {table: own + strange for table, own, strange in _counts(link, population, tables, None)}
    return faults + [f"{isolation.role} without a tenant sees {count:,} rows in {table}" for table, count in visible.items() if count]


def _may_read(link: Link, role: str, table: str) -> bool:
    """Whether a role may select any column of a table."""
    whose, name = literal(role), literal(relation(table))
    schema = f"(SELECT relnamespace FROM pg_class WHERE oid = {name}::regclass)"
    query = f"SELECT has_schema_privilege({whose}, {schema}, 'USAGE') AND has_any_column_privilege({whose}, {name}, 'SELECT')"
    return link.texts(query) == ["t"]


def _seen(link: Link, population: Population, tables: Sequence[str], tenant: int) -> tuple[dict[str, int], dict[str, int]]:
    counts = _counts(link, population, tables, tenant)
    return {table: own for table, own, _ in counts}, {table: strange for table, _, strange in counts}


def _counts(link: Link, population: Population, tables: Sequence[str], tenant: int | None) -> list[tuple[str, int, int]]:
    """Per table, seeded rows of the tenant and rows of other tenants that the app's role sees."""
    dataset = population.dataset
    assert dataset.isolation is not None
    told = "" if tenant is None else population.tenant_id(tenant - 1)
    link.execute(
        f"SET LOCAL ROLE {quoted(dataset.isolation.role)}; SELECT set_config({literal(dataset.isolation.setting)}, {literal(told)}, true)"
    )
    counts = []
    for table in tables:
        own = f"{quoted(dataset.owner_column(table))} = {literal(told)}" if told else "false"
        seeded, strange = f"{own} AND {_seeded(population, table)}", f"NOT ({own})"
        row = link.rows(f"SELECT count(*) FILTER (WHERE {seeded}), count(*) FILTER (WHERE {strange}) FROM {relation(table)}")[0]
        counts.append((table, int(row[0] or 0), int(row[1] or 0)))
    link.execute("RESET ROLE")
    return counts
