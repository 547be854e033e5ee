"""All ask at once for what has just expired."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject
from tenantry.diagnose.words import count, grade, number_of, percent

# The part of the load that has to be left after a burst that comes once: what is slow from some time on is no burst.
_CALM_AFTER = 0.3


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in evidence.heavy(0.4):
        if statement.calls > 0.5 * evidence.requests:
            continue
        bursts = _bursts(evidence, statement.id)
        if bursts is None:
            continue
        number, at_once, share = bursts
        yield Finding(
            RULE.id,
            evidence.share(max(statement.load, evidence.part("pool") + evidence.part("db"))),
            grade((2.0, number >= 2), (1.0, at_once >= 5), (1.0, statement.load >= 0.6 * evidence.database_time)),
            f"many requests compute the same thing at once, {'now and then' if number > 1 else 'once'}",
            (
                f"up to {count(at_once)} sessions execute the statement at once, in {number_of(number, 'bursts')}; otherwise nobody does",
                f"it was seen in {percent(share)} of the samples only, and takes"
                f" {percent(statement.load / evidence.database_time)} of the database's time",
            ),
            against=("it came once: whether it comes again, a longer load would tell",) if number == 1 else (),
            fix=Fix("let one request compute and the others wait for it or take the old value; spread the times of expiry"),
            subject=subject(statement),
        )


def _bursts(evidence: Evidence, number: str) -> tuple[int, int, float] | None:
    """How often in the load many sessions executed the statement at once, how many, and the share of the looks that saw it at all."""
    rows = evidence.run.tables.rows(
        """SELECT at_ns, sum(sessions)::BIGINT FROM activity WHERE query_id = ? AND state = 'active' AND at_ns BETWEEN ? AND ?
           GROUP BY at_ns ORDER BY at_ns""",
        [number, *evidence.whole.span],
        of=("activity",),
    )
    at_once = max((sessions for _, sessions in rows), default=0)
    seen = len(rows) / max(evidence.whole.sessions.samples, 1)
    if at_once < 4 or seen > 0.8:
        return None
    crowds = [at_ns for at_ns, sessions in rows if sessions >= max(3, at_once / 3)]
    bursts = sum(at - before > 800_000_000 for before, at in zip([-(10**12), *crowds], crowds, strict=False))
    begin, end = evidence.whole.span
    is_over = bursts >= 2 or (at_once >= 5 and end - max(crowds) >= _CALM_AFTER * (end - begin))
    calm = sum(sessions for _, sessions in rows if sessions < 3)
    return (bursts, at_once, seen) if is_over and calm <= 0.3 * sum(sessions for _, sessions in rows) else None


RULE = Rule(
    "cache_stampede",
    "A cache expires for all at once",
    "One statement comes in bursts of many sessions at once, with nothing in between.",
    "Checkpoints and migrations also slow things down now and then: then sessions wait for writes or locks.",
    "Single flight, jitter.",
    _find,
    explains=(
        "app_pool_small",
        "database_cpu",
        "machine_cpu",
        "missing_index",
        "noisy_tenant",
        "small_shared_buffers",
        "sort_spill",
        "bloat",
        "generic_plan_skew",
    ),
)
