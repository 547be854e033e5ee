"""The load generator itself was the bottleneck."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    generator = evidence.run.generator
    busy, late = generator.busy_share or 0.0, evidence.share(evidence.part("late"))
    if busy < 0.85 and late < 0.3:
        return
    delay = generator.start_delay_s
    yield Finding(
        RULE.id,
        max(late, 0.5 if busy >= 0.85 else 0.0),
        1.0 if busy >= 0.85 else 0.6,
        "the load generator could not keep up",
        (
            f"its busiest thread used {percent(busy)} of a core",
            *([f"iterations began {ms(delay.p99)} late at the 99th percentile"] if delay is not None and delay.p99 is not None else []),
        ),
        Fix("more load processes (--processes auto), or a machine of its own"),
    )


RULE = Rule(
    "generator",
    "The generator is the bottleneck",
    "The generator's own threads are busy, or iterations begin late.",
    "A slow app makes closed loads slow, but not late.",
    "--processes auto; a machine of its own. Such a run is invalid.",
    _find,
    explains=("few_workers", "machine_cpu", "distant_database"),
)
