"""What the rules on other services have in common."""

from __future__ import annotations

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.requests import Endpoint


def callers(evidence: Evidence) -> list[Endpoint]:
    """Endpoints that wait for another service for a noticeable part of the time that they work, the slowest first."""
    found = [endpoint for endpoint in evidence.endpoints if endpoint.part("ext") > 0.2 * (endpoint.inside_s - endpoint.part("pool"))]
    return sorted(found, key=lambda endpoint: -endpoint.part("ext"))


def held(evidence: Evidence, endpoint: Endpoint) -> float:
    """Sessions that are idle in a transaction of this endpoint, at a time."""
    return evidence.sessions.average(lambda each: each.is_idle_in_transaction and each.route == endpoint.name)
