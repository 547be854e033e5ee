"""An answer has another tenant's data."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._checks import failed, not_found, on_tenants, share
from tenantry.diagnose.words import count, grade, percent


def _find(evidence: Evidence) -> Iterator[Finding]:
    found = [check for check in failed(evidence) if on_tenants(check)]
    number = sum(check.fails for check in found)
    missing = not_found(evidence)
    if number < 3:
        return
    empty = missing > 2 * number
    wrong = max(evidence.failed, share(evidence))
    yield Finding(
        RULE.id,
        wrong,
        grade((2.0, True), (2.5, not empty)),
        "answers hold data of other tenants",
        (
            *(
                f"the check {check.name!r} of {check.scenario} failed {count(check.fails)} times of {count(check.passes + check.fails)}"
                for check in found[:4]
            ),
            f"{percent(evidence.failed)} of the requests failed, {count(missing)} of them with 404",
        ),
        Fix(
            "find what is shared between tenants: a cache whose key lacks the tenant, a setting that outlives its transaction, a"
            " policy that is missing"
        ),
        ("many requests find nothing at all, as without a tenant",) if empty else (),
        subject={"check": found[0].name},
        failed=wrong,
    )


RULE = Rule(
    "tenant_leak",
    "Data of other tenants",
    "Checks on whose data an answer has fail, as quickly as ever.",
    "Without a tenant in the transaction row-level security shows nothing: then rows are missing, and requests get 404.",
    "The tenant belongs into every key; SET LOCAL in place of SET; policies on every table.",
    _find,
    explains=("tenant_context_missing", "failing_requests"),
)
