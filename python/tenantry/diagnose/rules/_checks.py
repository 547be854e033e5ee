"""Which of the scenarios' checks fail, and how."""

from __future__ import annotations

import re

from tenantry.diagnose.evidence import Evidence
from tenantry.results.model import Check

_FOREIGN = re.compile(r"\b(own|foreign|other|tenant|isolat\w*|leak\w*|belongs?|clinic|org|account)\b", re.IGNORECASE)


def failed(evidence: Evidence) -> list[Check]:
    """Checks that fail, most often first."""
    return [check for check in evidence.checks if check.fails]


def share(evidence: Evidence) -> float:
    """The share of all checks that failed."""
    whole = sum(check.passes + check.fails for check in evidence.checks)
    return sum(check.fails for check in evidence.checks) / whole if whole else 0.0


def on_tenants(check: Check) -> bool:
    """Whether a check, by its name, is on whose data an answer has."""
    return _FOREIGN.search(check.name) is not None


def not_found(evidence: Evidence) -> int:
    """Requests of the whole load answered with 404 where something else was expected."""
    return sum(failure.count for failure in evidence.failures if "404" in failure.detail)
