"""What every endpoint shares: the caller and its tenant, JSON answers, problems as JSON."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import asyncpg
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tenantry_clinic.auth import Identity
from tenantry_clinic.db import UNAVAILABLE, Database, Session
from tenantry_clinic.invoicing import Invoicing, NotRegistered
from tenantry_clinic.settings import Settings
from tenantry_clinic.telemetry import Timing

LARGEST_ID = 2**63 - 1
Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]


class Problem(Exception):
    """An answer other than success: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


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


def year_is_near(day: date) -> date:
    """The day, if it lies between 1900 and 2200; else ValueError, which is a 422."""
    if not 1900 <= day.year <= 2200:
        raise ValueError("a date must lie between 1900 and 2200")
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
    response = answer({"error": str(problem)}, problem.status)
    if problem.status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = answer({"error": error.detail.lower()}, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _on_unavailable(request: Request, error: Exception) -> Response:
    return answer({"error": "the database is not available"}, 503)


def _on_not_registered(request: Request, error: Exception) -> Response:
    return answer({"error": "the order is paid, but the invoicing service is not available"}, 503)


def _on_bad_value(request: Request, error: Exception) -> Response:
    return answer({"error": "a value cannot be stored or compared in the database"}, 422)


EXCEPTION_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    Problem: _on_problem,
    HTTPException: _on_http_error,
    NotRegistered: _on_not_registered,
    asyncpg.DataError: _on_bad_value,
    **dict.fromkeys(UNAVAILABLE, _on_unavailable),
}
