"""Pages that are found by counting from the start."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject, wasteful
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in wasteful(evidence, blocks_per_row=1, blocks=30):
        if not statement.says(r"\bOFFSET\s+\(?(?:\$\d+|\?)"):
            continue
        told = [f"it takes {percent(statement.load / evidence.database_time)} of the database's time", "its text has OFFSET"]
        if statement.calls:
            told.append(
                f"{ms(statement.each('seconds'))}, {count(statement.each('blocks'))} blocks and {count(statement.each('rows'))}"
                f" rows per call"
            )
        yield Finding(
            RULE.id,
            evidence.share(statement.load),
            grade((2.0, True), (1.0, statement.calls > 0)),
            "pages are found with OFFSET, which reads all rows before them",
            tuple(told),
            Fix("begin a page behind the last row of the page before (keyset pagination): WHERE (a, b) < ($1, $2) ORDER BY a DESC, b DESC"),
            subject=subject(statement),
        )


RULE = Rule(
    "offset_pagination",
    "Deep pages are found with OFFSET",
    "A heavy statement has OFFSET, and reads many blocks for the rows of one page.",
    "A missing index reads much for few rows, too, but without OFFSET.",
    "Keyset pagination: remember the last row of the page before.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index", "sort_spill"),
)
