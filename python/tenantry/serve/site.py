"""What is answered at which address."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tenantry.errors import EnvironmentFault, TenantryError
from tenantry.serve import guard
from tenantry.serve.guard import App, Guard
from tenantry.serve.listing import STATES, listed, read_wish
from tenantry.serve.pages import ASSETS, page
from tenantry.serve.shelf import Shelf

SCHEMA = 1
_MOST_FORM_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of one runs folder. `token` is None where everybody who reaches the server may read."""

    shelf: Shelf
    token: str | None

    def app(self) -> App:
        """The whole as an ASGI application, with its guard."""
        routes = [
            Route("/", self.runs),
            Route("/api/runs", self.api_runs),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/logout", self.logout, methods=["POST"]),
            Route("/assets/{name}", self.asset),
        ]
        handlers = {HTTPException: self.refused, TenantryError: self.failed}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), self.token)  # type: ignore[arg-type]  # narrower than Exception

    def show(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        return HTMLResponse(page(template, has_token=self.token is not None, **values), status)

    def runs(self, request: Request) -> Response:
        """The list of runs."""
        cards, wish = self.shelf.cards(), read_wish(request.query_params)
        found = listed(cards, wish)
        pending = any(card.figures is None and card.is_readable and not card.is_running for card in found.cards)
        workloads = sorted({card.workload for card in cards if card.workload})
        return self.show(
            "runs", listed=found, wish=wish, workloads=workloads, states=STATES, pending=pending, runs=self.shelf.runs, all=len(cards)
        )

    def api_runs(self, request: Request) -> Response:
        """The same as JSON."""
        found = listed(self.shelf.cards(), read_wish(request.query_params))
        told = [card.as_dict() for card in found.cards]
        return JSONResponse({"schema": SCHEMA, "total": found.total, "page": found.page, "pages": found.pages, "runs": told})

    async def login(self, request: Request) -> Response:
        """The form, and what it sends."""
        wanted = guard.local_path(request.query_params.get("next", "/"))
        if self.token is None:
            return RedirectResponse("/", 303)
        if request.method != "POST":
            return self.show("login", wanted=wanted, wrong=False)
        form = parse_qs((await _body(request)).decode("utf-8", "replace"))
        if not guard.is_same(form.get("token", [""])[0].strip(), self.token):
            return self.show("login", status=401, wanted=wanted, wrong=True)
        answer = RedirectResponse(wanted, 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(guard.COOKIE, guard.session(self.token), httponly=True, samesite="strict", secure=secure)
        return answer

    def logout(self, request: Request) -> Response:
        answer = RedirectResponse("/login" if self.token else "/", 303)
        answer.delete_cookie(guard.COOKIE, httponly=True, samesite="strict")
        return answer

    def asset(self, request: Request) -> Response:
        path, kind = ASSETS.get(request.path_params["name"], (None, ""))
        if path is None or not path.is_file():
            raise HTTPException(404, "There is no such page.")
        return FileResponse(path, media_type=kind, headers={"cache-control": "no-cache"})

    def refused(self, request: Request, error: HTTPException) -> Response:
        """A page, or JSON, that says what is wrong."""
        text = "There is no such page." if error.detail == "Not Found" else error.detail
        return self.told(request, error.status_code, text)

    def failed(self, request: Request, error: TenantryError) -> Response:
        """The same for what a folder does not hold."""
        return self.told(request, 500 if isinstance(error, EnvironmentFault) else 422, error.what, error.hint)

    def told(self, request: Request, status: int, text: str, hint: str = "") -> Response:
        """What is wrong, and what to do."""
        if request.url.path.startswith("/api/"):
            return JSONResponse({"schema": SCHEMA, "error": text, "hint": hint or None}, status)
        return self.show("message", status=status, text=text, hint=hint)


async def _body(request: Request) -> bytes:
    """The body of a form; too much of it is refused."""
    found = b""
    async for part in request.stream():
        found += part
        if len(found) > _MOST_FORM_BYTES:
            raise HTTPException(413, "That is too much for a form.")
    return found
