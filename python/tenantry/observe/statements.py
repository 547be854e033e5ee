"""Texts of the statements that took most time, without the values in them, and how Postgres would carry them out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tenantry.datasets.database import literal, quoted
from tenantry.engine import DatabaseError
from tenantry.observe.counters import statements_schema
from tenantry.observe.postgres import MARK, NAME, Session, is_refused
from tenantry.observe.probe import said

MOST_TEXTS = 500
MOST_PLANS = 12
LONGEST = 4_000
# At the end of a text of which more there was.
CUT = "..."
# From left to right: quoted names stay, comments (they nest) and texts go. Backslashes escape in E'' alone.
_TOKEN = re.compile(
    r"""(?P<name>"(?:[^"]|"")*"?)
      | (?P<comment>--[^\n]* | /\*(?:(?!\*/|/\*). | /\*.*?(?:\*/|$))*(?:\*/|$))
      | (?P<text>\bE'(?:[^'\\]|''|\\.)*(?:'|$) | (?:\b(?:B|X|N|U&))?'(?:[^']|'')*(?:'|$) | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$))""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_NUMBER = re.compile(r"(?<![\w$.])[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_EXPLAINED = re.compile(r"\s*(?:/\*.*?\*/\s*)*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|VALUES)\b", re.IGNORECASE | re.DOTALL)
_PARAMETER = re.compile(r"\$(\d+)")
_SETTING = re.compile(r"current_setting\('([\w.]+)'")
# Of a message of Postgres: from here on it may quote the statement, with values in it.
_QUOTES = re.compile(r": | at or near ")
# Entries of a plan that are names; all others may have values in them.
_NAMES = {"Node Type", "Relation Name", "Schema", "Alias", "Index Name", "Subplan Name", "Parent Relationship"}
# `GENERIC_PLAN` of EXPLAIN came with it.
_GENERIC = 16


def redacted(sql: str) -> str:
    """A statement without the values in it and without comments, on one line, at most 4,000 characters."""
    bare = _TOKEN.sub(_bare, sql[: 4 * LONGEST])
    return _SPACE.sub(" ", _NUMBER.sub("?", bare)).strip()[:LONGEST]


def _bare(token: re.Match[str]) -> str:
    if token["comment"] is not None:
        return " "
    # The name of a setting is none of the values.
    is_name = token["name"] is not None or token.string[: token.start()].endswith("current_setting(")
    return token[0] if is_name else "'?'"


def bare_plan(part: Any, name: str = "") -> Any:
    """A plan without the values in its conditions."""
    if isinstance(part, dict):
        return {key: bare_plan(value, key) for key, value in part.items()}
    if isinstance(part, list):
        return [bare_plan(value, name) for value in part]
    return redacted(part) if isinstance(part, str) and name not in _NAMES else part


def texts(session: Session, seen: Mapping[str, str]) -> dict[str, str]:
    """Statements by query id: those of pg_stat_statements that took most time, and those that were seen at work; ours are left out."""
    found = dict(seen)
    schema = statements_schema(session)
    if schema is not None:
        most = 4 * LONGEST
        query = f"""SELECT s.queryid::text, left(min(s.query), {most}), length(min(s.query)) > {most} FROM {schema}.pg_stat_statements s
                    WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.queryid IS NOT NULL
                    GROUP BY s.queryid ORDER BY sum(s.total_exec_time) DESC LIMIT {MOST_TEXTS}"""
        found |= {str(number): f"{text}{CUT if is_cut == 't' else ''}" for number, text, is_cut in _rows(session, query)}
    return {number: text for number, text in found.items() if NAME not in text}


def own_statements(session: Session) -> dict[str, float] | None:
    """How many statements of ours the server has carried out so far, and the seconds it took; None where it does not count them."""
    schema = statements_schema(session)
    if schema is None:
        return None
    rows = _rows(
        session,
        f"""SELECT coalesce(sum(calls), 0), coalesce(sum(total_exec_time), 0) / 1e3
            FROM {schema}.pg_stat_statements WHERE right(query, {len(MARK)}) = '{MARK}'""",
    )
    return next(({"calls": float(calls or 0), "exec_s": float(seconds or 0)} for calls, seconds in rows), None)


def _rows(session: Session, query: str) -> list[list[str | None]]:
    """None where the extension may not be read, or is too old: the counters tell that."""
    try:
        return session.rows(query)
    except DatabaseError as error:
        if not is_refused(error):
            raise
        return []


def tenant_setting(policies: Iterable[Mapping[str, Any]]) -> str | None:
    """The setting that most policies read the tenant from."""
    named = [name for policy in policies for name in _SETTING.findall(f"{policy.get('qual') or ''} {policy.get('with_check') or ''}")]
    return max(sorted(set(named)), key=named.count, default=None)


def plans(
    session: Session, statements: Mapping[str, str], wanted: Sequence[str], *, role: str | None, setting: str | None, tenant: str | None
) -> list[dict[str, Any]]:
    """The generic plans of some statements, as `role` within the tenant's context; an entry says why where there is none.

    Nothing is executed.
    """
    return [_plan(session, number, statements[number], role, setting, tenant) for number in wanted if number in statements][:MOST_PLANS]


def _plan(session: Session, number: str, text: str, role: str | None, setting: str | None, tenant: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"query_id": number, "source": "explain", "role": role, "tenant": tenant}
    text = text.rstrip("; \n\t")
    if not _EXPLAINED.match(text) or text.endswith(CUT):
        return {**entry, "why": "it is no query, or cut off"}
    if ";" in text:
        # Whatever follows would be carried out, not explained.
        return {**entry, "why": "it may be several statements"}
    try:
        session.execute("BEGIN READ ONLY")
        session.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        if setting and tenant:
            session.rows(f"SELECT set_config({literal(setting)}, {literal(tenant)}, true)")
        if role:
            session.execute(f"SET LOCAL ROLE {quoted(role)}")
        rows = _explained(session, text)
        return {**entry, "plan": bare_plan(json.loads("\n".join(str(row[0]) for row in rows))[0]["Plan"])}
    except (DatabaseError, ValueError, LookupError) as error:
        return {**entry, "why": _QUOTES.split(said(error))[0]}
    finally:
        _undo(session)


def _explained(session: Session, text: str) -> list[list[str | None]]:
    """The generic plan. Before Postgres 16 through a prepared statement with nulls for values, of which a plan may leave out partitions."""
    options = "FORMAT JSON, VERBOSE"
    if session.version >= _GENERIC:
        return session.rows(f"EXPLAIN (GENERIC_PLAN, {options}) {text}")
    places = max((int(place) for place in _PARAMETER.findall(text)), default=0)
    session.execute(f"PREPARE observed AS {text}")
    values = f"({', '.join(['NULL'] * places)})" if places else ""
    return session.rows(f"EXPLAIN ({options}) EXECUTE observed{values}")


def _undo(session: Session) -> None:
    for statement in ("ROLLBACK", "DEALLOCATE ALL"):
        try:
            session.execute(statement)
        except DatabaseError:
            return
