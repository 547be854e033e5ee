"""A policy whose function is called for every row."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import calls, policy_text, subject
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    functions = {entry["name"]: entry for entry in evidence.objects("functions")}
    for statement in evidence.heavy(0.2):
        for scan in statement.scans:
            called = calls(scan.filter) & functions.keys() & calls(policy_text(evidence, scan.table))
            slow = sorted(name for name in called if functions[name]["volatility"] == "v" or functions[name]["language"] != "sql")
            if not slow:
                continue
            kind = functions[slow[0]]
            volatile = {"v": "volatile", "s": "stable", "i": "immutable"}.get(kind["volatility"], "")
            told = [
                f"the policy of {scan.table} calls {slow[0]}(), a {volatile} function in {kind['language']}",
                f"the plan has it in the filter of a {scan.node.lower()}, so that it is called for each row",
                f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time",
            ]
            if statement.calls:
                told.append(f"{ms(statement.each('seconds'))} and {count(statement.each('blocks'))} blocks per call")
            yield Finding(
                RULE.id,
                evidence.share(statement.load),
                grade((2.0, True), (1.0, kind["volatility"] == "v"), (1.0, statement.calls > 0)),
                f"the policy of {scan.table} calls {slow[0]}() for each row",
                tuple(told),
                Fix(
                    "let the policy compare with a value that is worked out once per statement: wrap what does not depend on the"
                    " row in (SELECT ...)",
                    f"ALTER POLICY ... ON {scan.table} USING (tenant_id = (SELECT current_setting('app.tenant_id')))",
                ),
                subject=subject(statement, table=scan.table, function=slow[0]),
            )
            break


RULE = Rule(
    "rls_per_row_function",
    "A row-level security policy calls a function for every row",
    "The plan of a heavy statement has a function of the policy in a filter; the function is volatile, or not inlined (plpgsql).",
    "Without an index on the tenant's column a cheap policy is a filter, too: then no function of the schema is called in it.",
    "Wrap the call in a scalar sub-select, make the function STABLE, and index the tenant's column.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index", "rls_non_leakproof", "generic_plan_skew"),
)
