"""What the rules on other services have in common."""

from __future__ import annotations

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.requests import Endpoint


def callers(evidence: Evidence) -> list[Endpoint]:
    """Endpoints that wait for another service for a noticeable part of the time that they work, the slowest first."""
    found = [endpoint for endpoint in evidence.endpoints if endpoint.part("ext") > 0.2 * (endpoint.inside_s - endpoint.part("pool"))]
    return sorted(found, key=lambda endpoint: -endpoint.part("ext"))


def waiting(evidence: Evidence, endpoint: Endpoint) -> float:
    """Requests of this endpoint that wait for another service, at a time, while the sessions were looked at: not those that ended after
    the load, which can be most of them where a queue had formed.
    """
    return sum(each.part("ext") for each in evidence.endpoints_meanwhile if each.name == endpoint.name) / evidence.duration_s


def held(evidence: Evidence, endpoint: Endpoint) -> float:
    """Sessions that are idle in a transaction of this endpoint, at a time."""
    return evidence.sessions.average(lambda each: each.is_idle_in_transaction and each.route == endpoint.name)
