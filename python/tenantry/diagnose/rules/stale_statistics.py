"""Plans that are made from what the tables were long ago."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject, table_facts, wasteful
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in wasteful(evidence, blocks_per_row=5, blocks=50):
        for table in dict.fromkeys(scan.table for scan in statement.scans):
            facts = table_facts(evidence, table)
            known, live, changed = (float(facts.get(name) or 0) for name in ("rows", "n_live_tup", "n_mod_since_analyze"))  # type: ignore[arg-type]
            rows = max(known, live)
            # What was copied or restored has statistics, but no date of them.
            never = known < 0 and live > 1000
            # Rows that came and were analyzed in one transaction count as changed, and are known all the same.
            if abs(known - live) < 0.1 * rows:
                changed = min(changed, sum(evidence.readings.last(f"table.n_tup_{what}", table) or 0.0 for what in ("upd", "del")))
            if not never and not (rows and changed >= 0.3 * rows and changed >= 1000):
                continue
            off = "autovacuum_enabled=false" in str(facts.get("options") or "").replace("off", "false")
            told = [
                f"{table}: {count(changed)} of {count(rows)} rows changed since it was analyzed"
                if not never
                else f"{table} was never analyzed",
                f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time",
            ]
            if off:
                told.append(f"autovacuum, which would analyze it, is off for {table}")
            if statement.calls:
                told.append(
                    f"{ms(statement.each('seconds'))}, {count(statement.each('blocks'))} blocks for"
                    f" {count(statement.each('rows'))} rows per call"
                )
            yield Finding(
                RULE.id,
                evidence.share(statement.load),
                grade((2.0, True), (1.0, off or never), (1.0, statement.calls > 0)),
                f"the planner knows {table} as it was before most of it changed",
                tuple(told),
                Fix("analyze the table, and let autovacuum do it from now on", f"ANALYZE {table}"),
                subject=subject(statement, table=table),
            )
            break


RULE = Rule(
    "stale_statistics",
    "The planner's statistics are out of date",
    "A heavy statement reads much for few rows, and a table in its plan has changed by a third or more since it was analyzed.",
    "A missing index reads much for few rows whatever the statistics say.",
    "ANALYZE; find out why autovacuum does not.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index", "generic_plan_skew"),
)
