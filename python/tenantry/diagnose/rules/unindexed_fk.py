"""Deletes that look through a whole table for who refers to the row."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject, table_facts
from tenantry.diagnose.statements import Statement
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    for key in evidence.objects("foreign_keys"):
        if key["indexed"]:
            continue
        table = f"{key['schema']}.{key['table']}"
        parent = str(key["references"])
        scanned = evidence.readings.growth("table.seq_tup_read", table)
        gone = sum(evidence.readings.growth(f"table.n_tup_{what}", f"{key['schema']}.{parent}") for what in ("del", "upd"))
        statement = _deletes(evidence, parent)
        rows = float(table_facts(evidence, table).get("rows") or 0)  # type: ignore[arg-type]
        if statement is None or rows < 1000 or scanned < 0.5 * rows * max(gone, 1):
            continue
        columns = ", ".join(key["columns"])
        yield Finding(
            RULE.id,
            evidence.share(statement.load),
            grade((2.0, True), (1.0, statement.load >= 0.3 * evidence.database_time)),
            f"deleting from {parent} reads all of {table}, whose foreign key has no index",
            (
                f"{key['name']} of {table} ({count(rows)} rows) refers to {parent}, and no index begins with {columns}",
                f"{count(scanned)} rows of {table} were read in sequential scans, for {count(gone)} rows of {parent} that went",
                f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time,"
                f" {ms(statement.each('seconds'))} per call",
            ),
            Fix("index the foreign key", f"CREATE INDEX CONCURRENTLY ON {table} ({columns})"),
            subject=subject(statement, table=table),
        )


def _deletes(evidence: Evidence, parent: str) -> Statement | None:
    """The heaviest statement that deletes from the table, or changes its keys."""
    pattern = rf"\b(?:DELETE\s+FROM|UPDATE)\s+(?:ONLY\s+)?(?:\w+\.)?\"?{parent}\b"
    return next((statement for statement in evidence.heavy(0.15) if statement.says(pattern)), None)


RULE = Rule(
    "unindexed_fk",
    "A foreign key has no index",
    "Rows are deleted from a table, and another one, whose foreign key refers to it without an index, is read as a whole for each of them.",
    "Locks: then the deleting sessions wait. A missing index of the DELETE itself: then its own plan shows it.",
    "CREATE INDEX on the referring columns.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index", "hot_row_lock"),
)
