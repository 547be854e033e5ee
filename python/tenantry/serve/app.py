"""What is answered at which address."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from tenantry.errors import TenantryError
from tenantry.serve import comparing, stored, trends, views
from tenantry.serve.guard import App, Guard
from tenantry.serve.live import Live
from tenantry.serve.site import Site


def app(site: Site) -> App:
    """The whole as an ASGI application, with its guard."""
    live = Live(site)
    routes = [
        Route("/", partial(views.runs, site)),
        Route("/api/runs", partial(views.api_runs, site)),
        Route("/api/runs/{name}", partial(stored.api_run, site)),
        Route("/runs/{name}", partial(stored.run, site)),
        Route("/runs/{name}/report", partial(stored.report, site)),
        Route("/runs/{name}/live", live.show),
        Route("/runs/{name}/events", live.events),
        Route("/runs/{name}/stop", live.stop, methods=["POST"]),
        Route("/compare", partial(comparing.side_by_side, site)),
        Route("/trends", partial(trends.trends, site)),
        Route("/login", partial(views.login, site), methods=["GET", "POST"]),
        Route("/logout", partial(views.logout, site), methods=["POST"]),
        Route("/assets/{name}", partial(views.asset, site)),
    ]
    handlers = {HTTPException: site.refused, TenantryError: site.failed}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), site.token)  # type: ignore[arg-type]  # narrower than Exception
