"""The clinic's web app: a blueprint of what it is made of, and the app built from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware

from tenantry_clinic import openapi
from tenantry_clinic.db import Database
from tenantry_clinic.invoicing import Invoicing
from tenantry_clinic.operations import Operation, routes
from tenantry_clinic.routes import appointments, dashboard, invoices, patients, prescriptions, records, reports, session, shop
from tenantry_clinic.settings import Settings
from tenantry_clinic.telemetry import Figures, Telemetry
from tenantry_clinic.web import EXCEPTION_HANDLERS

AREAS = tuple(module.area for module in (dashboard, appointments, patients, records, prescriptions, invoices, shop, reports, session))


@dataclass
class Blueprint:
    """The app before it is built: what may still be exchanged.

    `door` is middleware around Telemetry: the app's own figures do not know what waits there.
    """

    settings: Settings
    operations: dict[str, Operation] = field(default_factory=lambda: {each.name: each for area in AREAS for each in area.operations})
    open_database: Callable[[Settings], AbstractAsyncContextManager[Database]] = Database.connect
    door: list[Middleware] = field(default_factory=list)


def create_app(blueprint: Blueprint) -> Starlette:
    """The ASGI app; it connects to the database when it is started."""
    settings, figures = blueprint.settings, Figures()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.db = await stack.enter_async_context(blueprint.open_database(settings))
            app.state.invoicing = await stack.enter_async_context(Invoicing.connect(settings.invoicing))
            await stack.enter_async_context(figures.watching(app.state.db))
            yield

    app = Starlette(
        routes=routes(blueprint.operations.values()),
        middleware=[*blueprint.door, Middleware(Telemetry, figures=figures)],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    app.state.settings, app.state.figures = settings, figures
    app.state.document = msgspec.json.encode(openapi.document(blueprint.operations.values()))
    app.router.redirect_slashes = False
    return app


def from_environment() -> Starlette:
    """The app with the settings and faults of its environment."""
    from tenantry_clinic import faults

    blueprint = Blueprint(Settings.from_environment())
    faults.change(blueprint, faults.chosen())
    return create_app(blueprint)
