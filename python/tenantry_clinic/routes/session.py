"""Login, and what the app tells of itself."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from starlette.responses import Response

from tenantry_clinic.auth import Identity, issue_token, password_matches
from tenantry_clinic.files import can_be_written
from tenantry_clinic.operations import Answer, Area
from tenantry_clinic.web import NO_NULL, Problem, Visit, answer

area = Area("session")


class UserBrief(TypedDict):
    """Who signed in."""

    id: int
    role: Literal["owner", "vet", "admin"]


class SignedIn(TypedDict):
    """A token and whom it speaks for."""

    token: str
    clinic: str
    user: UserBrief


State = Literal["ok", "unavailable"]


class Dependencies(TypedDict):
    """What the app needs; `none` where no invoicing service is configured."""

    database: State
    files: State
    invoicing: Literal["ok", "unavailable", "none"]


class Health(TypedDict):
    """How the app is, and its present day."""

    status: State
    today: date
    dependencies: Dependencies


class Credentials(msgspec.Struct):
    """Who signs in."""

    email: Annotated[str, msgspec.Meta(max_length=320, pattern=NO_NULL)]
    password: Annotated[str, msgspec.Meta(max_length=1000)]


@area.post("/api/login", public=True, answers=SignedIn, problems={401: "Unknown address or wrong password"})
async def login(call: Visit, body: Credentials) -> Response:
    """A bearer token for an address and its password."""
    account = await call.db.account(body.email, call.timing)
    right = await password_matches(body.password, account.password_hash if account else None)
    if account is None or not right:
        # Not which of both was wrong: nobody learns whose address is known.
        raise Problem(401, "unknown address or wrong password")
    token = issue_token(Identity(account.clinic_id, account.id, account.role), call.settings.secret)
    return answer({"token": token, "clinic": account.clinic, "user": {"id": account.id, "role": account.role}})


@area.get(
    "/api/health", public=True, answers=Health, problems={503: Answer("The database does not answer, or uploads cannot be kept", Health)}
)
async def health(call: Visit) -> Response:
    """What the app depends on, and its present day."""
    database, invoicing = await asyncio.gather(call.db.is_alive(), call.invoicing.state())
    files = await asyncio.to_thread(can_be_written, call.settings.files)
    dependencies = {"database": _word(database), "files": _word(files), "invoicing": invoicing}
    well = database and files
    return answer({"status": _word(well), "today": call.settings.today(), "dependencies": dependencies}, 200 if well else 503)


def _word(well: bool) -> str:
    return "ok" if well else "unavailable"


@area.get("/api/openapi.json", public=True, answers=dict[str, Any], database=False)
async def openapi(call: Visit) -> Response:
    """This document."""
    return Response(call.request.app.state.document, media_type="application/json")


@area.get("/metrics", public=True, answers=str, content=("text/plain",), database=False)
async def metrics(call: Visit) -> Response:
    """Figures of the worker that answers, for Prometheus."""
    return Response(call.request.app.state.figures.text(), media_type="text/plain; version=0.0.4")
