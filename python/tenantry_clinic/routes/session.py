"""Health and login."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.auth import Identity, issue_token, password_matches
from tenantry_clinic.db import Database
from tenantry_clinic.settings import Settings
from tenantry_clinic.web import Problem, answer, read_body


class Credentials(msgspec.Struct):
    """Body of a login."""

    email: str
    password: str


async def health(request: Request) -> Response:
    """200 while the database answers, else 503."""
    database = await request.app.state.db.is_alive()
    state = {"status": "ok" if database else "unavailable", "today": request.app.state.settings.today(), "database": database}
    return answer(state, 200 if database else 503)


async def login(request: Request) -> Response:
    """A token for an address and its password; 401 without saying which of both was wrong."""
    credentials = await read_body(request, Credentials)
    db: Database = request.app.state.db
    settings: Settings = request.app.state.settings
    account = await db.account(credentials.email)
    right = await password_matches(credentials.password, account.password_hash if account else None)
    if account is None or not right:
        raise Problem(401, "unknown address or wrong password")
    token = issue_token(Identity(account.clinic_id, account.id, account.role), settings.secret)
    return answer({"token": token, "clinic": account.clinic, "user": {"id": account.id, "role": account.role}})


routes = [Route("/api/health", health), Route("/api/login", login, methods=["POST"])]
