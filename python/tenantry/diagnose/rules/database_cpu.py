"""The database's processors are busy with statements of which none stands out."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    cores, machine = evidence.cores("postgres"), evidence.machine_busy
    available = evidence.readings.last("cpu.cores")
    if cores is None or machine is None or not available or machine < 0.9 or cores < 0.5 * available:
        return
    running = evidence.sessions.average(lambda each: each.works and not each.wait_type)
    yield Finding(
        RULE.id,
        evidence.share(evidence.database_time),
        grade((2.0, True), (1.0, running >= available)),
        "the database's processors are busy",
        (
            f"Postgres uses {count(cores)} of {count(available)} cores, the machine is {percent(machine)} busy",
            f"{count(running)} sessions at a time want a processor",
            *(
                f"{percent(statement.load / evidence.database_time)} of its time: {statement.short}"
                for statement in evidence.statements.all[:3]
            ),
        ),
        Fix("cheaper statements first (the ones above), then more cores"),
    )


RULE = Rule(
    "database_cpu",
    "The database's processors are busy",
    "Postgres uses most of the machine, sessions want to run and wait for nothing else, and no statement is out of order.",
    "A statement that reads too much is the cause, and this its symptom.",
    "Cheaper statements, more cores.",
    _find,
    explains=("app_pool_small", "machine_cpu"),
    general=True,
)
