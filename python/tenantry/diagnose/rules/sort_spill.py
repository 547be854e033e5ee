"""Sorts and hashes that do not fit into work_mem."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject
from tenantry.diagnose.words import count, grade, ms, percent

_BLOCK = 8192


def _find(evidence: Evidence) -> Iterator[Finding]:
    waits = evidence.sessions.waiting("IO", "BufFileRead", "BufFileWrite", "BuffileRead", "BuffileWrite")
    for statement in evidence.heavy(0.25):
        spilled = statement.each("temp") >= 10
        if not spilled and not (waits >= 0.15 * evidence.sessions.working > 0):
            continue
        told = [f"the statement takes {percent(statement.load / evidence.database_time)} of the database's time"]
        if spilled:
            told.append(
                f"each of {count(statement.calls)} calls moves {count(statement.each('temp') * _BLOCK / 1000)} kB through"
                f" temporary files, in {ms(statement.each('seconds'))}"
            )
        if waits:
            told.append(f"{percent(waits / max(evidence.sessions.working, 1e-9))} of the sessions at work wait for temporary files")
        yield Finding(
            RULE.id,
            evidence.share(statement.load),
            grade((2.0, spilled), (1.0, waits > 0)),
            "a statement sorts or hashes more than work_mem holds, in temporary files",
            tuple(told),
            Fix(
                "give the role more work_mem, or an index in the order that the statement asks for", "ALTER ROLE ... SET work_mem = '16MB'"
            ),
            subject=subject(statement),
        )


RULE = Rule(
    "sort_spill",
    "Sorts spill to disk",
    "A heavy statement writes temporary files in each call; its sessions wait for IO:BufFileRead and BufFileWrite.",
    "Statistics that are wrong make plans that spill: look at stale_statistics first.",
    "work_mem for the role, an index in the right order, fewer rows to sort.",
    _find,
    explains=("app_pool_small", "database_cpu", "machine_cpu", "missing_index"),
)
