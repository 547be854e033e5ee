"""Tables that consist mostly of dead rows."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject, table_facts
from tenantry.diagnose.words import count, grade, ms, percent

_ROWS_PER_BLOCK = 8
# Rows that all changed once leave as many dead ones, which merely double what is read.
_DEAD = 1.2


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in evidence.heavy(0.25):
        for table in dict.fromkeys(scan.table for scan in statement.scans):
            facts = table_facts(evidence, table)
            live, dead, pages = (float(facts.get(name) or 0) for name in ("n_live_tup", "n_dead_tup", "pages"))  # type: ignore[arg-type]
            swollen = pages > 200 and live < _ROWS_PER_BLOCK * pages
            if not (dead >= _DEAD * live and dead > 1000) and not (swollen and live > 1000):
                continue
            told = [
                f"{table} has {count(dead)} dead rows beside {count(live)} live ones, on {count(pages)} pages",
                f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time",
            ]
            off = "autovacuum_enabled" in str(facts.get("options") or "")
            if off:
                told.append(f"autovacuum is off for {table}")
            if statement.calls:
                told.append(f"{ms(statement.each('seconds'))} and {count(statement.each('blocks'))} blocks per call")
            yield Finding(
                RULE.id,
                evidence.share(statement.load),
                grade((2.0, dead >= _DEAD * live), (1.0, off), (1.0, swollen)),
                f"{table} consists mostly of dead rows and empty space",
                tuple(told),
                Fix("vacuum the table, and let autovacuum keep up", f"VACUUM (ANALYZE) {table}"),
                subject=subject(statement, table=table),
            )
            break


RULE = Rule(
    "bloat",
    "Dead rows are in the way",
    "A table in the plan of a heavy statement has as many dead rows as live ones, or far more pages than its rows need.",
    "An old open transaction keeps the dead rows from being removed: then idle_in_transaction is the cause.",
    "VACUUM, autovacuum settings, shorter transactions; pg_repack where space is not given back.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index", "small_shared_buffers", "stale_statistics", "sort_spill"),
)
