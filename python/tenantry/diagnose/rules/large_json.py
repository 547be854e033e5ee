"""Answers that are larger than they need to be."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent

_LARGE = 100_000


def _find(evidence: Evidence) -> Iterator[Finding]:
    for endpoint in evidence.endpoints:
        if endpoint.bytes_each < _LARGE:
            continue
        time = endpoint.response_s / evidence.duration_s
        cheap = endpoint.part("db") < 0.7 * endpoint.response_s
        share = evidence.share(time)
        if share < 0.2:
            continue
        toast = sum(evidence.readings.grown("table.toast_blks_hit").values()) + sum(
            evidence.readings.grown("table.toast_blks_read").values()
        )
        toasted = toast >= 5 * endpoint.requests
        yield Finding(
            RULE.id,
            share,
            grade((2.0, endpoint.bytes_each >= 2 * _LARGE), (1.0, cheap), (1.0, toasted)),
            f"the answers of {endpoint.name} are {count(endpoint.bytes_each / 1000)} kB large",
            (
                f"{count(endpoint.bytes_each / 1000)} kB per answer, {count(endpoint.bytes_received / evidence.duration_s / 1e6)}"
                f" MB a second",
                f"{percent(endpoint.part('app') / max(endpoint.response_s, 1e-9))} of its time is the app's own,"
                f" {percent(endpoint.part('db') / max(endpoint.response_s, 1e-9))} the database's",
                *([f"Postgres reads {count(toast / endpoint.requests)} TOAST blocks per request"] if toasted else []),
            ),
            Fix("select the columns that are shown; pages, compression"),
            subject={"route": endpoint.name},
        )


RULE = Rule(
    "large_json",
    "Answers are too large",
    "An endpoint with much of the time answers with hundreds of kilobytes; the app packs them, Postgres reads them from TOAST.",
    "A slow statement behind a large answer: then the database's part is most of the time.",
    "Fewer columns, pages, compression.",
    _find,
    explains=(
        "app_cpu",
        "event_loop_blocking",
        "few_workers",
        "app_pool_small",
        "machine_cpu",
        "distant_database",
        "missing_index",
        "small_shared_buffers",
    ),
)
