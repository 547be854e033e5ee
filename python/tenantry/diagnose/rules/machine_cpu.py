"""The machine has no processor to spare."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import MACHINE_FULL, OURS, Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent

_GROUPS = (*OURS, "observer")


def _find(evidence: Evidence) -> Iterator[Finding]:
    machine, available = evidence.machine_busy, evidence.readings.last("cpu.cores")
    if machine is None or not available or machine < MACHINE_FULL:
        return
    used = {group: cores for group in _GROUPS if (cores := evidence.cores(group)) is not None}
    others = machine * available - sum(used.values())
    yield Finding(
        RULE.id,
        evidence.share(0.5 * evidence.time),
        grade((1.0, True), (1.0, machine >= 0.97)),
        "the machine's processors are busy",
        (
            f"{percent(machine)} of {count(available)} cores: " + ", ".join(f"{group} {count(cores)}" for group, cores in used.items()),
            *([f"{count(others)} cores go to processes that are neither the app's nor ours"] if others >= 0.2 else []),
        ),
        Fix("more cores, or app, database and generator on machines of their own"),
    )


RULE = Rule(
    "machine_cpu",
    "The machine's processors are busy",
    "All cores of the machine are in use.",
    "Whatever wastes processor time is the cause: a statement, the app's code. Here none of them stands out.",
    "More cores; separate machines.",
    _find,
    explains=("distant_database",),
    general=True,
)
