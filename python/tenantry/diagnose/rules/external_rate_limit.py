"""Another service allows only so many calls."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent

_REFUSALS = ("429", "502", "503")
_LEAST = 0.01


def _find(evidence: Evidence) -> Iterator[Finding]:
    for failure in evidence.failures:
        endpoint = next((each for each in evidence.endpoints if each.name == failure.name), None)
        if endpoint is None or failure.kind != "status" or not any(status in failure.detail for status in _REFUSALS):
            continue
        share = endpoint.failures / endpoint.requests
        calls_out = endpoint.part("ext") > 0.01 * endpoint.inside_s
        quick = endpoint.mean_s < 2.0
        waits = evidence.share(evidence.part("pool"))
        if share < _LEAST or not quick or not calls_out or waits > 0.3:
            continue
        told = [
            f"{percent(share)} of its requests fail ({failure.detail})",
            f"{count((endpoint.requests - endpoint.failures) / evidence.duration_s)} a second succeed, and requests are answered"
            f" quickly: nothing queues",
            "the app calls another service for it",
        ]
        yield Finding(
            RULE.id,
            evidence.failed,
            grade((1.0, calls_out), (1.0, "429" in failure.detail or "limit" in failure.detail.lower()), (2.0, waits < 0.1)),
            f"the service behind {endpoint.name} refuses calls beyond a rate",
            tuple(told),
            Fix("keep to its limit and its Retry-After (a queue), or agree on a higher one"),
            subject={"route": endpoint.name},
            failed=evidence.failed,
        )
        return


RULE = Rule(
    "external_rate_limit",
    "Another service limits the rate",
    "Beyond a fixed rate an endpoint that calls another service fails at once, and nothing queues in app or database.",
    "A database without connections also makes requests fail: then max_connections is reached.",
    "A queue that keeps to the limit.",
    _find,
    explains=("failing_requests", "tenant_context_missing"),
)
