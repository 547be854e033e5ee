"""Another service takes the time."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._external import callers, held, waiting
from tenantry.diagnose.words import count, grade, ms, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    for endpoint in callers(evidence):
        outside = endpoint.part("ext") / evidence.duration_s
        meanwhile = waiting(evidence, endpoint)
        each = endpoint.part("ext") / endpoint.requests
        if evidence.held_share(outside) < 0.25 or each < 0.01 or held(evidence, endpoint) >= 0.5 * meanwhile:
            continue
        yield Finding(
            RULE.id,
            evidence.share(outside),
            grade((2.0, True), (1.0, endpoint.part("ext") >= 0.5 * endpoint.inside_s), (1.0, evidence.is_sampled)),
            f"{endpoint.name} waits for another service",
            (
                f"{ms(each)} per request for the other service, {percent(endpoint.part('ext') / endpoint.response_s)} of its time",
                f"{count(held(evidence, endpoint))} sessions are idle in a transaction of it: the call is made outside of one",
            ),
            Fix("a timeout, the call after the answer (from a queue), or a cache"),
            subject={"route": endpoint.name},
            lasting=evidence.lasted("ext"),
        )
        return


RULE = Rule(
    "slow_external_call",
    "Another service is slow",
    "By the app's word much of the time goes to another service, at any load; no transaction is open meanwhile.",
    "The same call within a transaction holds a connection and locks: slow_external_call_in_transaction.",
    "Timeouts, queues, caches.",
    _find,
)
