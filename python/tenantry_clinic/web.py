"""What every endpoint shares: the caller's tenant, validated input, JSON answers, problems as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import asyncpg
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tenantry_clinic.auth import Identity, read_token
from tenantry_clinic.db import UNAVAILABLE, Database
from tenantry_clinic.settings import Settings

if TYPE_CHECKING:
    from tenantry_clinic.db import Connection

T = TypeVar("T")
LARGEST_ID = 2**63 - 1
Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
Endpoint = Callable[[Request], Awaitable[Response]]


class Problem(Exception):
    """An answer other than success: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a signed-in user."""

    request: Request
    db: Database
    settings: Settings
    identity: Identity

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A read-only transaction in the caller's clinic."""
        return self.db.tenant(self.identity.clinic_id)

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction in the caller's clinic."""
        return self.db.tenant(self.identity.clinic_id, write=True)

    def id(self) -> int:
        """The id in the path; one beyond the range of ids is unknown like any other."""
        wanted: int = self.request.path_params["id"]
        if wanted > LARGEST_ID:
            raise Problem(404, "not found")
        return wanted

    def text(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query_params.get(name)

    def number(self, name: str, default: int, *, least: int = 1, most: int = LARGEST_ID) -> int:
        """A whole number among the query parameters; a 422 outside its range."""
        given = self.text(name)
        if given is None:
            return default
        if not (given.isascii() and given.isdigit() and len(given) < 20 and least <= int(given) <= most):
            raise Problem(422, f"{name} must be a whole number from {least} to {most}")
        return int(given)

    def day(self, name: str = "date") -> date:
        """A date among the query parameters, today without; a 422 when it is none."""
        given = self.text(name)
        if given is None:
            return self.settings.today()
        try:
            found = date.fromisoformat(given)
        except ValueError:
            raise Problem(422, f"{name} must be a date like 2026-01-05") from None
        if not 1900 <= found.year <= 2200:
            raise Problem(422, f"{name} must lie between 1900 and 2200")
        return found

    async def body(self, kind: type[T]) -> T:
        """The request's JSON as `kind`; 400 when it is no JSON, 422 when it is another shape."""
        return await read_body(self.request, kind)


async def read_body(request: Request, kind: type[T]) -> T:
    """The request's JSON as `kind`; 400 when it is no JSON, 422 when it is another shape."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def signed_in(endpoint: Callable[[Call], Awaitable[Response]]) -> Endpoint:
    """An endpoint that needs a bearer token: 401 without a valid one."""

    async def answer_caller(request: Request) -> Response:
        settings: Settings = request.app.state.settings
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        identity = read_token(token, settings.secret) if scheme.lower() == "bearer" else None
        if identity is None:
            raise Problem(401, "a valid bearer token is needed")
        return await endpoint(Call(request, request.app.state.db, settings, identity))

    return answer_caller


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
    return answer({"error": error.detail.lower()}, error.status_code)


def _on_unavailable(request: Request, error: Exception) -> Response:
    return answer({"error": "the database is not available"}, 503)


def _on_bad_value(request: Request, error: Exception) -> Response:
    return answer({"error": "a value cannot be stored or compared in the database"}, 422)


EXCEPTION_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    Problem: _on_problem,
    HTTPException: _on_http_error,
    asyncpg.DataError: _on_bad_value,
    **dict.fromkeys(UNAVAILABLE, _on_unavailable),
}
