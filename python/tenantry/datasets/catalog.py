"""What the live database has, compared with what a dataset wants, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tenantry.datasets.columns import RANGES
from tenantry.datasets.database import Link, in_list, literal, quoted, relation
from tenantry.datasets.spec import Dataset
from tenantry.errors import PopulationError

_TYPES = {
    "bigint": {"int8"},
    "int": {"int4"},
    "smallint": {"int2"},
    "float8": {"float8"},
    "bool": {"bool"},
    "date": {"date"},
    "timestamptz": {"timestamptz"},
    "timestamp": {"timestamp"},
    "uuid": {"uuid"},
    "text": {"text", "varchar", "bpchar", "citext", "enum"},
    "json": {"json"},
    "jsonb": {"jsonb"},
    "bytea": {"bytea"},
    "text[]": {"_text"},
    "int[]": {"_int4"},
    "bigint[]": {"_int8"},
    "uuid[]": {"_uuid"},
    **{name: {name} for name in RANGES.values()},
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """Which of the dataset's tables are there, and whether they have what its constraints file gives them."""

    present: frozenset[str]
    constrained: bool

    @classmethod
    def read(cls, link: Link, dataset: Dataset) -> Self:
        """Look the dataset's tables up on the search path."""
        names = [name for name in dataset.tables if link.texts(f"SELECT to_regclass({literal(relation(name))})")]
        oids = f"SELECT to_regclass(name) FROM unnest(ARRAY[{in_list(map(relation, names))}]::text[]) name"
        marks = link.number(
            f"SELECT (SELECT count(*) FROM pg_constraint WHERE contype IN ('f', 'u') AND conrelid IN ({oids}))"
            f" + (SELECT count(*) FROM pg_policy WHERE polrelid IN ({oids}))"
        )
        return cls(frozenset(names), marks > 0)


def check_tables(link: Link, dataset: Dataset) -> None:
    """Raise PopulationError with everything that would keep the rows out: columns, types, privileges, row-level security."""
    faults = [fault for table in dataset.tables for fault in _table_faults(link, dataset, table)]
    if faults:
        hint = "correct the dataset or the schema, and load as the owner of the tables or a role with BYPASSRLS"
        raise PopulationError("the database does not take the dataset:\n  " + "\n  ".join(faults), where=link.place, hint=hint)


def check_allowed(link: Link, tables: Sequence[str], *privileges: str) -> None:
    """Raise PopulationError with each of the tables that the role may not use so, or that row-level security shows it only in part."""
    faults = [fault for table in tables for fault in _role_faults(link, table, privileges)]
    if faults:
        hint = "connect as the owner of the tables, or give the role what it lacks (row-level security: BYPASSRLS)"
        raise PopulationError("the role may not do it:\n  " + "\n  ".join(faults), where=link.place, hint=hint)


def check_may_create(link: Link) -> None:
    """Raise PopulationError when the role may not make tables."""
    schema, user, may = link.rows("SELECT current_schema(), current_user, has_schema_privilege(current_schema(), 'CREATE')")[0]
    if may != "t":
        what = f"the role {user} may not make tables in the schema {schema}"
        hint = f"GRANT CREATE ON SCHEMA {quoted(schema or 'public')} TO {quoted(user or '')}, or make the tables first"
        raise PopulationError(what, where=link.place, hint=hint)


def _table_faults(link: Link, dataset: Dataset, table: str) -> list[str]:
    return [*_column_faults(link, dataset, table), *_role_faults(link, table, ("INSERT", "SELECT"))]


def _role_faults(link: Link, table: str, privileges: Sequence[str]) -> list[str]:
    name = literal(relation(table))
    asked = ", ".join(f"has_table_privilege({name}, '{privilege}')" for privilege in privileges)
    user, secured, *granted = link.rows(f"SELECT current_user, row_security_active({name}), {asked}")[0]
    lacking = [privilege for privilege, given in zip(privileges, granted, strict=True) if given != "t"]
    if lacking:
        grant = f"GRANT {', '.join(lacking)} ON {relation(table)} TO {quoted(user or '')}"
        return [f"{table}: the role {user} may not {' or '.join(lacking).lower()} ({grant})"]
    return [f"{table}: row-level security binds the role {user}: it sees some rows only, and may not COPY"] if secured == "t" else []


def _column_faults(link: Link, dataset: Dataset, table: str) -> list[str]:
    rows = link.rows(
        "SELECT attname, CASE typtype WHEN 'e' THEN 'enum' ELSE typname END,"
        " attnotnull AND NOT atthasdef AND attidentity = '', attgenerated <> ''"
        " FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid"
        f" WHERE attrelid = to_regclass({literal(relation(table))}) AND attnum > 0 AND NOT attisdropped"
    )
    there = {name: (kind, needed, generated) for name, kind, needed, generated in rows}
    written = dataset.written(table)
    faults = []
    for column in written:
        wanted = dataset.column_type(table, column)
        if column not in there:
            faults.append(f"{table}.{column}: the table has no such column")
            continue
        kind, _, generated = there[column]
        if kind not in _TYPES.get(wanted.partition("(")[0], {"numeric"}):
            faults.append(f"{table}.{column}: its type is {kind}, the dataset's {wanted}")
        if generated == "t":
            faults.append(f"{table}.{column}: the database generates it, so it cannot be given")
    faults += [
        f"{table}.{name}: must not be null, and the dataset has no such column" for name, row in _needed(there) if name not in written
    ]
    return faults


def _needed(there: dict[str | None, tuple[str | None, str | None, str | None]]) -> list[tuple[str, object]]:
    return [(name or "", row) for name, row in there.items() if row[1] == "t"]
