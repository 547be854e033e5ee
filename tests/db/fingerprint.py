"""What a database holds, in a form that can be compared: its rows by checksum, and all that its catalog says of its tables."""

from __future__ import annotations

from running_clinic import Database

from tenantry_clinic.dataset import clinic

_NOT_OURS = "pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|information_schema$|tenantry$)'"
_CATALOG = {
    "columns": f"""SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN {_NOT_OURS}
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')""",
    "constraints": f"""SELECT n.nspname, c.relname, k.conname, k.convalidated, pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN {_NOT_OURS}""",
    "indexes": f"""SELECT n.nspname, c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN {_NOT_OURS}""",
    "policies": f"""SELECT n.nspname, c.relname, p.polname, p.polcmd, pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN {_NOT_OURS}""",
    "triggers": f"""SELECT n.nspname, c.relname, t.tgenabled, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN {_NOT_OURS} WHERE NOT t.tgisinternal""",
    "tables": f"SELECT n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relacl FROM pg_class c JOIN {_NOT_OURS}",
}


def contents(database: Database, tables: tuple[str, ...] = tuple(clinic.tables)) -> dict[str, str]:
    """A checksum of each table's rows, whatever the order in which they were written."""
    return {table: database.value(f"SELECT md5(string_agg(t::text, chr(10) ORDER BY id)) FROM {table} t") for table in tables}


def catalog(database: Database) -> dict[str, list[str]]:
    """Columns, constraints, indexes, policies, triggers and privileges, outside of the schema in which tenantry keeps its notes."""
    return {what: [str(row) for row in database.run(f"{query} ORDER BY 1, 2, 3, 4")] for what, query in _CATALOG.items()}
