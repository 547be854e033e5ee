"""Many small statements where one would do."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.requests import Endpoint
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.rules._plans import subject
from tenantry.diagnose.statements import Statement
from tenantry.diagnose.words import count, grade, ms

_REPEATS = 5.0


def _find(evidence: Evidence) -> Iterator[Finding]:
    for statement in evidence.statements.all:
        if not statement.says(r"^\s*(?:/\*.*?\*/\s*)?(?:WITH|SELECT)\b") or statement.says(r"\bset_config\("):
            continue
        if statement.each("seconds") > 0.005 or statement.each("rows") > 2 or not statement.calls:
            continue
        endpoint = _caller(evidence, statement)
        if endpoint is None or statement.calls < _REPEATS * endpoint.requests:
            continue
        repeats = statement.calls / endpoint.requests
        yield Finding(
            RULE.id,
            evidence.share(
                (endpoint.part("db") / evidence.duration_s if endpoint.is_told else evidence.part("untold")) * _most(evidence, statement)
            ),
            grade((2.0, repeats >= 2 * _REPEATS), (1.0, True), (1.0, endpoint.is_told)),
            f"{endpoint.name} asks the same small question {count(repeats)} times per request",
            (
                f"{count(statement.calls)} calls for {count(endpoint.requests)} requests of {endpoint.name},"
                f" {count(statement.each('rows'))} rows and {ms(statement.each('seconds'))} each",
                f"each call is a round trip: {ms(endpoint.part('db') / max(endpoint.requests, 1))} of database time per request,"
                f" by the app's word",
            ),
            Fix("fetch what a page needs with one query: a join, or WHERE id = ANY($1)"),
            subject=subject(statement, route=endpoint.name),
        )


def _caller(evidence: Evidence, statement: Statement) -> Endpoint | None:
    """The endpoint whose sessions were seen with the statement, else the one with the most database time, if it is called that often."""
    routes = evidence.sessions.by("route", lambda each: each.query_id == statement.id and each.route != "")
    by_name = {endpoint.name: endpoint for endpoint in evidence.endpoints}
    for route, _ in routes.most_common(3):
        if route in by_name:
            return by_name[route]
    if statement.calls >= _REPEATS * evidence.requests:
        return max(evidence.endpoints, key=lambda endpoint: endpoint.part("db"), default=None)
    return None


def _most(evidence: Evidence, statement: Statement) -> float:
    """Its part of all calls of statements: each of them is a round trip."""
    calls = sum(each.calls for each in evidence.statements.all)
    return statement.calls / calls if calls else 0.0


RULE = Rule(
    "n_plus_one",
    "A page asks the database once per row",
    "A cheap statement that returns a row or two is called many times for each request of an endpoint.",
    "Retries after errors also repeat statements: then requests fail. A far database makes each repetition slow: then this is"
    " the cause, and"
    " the distance what multiplies it.",
    "One query for the page.",
    _find,
    explains=("app_pool_small", "distant_database", "database_cpu", "machine_cpu", "app_cpu"),
)
