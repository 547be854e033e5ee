"""A statement reads far more than it returns, because no index leads to its rows."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import filtered, indexes_of, rows_read, subject, table_facts, tenant_columns, wasteful
from tenantry.diagnose.statements import Scan, Statement
from tenantry.diagnose.words import count, grade, ms, percent

_LEAST_ROWS = 10_000
_LEAST_READ = 5_000
_PER_ROW, _PER_ROW_OF_TENANT = 100, 10


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in wasteful(evidence, blocks_per_row=_PER_ROW_OF_TENANT, blocks=500):
        if statement.says(r"\bOFFSET\b") or statement.says(r"^\s*(?:BEGIN|COMMIT|INSERT INTO \S+ \([^)]*\) VALUES)"):
            continue
        for scan in statement.scans:
            rows = float(table_facts(evidence, scan.table).get("rows") or 0)  # type: ignore[arg-type]
            missing = _missing(evidence, statement, scan)
            if missing and rows >= _LEAST_ROWS:
                yield _finding(evidence, statement, scan, missing, rows)
                break


def _missing(evidence: Evidence, statement: Statement, scan: Scan) -> list[str]:
    """Columns that the scan filters by and no index has; the tenant's own where no index begins with it."""
    tenant = tenant_columns(evidence, scan.table)
    columns = [column for column, operator in filtered(scan) if operator == "="]
    others = [column for column in columns if column not in tenant]
    if others and not _has_index(evidence, scan, others):
        return others if statement.blocks >= _PER_ROW * max(statement.rows, statement.calls) or not statement.calls else []
    leads = {next(iter(index["columns"])) for index in indexes_of(evidence, scan.table) if index["columns"]}  # type: ignore[call-overload]
    return [column for column in columns if column in tenant and column not in leads]


def _has_index(evidence: Evidence, scan: Scan, columns: list[str]) -> bool:
    """Whether an index begins with the tenant and these columns, so that the planner had it and chose another way."""
    lead = {*tenant_columns(evidence, scan.table), *columns}
    for index in indexes_of(evidence, scan.table):
        first = list(index["columns"])[: len(lead)]  # type: ignore[call-overload]
        if set(columns) <= set(first) <= lead:
            return True
    return False


def _finding(evidence: Evidence, statement: Statement, scan: Scan, columns: list[str], rows: float) -> Finding:
    tenant = sorted(tenant_columns(evidence, scan.table) - set(columns))
    name = f"{scan.table.rpartition('.')[2]}_{'_'.join(columns)}_idx"
    create = f"CREATE INDEX CONCURRENTLY {name} ON {scan.table} ({', '.join([*tenant, *columns])})"
    per_row = statement.blocks / max(statement.rows, 1)
    read = rows_read(evidence, scan, rows)
    # Where calls are not counted, the plan has to say that the statement reads much for little.
    much = per_row >= 50 if statement.calls else read >= max(_LEAST_READ, _PER_ROW * scan.rows)
    signs = [(1.0, statement.calls > 0), (1.0, much), (1.0, rows >= _LEAST_ROWS)]
    told = [f"it takes {percent(statement.load / evidence.database_time)} of the database's time"]
    if statement.calls:
        told.append(
            f"{ms(statement.each('seconds'))} and {count(statement.each('blocks'))} blocks per call, for"
            f" {count(statement.each('rows'))} rows"
        )
    elif much:
        told.append(f"its plan expects {count(max(scan.rows, 1))} of about {count(read)} rows that it has to read")
    told.append(
        f"its plan reads {scan.table} ({count(rows)} rows) by {scan.index or 'a sequential scan'} and filters by {', '.join(columns)}"
    )
    return Finding(
        RULE.id,
        evidence.share(statement.load),
        grade(*signs),
        f"a statement on {scan.table} has no index on {', '.join(columns)}",
        tuple(told),
        Fix("create the index that the filter asks for", create),
        subject=subject(statement, table=scan.table),
    )


RULE = Rule(
    "missing_index",
    "A statement has no index to find its rows by",
    "One statement takes much of the database's time and reads far more blocks than it returns rows; its plan filters a large"
    " table by a"
    " column that no index of that table has.",
    "A policy that is evaluated per row (rls_per_row_function), an operator that row-level security keeps from its index"
    " (rls_non_leakproof), deep pages (offset_pagination), old statistics (stale_statistics) and bloat also read much for few"
    " rows; each has"
    " a sign of its own, and here the column has no index at all.",
    "CREATE INDEX on the tenant's column and the filtered column.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "generic_plan_skew"),
)
