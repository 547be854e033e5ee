"""An operator that row-level security keeps from the index that was made for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import filtered, indexes_of, subject, table_facts, wasteful
from tenantry.diagnose.statements import Statement
from tenantry.diagnose.words import count, grade, ms, percent

# Not proleakproof in the catalog: their conditions may not run before the policy's.
_LEAKY = {"~~", "~~*", "~", "~*", "@>", "<@", "@@", "&&"}

# A name that follows no schema, and no column follows.
_ALONE = r"(?<![\w.\"])\"?{}\b(?!\"?\.)"


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in wasteful(evidence, blocks_per_row=5, blocks=50):
        for scan in statement.scans:
            secured = bool(table_facts(evidence, scan.table).get("secured"))
            kept = [(column, operator) for column, operator in filtered(scan) if operator in _LEAKY]
            kept = [(column, operator) for column, operator in kept if _indexed(evidence, scan.table, column)]
            if not (secured and kept):
                continue
            column, operator = kept[0]
            told = [
                f"{scan.table} has row-level security, and an index on {column}",
                f"the plan has {column} {operator} ... as a filter: the operator is not leakproof, so the policy goes first",
                f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time",
            ]
            if statement.calls:
                told.append(
                    f"{ms(statement.each('seconds'))}, {count(statement.each('blocks'))} blocks for"
                    f" {count(statement.each('rows'))} rows per call"
                )
            yield Finding(
                RULE.id,
                evidence.share(statement.load),
                grade((3.0, True), (1.0, statement.calls > 0)),
                f"row-level security keeps {column} {operator} from its index on {scan.table}",
                tuple(told),
                Fix(
                    f"compare with operators that are leakproof (a prefix as {column} >= $1 AND {column} < $2, starts_with), or"
                    f" search in a security definer function"
                ),
                subject=subject(statement, table=scan.table, tables=", ".join(_named(evidence, statement))),
            )
            break


def _named(evidence: Evidence, statement: Statement) -> list[str]:
    """The tables with row-level security that a statement names without their schema."""
    scanned = dict.fromkeys(scan.table for scan in statement.scans if table_facts(evidence, scan.table).get("secured"))
    return [table for table in scanned if re.search(_ALONE.format(re.escape(table.rpartition(".")[2])), statement.text)]


def _indexed(evidence: Evidence, table: str, column: str) -> bool:
    return any(column in index["columns"] or column in str(index["definition"]) for index in indexes_of(evidence, table))  # type: ignore[operator]


RULE = Rule(
    "rls_non_leakproof",
    "Row-level security keeps an operator from its index",
    "A table with row-level security has an index on a column, and the plan of a heavy statement still filters by it, with an"
    " operator that"
    " is not leakproof (LIKE, ILIKE, regular expressions, @>, @@).",
    "A missing index: here there is one, and a role without policies would use it.",
    "Leakproof operators, or a security definer function.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index", "generic_plan_skew"),
)
