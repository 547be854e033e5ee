"""Login, and what the app tells of itself."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.responses import Response

from tenantry_clinic.auth import Identity, issue_token, password_matches
from tenantry_clinic.files import can_be_written
from tenantry_clinic.operations import Area
from tenantry_clinic.web import Problem, Visit, answer

area = Area("session")


class Credentials(msgspec.Struct):
    """Who signs in."""

    email: str
    password: str


@area.post("/api/login", public=True, problems={401: "Unknown address or wrong password"})
async def login(call: Visit, body: Credentials) -> Response:
    """A bearer token for an address and its password."""
    account = await call.db.account(body.email, call.timing)
    right = await password_matches(body.password, account.password_hash if account else None)
    if account is None or not right:
        # Not which of both was wrong: nobody learns whose address is known.
        raise Problem(401, "unknown address or wrong password")
    token = issue_token(Identity(account.clinic_id, account.id, account.role), call.settings.secret)
    return answer({"token": token, "clinic": account.clinic, "user": {"id": account.id, "role": account.role}})


@area.get("/api/health", public=True, problems={503: "The database does not answer, or uploads cannot be kept"})
async def health(call: Visit) -> Response:
    """What the app depends on, and its present day."""
    database, invoicing = await asyncio.gather(call.db.is_alive(), call.invoicing.state())
    files = await asyncio.to_thread(can_be_written, call.settings.files)
    dependencies = {"database": _word(database), "files": _word(files), "invoicing": invoicing}
    well = database and files
    return answer({"status": _word(well), "today": call.settings.today(), "dependencies": dependencies}, 200 if well else 503)


def _word(well: bool) -> str:
    return "ok" if well else "unavailable"


@area.get("/api/openapi.json", public=True)
async def openapi(call: Visit) -> Response:
    """This document."""
    return answer(call.request.app.state.document)


@area.get("/metrics", public=True, content="text/plain")
async def metrics(call: Visit) -> Response:
    """Figures of the worker that answers, for Prometheus."""
    return Response(call.request.app.state.figures.text(), media_type="text/plain; version=0.0.4")
