"""The clinic's web app: `create_app` for given settings, `from_environment` for a server's worker processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from tenantry_clinic.db import Database
from tenantry_clinic.routes import appointments, dashboard, invoices, patients, session, shop
from tenantry_clinic.settings import Settings
from tenantry_clinic.web import EXCEPTION_HANDLERS


def create_app(settings: Settings) -> Starlette:
    """The ASGI app; it connects to the database when it is started."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with Database.connect(settings) as db:
            app.state.db, app.state.settings = db, settings
            yield

    areas = (dashboard, appointments, patients, invoices, shop, session)
    return Starlette(
        routes=[route for area in areas for route in area.routes],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    """The app with the settings of its environment."""
    return create_app(Settings.from_environment())
