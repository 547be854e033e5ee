"""Another service is called while a transaction is open."""

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
        open_meanwhile = held(evidence, endpoint)
        if each < 0.01 or open_meanwhile < 0.5 * meanwhile or open_meanwhile < 0.3:
            continue
        behind = evidence.share(outside + evidence.part("pool") + evidence.sessions.waiting("Lock"))
        if behind < 0.25:
            continue
        yield Finding(
            RULE.id,
            behind,
            grade((2.0, True), (1.0, evidence.share(evidence.part("pool")) >= 0.1), (1.0, open_meanwhile >= 1)),
            f"{endpoint.name} calls another service while its transaction is open",
            (
                f"{ms(each)} per request for the other service",
                f"{count(open_meanwhile)} sessions at a time are idle in a transaction of it meanwhile, and keep connections and locks",
                f"waiting for a connection takes {percent(evidence.share(evidence.part('pool')))} of all request time",
            ),
            Fix("call the service before the transaction begins or after it is committed"),
            subject={"route": endpoint.name},
        )
        return


RULE = Rule(
    "slow_external_call_in_transaction",
    "Another service is called within a transaction",
    "Sessions are idle in transaction in an endpoint that waits for another service; others wait for connections or rows.",
    "Transactions that are left open stay when the load is over; these end with the call.",
    "Call the service outside of the transaction.",
    _find,
    explains=("slow_external_call", "app_pool_small", "pooler_pool_small", "hot_row_lock", "distant_database", "idle_in_transaction"),
)
