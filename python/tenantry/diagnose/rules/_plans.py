"""What several rules ask of plans, policies and indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.statements import Scan, Statement

_COLUMN = re.compile(r"(?:\(|\b)(?:\w+\.)?\"?(\w+)\"?\)?(?:::\w+)? (=|>=|<=|>|<|~~\*?|!~~|~\*?|@>|<@|@@|&&|\^@) ")
_CALL = re.compile(r"\b([a-z_]\w*)\(", re.IGNORECASE)
_SPLIT = re.compile(r"\bAND\b", re.IGNORECASE)


def table_facts(evidence: Evidence, table: str) -> dict[str, object]:
    """The catalog's entry of a table, such as `public.pets`; empty when it has none."""
    return next((entry for entry in evidence.objects("tables") if f"{entry['schema']}.{entry['name']}" == table), {})


def policy_text(evidence: Evidence, table: str) -> str:
    """All conditions of a table's policies."""
    found = [entry for entry in evidence.objects("policies") if f"{entry['schema']}.{entry['table']}" == table]
    return " ".join(f"{entry.get('qual') or ''} {entry.get('with_check') or ''}" for entry in found)


def tenant_columns(evidence: Evidence, table: str) -> set[str]:
    """Columns that the policies of a table compare."""
    return {column for column, _ in _COLUMN.findall(policy_text(evidence, table))}


def filtered(scan: Scan) -> list[tuple[str, str]]:
    """Columns that a scan's filter compares, each with the operator."""
    return [found for part in _SPLIT.split(scan.filter) for found in _COLUMN.findall(part)[:1]]


def calls(text: str) -> set[str]:
    """Names of functions that a condition calls."""
    return {name.lower() for name in _CALL.findall(text)}


def indexes_of(evidence: Evidence, table: str) -> list[dict[str, object]]:
    """The indexes of a table."""
    return [entry for entry in evidence.objects("indexes") if f"{entry['schema']}.{entry['table']}" == table]


def wasteful(evidence: Evidence, *, least_share: float = 0.25, blocks_per_row: float = 15, blocks: float = 100) -> Iterator[Statement]:
    """Heavy statements that read many blocks for few rows. Where calls are not counted, every heavy one may be."""
    for statement in evidence.heavy(least_share):
        if not statement.calls or (
            statement.each("blocks") >= blocks and statement.blocks >= blocks_per_row * max(statement.rows, statement.calls)
        ):
            yield statement


def rows_read(evidence: Evidence, scan: Scan, rows: float) -> float:
    """About how many of a table's `rows` a scan reads: all, or those of a tenant where its index leads to them and no further; 0 where that
    cannot be told.
    """
    if not scan.condition:
        return rows if scan.node == "Seq Scan" else 0.0
    led, tenants = {column for column, _ in _COLUMN.findall(scan.condition)}, evidence.run.tenants.seen
    return rows / tenants if tenants and led <= tenant_columns(evidence, scan.table) else 0.0


def subject(statement: Statement, **more: str) -> dict[str, str]:
    """What a finding on a statement is about."""
    return {"statement": statement.short, "query_id": statement.id, **more}
