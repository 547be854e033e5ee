"""What a live schema looks like: tables, columns, keys, checks, policies, and which column tells whose a row is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tenantry.datasets.database import Link, quoted
from tenantry.errors import UsageError

_VISIBLE = """c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid)
    AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pg_catalog', 'information_schema', 'tenantry'))"""
_COLUMNS = f"""SELECT json_build_object('table', c.relname, 'name', a.attname,
        'type', CASE t.typtype WHEN 'e' THEN 'enum' ELSE t.typname END, 'written', format_type(a.atttypid, a.atttypmod),
        'needed', a.attnotnull, 'default', a.atthasdef OR a.attidentity <> '', 'generated', a.attgenerated <> '',
        'labels', (SELECT json_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
    WHERE {_VISIBLE} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"""
_NAMES = "(SELECT json_agg(attname ORDER BY place) FROM unnest({keys}) WITH ORDINALITY k(number, place)"
_NAMES += " JOIN pg_attribute ON attrelid = {table} AND attnum = number)"
_RULES = f"""SELECT json_build_object('table', c.relname, 'kind', k.contype, 'columns', {_NAMES.format(keys="k.conkey", table="c.oid")},
        'parent', p.relname, 'parent_columns', {_NAMES.format(keys="k.confkey", table="p.oid")}, 'text', pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_class p ON p.oid = k.confrelid
    WHERE {_VISIBLE} AND k.contype IN ('p', 'u', 'f', 'c', 'x')
    UNION ALL SELECT json_build_object('table', c.relname, 'kind', 'u', 'columns', {_NAMES.format(keys="i.indkey::int2[]", table="c.oid")},
        'text', pg_get_indexdef(i.indexrelid))
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE {_VISIBLE} AND i.indisunique AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)"""
_POLICIES = (
    "SELECT json_build_object('roles', roles, 'using', coalesce(qual, '')) FROM pg_policies WHERE schemaname = ANY (current_schemas(false))"
)
_LISTED = re.compile(r"\(\(?\"?(\w+)\"?\)?(?:::\w+)? = ANY \(+ARRAY\[(.+?)\]")
_TEXTS = re.compile(r"'((?:[^']|'')*)'")
_SETTING = re.compile(r"current_setting\('([^']+)'")


class Column(msgspec.Struct, frozen=True):
    """A column: `type` is its name in the catalog (`enum` for any enum), `written` as it is declared, `default`: it has one."""

    table: str
    name: str
    type: str
    written: str
    needed: bool
    default: bool
    generated: bool
    labels: list[str] | None = None


class Rule(msgspec.Struct, frozen=True):
    """A constraint or unique index: `kind` is p (primary key), u, f (foreign key), c (check) or x (exclusion)."""

    table: str
    kind: str
    text: str
    columns: list[str] | None = None
    parent: str | None = None
    parent_columns: list[str] | None = None


class Policy(msgspec.Struct, frozen=True):
    """A row-level security policy."""

    roles: list[str]
    using: str


class ForeignKey(msgspec.Struct, frozen=True):
    """A reference: the other table, and for each own column but the tenant's the one that it refers to there."""

    parent: str
    columns: dict[str, str]


@dataclass(slots=True)
class Table:
    """A table with its columns in order, and its rules."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)

    def primary(self, tenant_column: str) -> list[str]:
        """The columns of the primary key beside the tenant's, or that one."""
        columns = [name for rule in self.rules if rule.kind == "p" for name in rule.columns or []]
        return [name for name in columns if name != tenant_column] or columns

    def key(self, tenant_column: str) -> str | None:
        """The one column of the primary key beside the tenant's."""
        own = self.primary(tenant_column)
        return own[0] if len(own) == 1 else None

    def is_unique(self, columns: Collection[str], tenant_column: str) -> bool:
        """Whether no two rows of a tenant may have the same values in these columns."""
        wanted = set(columns)
        return any(set(rule.columns or ()) - {tenant_column} == wanted for rule in self.rules if rule.kind in ("p", "u"))

    def listed(self, column: str) -> list[str] | None:
        """The texts that a check allows in a column; None without such a check."""
        for rule in self.rules:
            found = _LISTED.search(rule.text) if rule.kind == "c" else None
            if found is not None and found[1] == column and (texts := _TEXTS.findall(found[2])):
                return [text.replace("''", "'") for text in texts]
        return None

    def foreign_keys(self, tenant_column: str) -> list[ForeignKey]:
        """All references but those of the tenant's column alone, those of most columns first."""
        found = []
        for rule in self.rules:
            if rule.kind == "f" and rule.parent is not None:
                pairs = dict(zip(rule.columns or [], rule.parent_columns or [], strict=True))
                pairs.pop(tenant_column, None)
                found.append(ForeignKey(rule.parent, pairs))
        return sorted((key for key in found if key.columns), key=lambda key: -len(key.columns))


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything that was found; `tables` holds those of tenants, parents first, `others` the rest."""

    tables: dict[str, Table]
    others: dict[str, Table]
    tenant_table: str
    tenant_column: str
    role: str | None
    setting: str | None


def discover(link: Link, *, tenant_table: str | None = None, tenant_column: str | None = None) -> Schema:
    """Read the catalog of the tables on the search path; raises UsageError when it cannot tell which table holds the tenants."""
    tables: dict[str, Table] = {}
    for column in _read(link, _COLUMNS, Column):
        tables.setdefault(column.table, Table(column.table)).columns[column.name] = column
    for rule in _read(link, _RULES, Rule):
        tables[rule.table].rules.append(rule)
    home, column_name = _tenancy(link, tables, tenant_table, tenant_column)
    own = {name: table for name, table in tables.items() if name == home or column_name in table.columns}
    policies = _read(link, _POLICIES, Policy)
    roles = Counter(role for policy in policies for role in policy.roles if role != "public")
    settings = Counter(setting for policy in policies for setting in _SETTING.findall(policy.using))
    return Schema(
        {name: own[name] for name in _parents_first(own, column_name, home)},
        {name: table for name, table in tables.items() if name not in own},
        home,
        column_name,
        _most(roles),
        _most(settings),
    )


def has_tenants(link: Link, schema: Schema) -> bool:
    """Whether there is a tenant already, as far as the role sees."""
    return link.texts(f"SELECT EXISTS (SELECT FROM {quoted(schema.tenant_table)})") == ["t"]


def sizes(link: Link, schema: Schema, table: str, points: int = 20) -> list[int] | None:
    """Quantiles of the rows per tenant, from the fewest to the most; None where there are no tenants, or the role may not see all rows."""
    home = schema.tables[schema.tenant_table]
    key = home.key(schema.tenant_column)
    if key is None or link.texts(f"SELECT row_security_active('{quoted(table)}'::regclass)") != ["f"]:
        return None
    shares = ",".join(str(at / points) for at in range(points + 1))
    counts = f"SELECT {quoted(schema.tenant_column)} AS tenant, count(*) AS n FROM {quoted(table)} GROUP BY 1"
    found = link.texts(
        f"SELECT to_json(percentile_disc(ARRAY[{shares}]) WITHIN GROUP (ORDER BY coalesce(n, 0)))"
        f" FROM {quoted(home.name)} t LEFT JOIN ({counts}) c ON c.tenant = t.{quoted(key)}"
    )
    return msgspec.json.decode(found[0], type=list[int]) if found else None


def values(link: Link, table: str, column: str, most: int = 20) -> list[Any]:
    """Some values of a column, as JSON has them."""
    name = quoted(column)
    found = link.texts(f"SELECT to_json({name}) FROM (SELECT DISTINCT {name} FROM {quoted(table)} ORDER BY 1 LIMIT {most}) v")
    return [msgspec.json.decode(text) for text in found]


def _read(link: Link, sql: str, kind: Any) -> Any:
    return [msgspec.json.decode(text, type=kind) for text in link.texts(sql)]


def _most(counted: Counter[str]) -> str | None:
    return counted.most_common(1)[0][0] if counted else None


def _tenancy(link: Link, tables: dict[str, Table], table: str | None, column: str | None) -> tuple[str, str]:
    """The table of the tenants, and the column by which the others say whose a row is: what most tables refer to by one name."""
    votes: Counter[tuple[str, str]] = Counter()
    for child in tables.values():
        pairs = {
            (rule.parent or "", rule.columns[0]) for rule in child.rules if rule.kind == "f" and rule.columns and len(rule.columns) == 1
        }
        votes.update(pair for pair in pairs if table in (None, pair[0]) and column in (None, pair[1]))
    if votes:
        return max(votes, key=lambda pair: (votes[pair], pair))
    if table is not None and column is not None and table in tables:
        return table, column
    known = ", ".join(tables) or "none"
    what = "no table could be told to be the one of the tenants: no other refers to it"
    hint = f"name them: --tenant-table TABLE --tenant-column COLUMN; the tables are {known}"
    raise UsageError(what, where=link.place, hint=hint)


def _parents_first(tables: dict[str, Table], tenant_column: str, home: str) -> Sequence[str]:
    order: list[str] = [home]
    rest = sorted(set(tables) - {home})
    while rest:
        free = [name for name in rest if not _parents(tables[name], tenant_column) & set(rest)]
        # In a circle, a reference that may be null leads forward rather than one that may not.
        order += free or [name for name in rest if not _parents(tables[name], tenant_column, needed=True) & set(rest)][:1] or rest[:1]
        rest = [name for name in rest if name not in order]
    return order


def _parents(table: Table, tenant_column: str, *, needed: bool = False) -> set[str]:
    """The other tables that it refers to, or only those that it cannot be without."""
    keys = [key for key in table.foreign_keys(tenant_column) if not needed or all(table.columns[name].needed for name in key.columns)]
    return {key.parent for key in keys} - {table.name}
