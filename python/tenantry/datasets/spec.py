"""A dataset: tables, columns and their rules, as plain data; what it says is compiled by the native module."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tenantry.datasets.columns import RANGES, Column, encode_value, type_scale
from tenantry.datasets.functions import fingerprint
from tenantry.errors import UsageError

Identity = Callable[[Any, Any], Mapping[str, str]]
_EPOCH = date(1970, 1, 1).toordinal()
# Of one table and tenant, or parent.
MOST_ROWS = 1_000_000_000
# What a key of several columns may be composed of.
_PARTS = ("parent", "reference", "ordinal", "position", "distinct")
_VALUES = {"value": False, "values": True, "low": False, "high": False}


@dataclass(frozen=True, slots=True)
class Per:
    """So many rows for each row of `table`."""

    table: str
    rows: int | Column


def per(table: str, rows: int | Column) -> Per:
    """So many rows for each row of another table of the dataset, a number or drawn for each: `Table(per("pets", poisson(2)), ...)`."""
    return Per(table, rows)


@dataclass(frozen=True, slots=True)
class Table:
    """`per_tenant` rows for each tenant, with these columns, in this order.

    A column in its place draws a number for each tenant: `lognormal(100, 1, 5, 5000)`; `runs` and `each` count the tenants. With `per`
    there are so many for each row of another table.
    """

    per_tenant: int | Column | Per
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Isolation:
    """How the app keeps tenants apart: row-level security for `role`, told the tenant's key by the setting `setting`."""

    role: str
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The declaration of a population.

    `tables`: parents first. `tenant_table` has one row per tenant; the other tables say whose a row is in `tenant_column`; `mark` is the
    column of the tenant table by which `tenantry clean` recognises its own. `users`: the table a virtual user is drawn from.
    `first_key`: the lowest key of every table, above those of rows that are there already. `anchor`: "today" of the data.
    `pools`: lists of words by name. `app_tables`: tables that only the app fills, children first.
    `schema`, `constraints`: SQL files to run before and after the load on a database without these tables.
    `identity`: from a tenant's row and a user's row to the headers that a request of that user carries.
    """

    name: str
    anchor: date
    tables: Mapping[str, Table]
    tenant_table: str
    tenant_column: str
    mark: str
    users: str | None = None
    tenants: int = 100
    rng_seed: int = 1
    first_key: int = 1
    pools: Mapping[str, Sequence[str]] = field(default_factory=dict)
    app_tables: Sequence[str] = ()
    isolation: Isolation | None = None
    schema: Path | None = None
    constraints: Path | None = None
    identity: Identity | None = None

    def as_json(self) -> str:
        """The part of the declaration that rows are computed from; raises UsageError when it contradicts itself."""
        spec = {
            "name": self.name,
            "anchor": self.anchor.toordinal() - _EPOCH,
            "tenant_table": self.tenant_table,
            "users_table": self.users,
            "pools": {name: list(pool) for name, pool in self.pools.items()},
            "tables": [self._table(name, table) for name, table in self.tables.items()],
        }
        # Not told where it is as ever, so that what was seeded before is still known as the same.
        return json.dumps(spec | ({"first_key": self.first_key} if self.first_key != 1 else {}))

    def key_column(self, table: str) -> str | None:
        """The column of a table that holds its arithmetic key."""
        return next((name for name, column in self.tables[table].columns.items() if column.kind == "key"), None)

    def told_by(self, table: str) -> list[str]:
        """The columns by which other rows refer to a row of a table: its key or UUID, or without one what may be part of a key."""
        written = self.written(table)
        keys = [name for name, column in written.items() if column.kind in ("key", "uuid")]
        return keys or [name for name, column in written.items() if column.kind in _PARTS or self._tells(table, column)]

    def _tells(self, table: str, column: Column) -> bool:
        if column.kind != "lookup":
            return False
        return column.parameters["column"] in self.told_by(self.parent(table, column.parameters["reference"]))

    def links(self, table: str) -> dict[str, tuple[str, dict[str, str]]]:
        """The references of a table's rows: by its columns, the other table, and there the column for each of them."""
        columns, found = self.tables[table].columns, {}
        for name, column in columns.items():
            if column.kind == "tenant_key":
                found[name] = (self.tenant_table, {name: self.tenant_id})
            if column.kind not in ("reference", "parent"):
                continue
            parent = self.parent(table, name)
            told, key = self.told_by(parent), self.key_column(parent)
            pairs = {} if column.hidden or key is None else {name: key}
            looked = {other: there for other, there in self.written(table).items() if there.kind == "lookup"}
            pairs |= {
                other: there.parameters["column"]
                for other, there in looked.items()
                if there.parameters["reference"] == name and there.parameters["column"] in told
            }
            if pairs:
                found[", ".join(pairs)] = (parent, pairs)
        return found

    @property
    def has_functions(self) -> bool:
        """Whether a Python function computes one of its columns."""
        return any(column.kind == "function" for table in self.tables.values() for column in table.columns.values())

    @property
    def tenant_id(self) -> str:
        """The column of the tenant table that holds its key: a number or a UUID."""
        columns = self.tables[self.tenant_table].columns if self.tenant_table in self.tables else {}
        return next((name for name, column in columns.items() if column.kind in ("key", "uuid")), self.tenant_column)

    @property
    def has_uuid_tenants(self) -> bool:
        """Whether tenants are told apart by UUIDs."""
        return self.column_type(self.tenant_table, self.tenant_id) == "uuid"

    def owner_column(self, table: str) -> str:
        """The column of a table that holds the tenant's key."""
        return self.tenant_id if table == self.tenant_table else self.tenant_column

    def written(self, table: str) -> dict[str, Column]:
        """The columns of a table that are written."""
        return {name: column for name, column in self.tables[table].columns.items() if not column.hidden}

    def column_type(self, table: str, column: str) -> str:
        """The type of a column in Postgres; that of a look-up is found where it leads."""
        found = self._column(table, column)
        if found.type:
            return found.type
        if found.kind == "range":
            bound = self.column_type(table, found.parameters["low"])
            if bound not in RANGES:
                hint = f"give it two columns of the same type, one of {', '.join(RANGES)}"
                raise UsageError(f"there is no range of {bound}", where=self._place(table, column), hint=hint)
            return RANGES[bound]
        if found.kind in ("tenant_key", "of_tenant"):
            return self.column_type(self.tenant_table, self.tenant_id if found.kind == "tenant_key" else found.parameters["column"])
        if found.kind == "parent":
            parent = self.parent(table, column)
            key = self.key_column(parent)
            return "bigint" if key is None else self.column_type(parent, key)
        return self.column_type(self.parent(table, found.parameters["reference"]), found.parameters["column"])

    def parent(self, table: str, column: str) -> str:
        """The table that a reference or `parent` column leads to."""
        found, rows = self._column(table, column), self.tables[table].per_tenant
        if found.kind == "reference":
            return str(found.parameters["table"])
        if found.kind == "parent" and isinstance(rows, Per):
            names = list(self.tables)
            if rows.table not in names[: names.index(table)]:
                what = f"has rows per row of {rows.table}, which does not stand before it"
                raise UsageError(what, where=f"dataset {self.name}, table {table}", hint="put parents first")
            return rows.table
        orphan = "has no parent: the table has no rows per row of another one"
        raise UsageError(orphan if found.kind == "parent" else f"{column} is not a reference", where=self._place(table, column))

    def _column(self, table: str, column: str) -> Column:
        if table not in self.tables or column not in self.tables[table].columns:
            raise UsageError(f"there is no column {column} in {table}", where=f"dataset {self.name}")
        return self.tables[table].columns[column]

    def _place(self, table: str, column: str) -> str:
        return f"dataset {self.name}, table {table}, column {column}"

    def _table(self, name: str, table: Table) -> dict[str, Any]:
        columns = [self._column_json(name, column) for column in table.columns]
        return {"name": name, "per_tenant": self._rows(name, table), "columns": columns}

    def _rows(self, name: str, table: Table) -> Any:
        drawn = table.per_tenant
        if isinstance(drawn, Per):
            return {"parent": drawn.table, "rows": self._rows(name, Table(drawn.rows, {}))}
        if not isinstance(drawn, Column):
            if not 0 <= drawn <= MOST_ROWS:
                raise UsageError(f"{drawn:,} rows are not from 1 to {MOST_ROWS:,}", where=f"dataset {self.name}, table {name}")
            return drawn
        if drawn.type != "int" or drawn.nulls:
            raise UsageError(
                "the rows per tenant are no whole numbers", where=f"dataset {self.name}, table {name}", hint="leave out its type"
            )
        return self._source(name, drawn, "int")

    def _column_json(self, table: str, name: str) -> dict[str, Any]:
        column, sql_type = self._column(table, name), self.column_type(table, name)
        parent = self.parent(table, name) if column.kind in ("reference", "parent") and not column.hidden else None
        if parent is not None and parent in self.tables and self.key_column(parent) is None:
            hint = f'make it a helper, and look its columns up: lookup("{name}", ...)'
            raise UsageError(f"{parent} has no key() that a column could hold", where=self._place(table, name), hint=hint)
        try:
            source = self._source(table, column, sql_type)
        except UsageError as error:
            raise UsageError(error.what, where=self._place(table, name), hint=error.hint) from None
        return {"name": name, "type": _type_json(sql_type), "hidden": column.hidden, "nulls": column.nulls, "source": source}

    def _source(self, table: str, column: Column, sql_type: str) -> dict[str, Any]:
        if column.kind == "tenant_key" and self.has_uuid_tenants:
            return {"kind": "of_tenant", "column": self.tenant_id}
        if column.kind == "function":
            given = column.parameters
            version = fingerprint(given["f"], given["version"])
            return {"kind": "function", "columns": given["columns"], "random": given["random"], "version": version}
        if column.kind in ("bytes", "range"):
            return {"kind": column.kind, **column.parameters}
        if column.kind == "several":
            of = column.parameters["of"]
            return {"kind": "several", **column.parameters, "of": self._source(table, of, of.type)}
        parameters = {name: _encoded(name, value, column.kind, sql_type) for name, value in column.parameters.items()}
        if column.kind == "runs":
            parameters["runs"] = [(count, encode_value(value, sql_type)) for count, value in column.parameters["runs"]]
        if column.kind == "by":
            decider = self.column_type(table, column.parameters["column"])
            cases = column.parameters["cases"].items()
            parameters["cases"] = [(encode_value(value, decider), self._source(table, case, sql_type)) for value, case in cases]
        return {"kind": column.kind, **parameters}


def _encoded(name: str, value: Any, kind: str, sql_type: str) -> Any:
    """The parameters that are values of the column's own type are written in its unit."""
    if name not in _VALUES or kind == "moment":
        return value
    return [encode_value(one, sql_type) for one in value] if _VALUES[name] else encode_value(value, sql_type)


def _type_json(sql_type: str) -> Any:
    if sql_type == "float8":
        return "double"
    if sql_type in RANGES.values():
        return {"range": next(bound for bound, name in RANGES.items() if name == sql_type)}
    if sql_type.endswith("[]"):
        return {"array": sql_type.removesuffix("[]")}
    if sql_type.startswith("numeric("):
        return {"numeric": {"precision": int(sql_type[8:].partition(",")[0]), "scale": type_scale(sql_type)}}
    return sql_type
