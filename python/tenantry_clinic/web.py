"""What every endpoint shares: the caller and its tenant, JSON answers, problems as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, NotRequired, Self, TypedDict

import asyncpg
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tenantry_clinic.auth import Identity
from tenantry_clinic.db import UNAVAILABLE, Database, Session
from tenantry_clinic.invoicing import Invoicing, NotRegistered
from tenantry_clinic.settings import Settings
from tenantry_clinic.telemetry import Timing

LARGEST_ID, LARGEST_BODY = 2**63 - 1, 2**20
Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
# What Postgres can store as text: everything but the null character.
NO_NULL = r"^[^\u0000]*$"
# What msgspec says of a value that does not fit: a sentence, and where.
_MISSING = re.compile(r"Object missing required field `(.*)`")


class Problem(Exception):
    """An answer other than success: a status and a sentence; a wrong value also says where it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.details: list[Detail] = []


class Invalid(Problem):
    """422: a value that makes no sense, by its parameter or its path in the body."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(422, f"{where}: {what}" if where else what)
        self.details = [{"where": where, "what": what}]

    @classmethod
    def by_msgspec(cls, error: msgspec.ValidationError) -> Self:
        """`Expected `int`, got `str` - at `$.slot.vet_id`` as `slot.vet_id` and the rest."""
        what, _, path = str(error).rpartition(" - at `$")
        if not what:
            what, path = path, ""
        where = path.rstrip("`").lstrip(".")
        if missing := _MISSING.fullmatch(what):
            where, what = f"{where}.{missing[1]}".lstrip("."), "is missing"
        return cls(where, what)


class Detail(TypedDict):
    """A value that is wrong: its parameter or its path in the body (empty where it is the whole, or unknown), and what is wrong with it."""

    where: str
    what: str


class ProblemBody(TypedDict):
    """Why there is no success; a 422 has details."""

    error: str
    details: NotRequired[list[Detail]]


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of anybody."""

    request: Request
    db: Database
    settings: Settings
    invoicing: Invoicing
    timing: Timing

    def reading_of(self, clinic_id: int) -> AbstractAsyncContextManager[Session]:
        """A read-only transaction in one clinic."""
        return self.db.tenant(clinic_id, self.timing)


@dataclass(frozen=True, slots=True)
class Call(Visit):
    """A request of a signed-in user."""

    identity: Identity

    def reading(self) -> AbstractAsyncContextManager[Session]:
        """A read-only transaction in the caller's clinic."""
        return self.db.tenant(self.identity.clinic_id, self.timing)

    def writing(self) -> AbstractAsyncContextManager[Session]:
        """A transaction in the caller's clinic."""
        return self.db.tenant(self.identity.clinic_id, self.timing, write=True)


def check_year(day: date, where: str) -> date:
    """The day, if it lies between 1900 and 2200."""
    if not 1900 <= day.year <= 2200:
        raise Invalid(where, "a date must lie between 1900 and 2200")
    return day


def _plain(value: Any) -> Any:
    if isinstance(value, asyncpg.Record):
        return dict(value)
    raise NotImplementedError(type(value))


_encoder = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")


def answer(content: Any, status: int = 200) -> Response:
    """JSON of plain values, dates, decimals and database rows."""
    return Response(_encoder.encode(content), status, media_type="application/json")


def midnight(day: date, plus_days: int = 0) -> datetime:
    """The instant at which a day of the clinic begins."""
    return datetime.combine(day + timedelta(plus_days), time(), UTC)


def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    details = {"details": problem.details} if problem.details else {}
    response = answer({"error": str(problem), **details}, problem.status)
    if problem.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = answer({"error": error.detail.lower()}, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _on_unavailable(request: Request, error: Exception) -> Response:
    if isinstance(error, asyncpg.InterfaceError) and str(error).startswith("the server expects"):
        raise error  # a query was called with the wrong number of values: ours, not the database's
    return answer({"error": "the database is not available"}, 503)


def _on_not_registered(request: Request, error: Exception) -> Response:
    return answer({"error": f"{error}, but the invoicing service is not available"}, 503)


def _on_bad_value(request: Request, error: Exception) -> Response:
    return _on_problem(request, Invalid("", "a value cannot be stored or compared in the database"))


def _on_disconnect(request: Request, error: Exception) -> Response:
    """Nobody reads it; the figures count it."""
    return answer({"error": "the client went away"}, 499)


EXCEPTION_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    Problem: _on_problem,
    HTTPException: _on_http_error,
    NotRegistered: _on_not_registered,
    ClientDisconnect: _on_disconnect,
    asyncpg.DataError: _on_bad_value,
    **dict.fromkeys(UNAVAILABLE, _on_unavailable),
}
