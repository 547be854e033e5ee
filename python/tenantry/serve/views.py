"""The list of runs, the login, and the files that pages load."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from tenantry.serve import guard
from tenantry.serve.listing import STATES, listed, read_wish
from tenantry.serve.pages import ASSETS
from tenantry.serve.site import SCHEMA, Site

_MOST_FORM_BYTES = 10_000


def runs(site: Site, request: Request) -> Response:
    """The list of runs."""
    cards, wish = site.shelf.cards(), read_wish(request.query_params)
    found = listed(cards, wish)
    workloads, branches = (sorted({getattr(card, key) for card in cards} - {""}) for key in ("workload", "branch"))
    pending = any(card.is_pending for card in found.cards)
    return site.show(
        "runs",
        listed=found,
        wish=wish,
        workloads=workloads,
        branches=branches,
        states=STATES,
        pending=pending,
        runs=site.shelf.runs,
        all=len(cards),
    )


def api_runs(site: Site, request: Request) -> Response:
    """The same as JSON."""
    found = listed(site.shelf.cards(), read_wish(request.query_params))
    told = [card.as_dict() for card in found.cards]
    return JSONResponse({"schema": SCHEMA, "total": found.total, "page": found.page, "pages": found.pages, "runs": told})


async def login(site: Site, request: Request) -> Response:
    """The form, and what it sends."""
    wanted = guard.local_path(request.query_params.get("next", "/"))
    if site.token is None:
        return RedirectResponse("/", 303)
    if request.method != "POST":
        return site.show("login", wanted=wanted, wrong=False)
    form = parse_qs((await _body(request)).decode("utf-8", "replace"))
    if not guard.is_same(form.get("token", [""])[0].strip(), site.token):
        return site.show("login", status=401, wanted=wanted, wrong=True)
    answer = RedirectResponse(wanted, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(guard.COOKIE, guard.session(site.token), httponly=True, samesite="strict", secure=secure)
    return answer


def logout(site: Site, request: Request) -> Response:
    answer = RedirectResponse("/login" if site.token else "/", 303)
    answer.delete_cookie(guard.COOKIE, httponly=True, samesite="strict")
    return answer


def asset(site: Site, request: Request) -> Response:
    path, kind = ASSETS.get(request.path_params["name"], (None, ""))
    if path is None or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=kind, headers={"cache-control": "no-cache"})


async def _body(request: Request) -> bytes:
    """The body of a form; too much of it is refused."""
    found = b""
    async for part in request.stream():
        found += part
        if len(found) > _MOST_FORM_BYTES:
            raise HTTPException(413, "That is too much for a form.")
    return found
