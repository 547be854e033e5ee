"""The pages of one stored run: its report in a frame, the report alone, everything as JSON."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tenantry.compare.baselines import MAIN
from tenantry.report.document import document, page_document
from tenantry.report.html import render
from tenantry.report.write import REPORT
from tenantry.results import open_run
from tenantry.serve.shelf import Card
from tenantry.serve.site import Site

# A report is a file of the runs folder, wherever that came from: its scripts run apart from this site, and reach nothing.
_APART = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def run(site: Site, request: Request) -> Response:
    """A run: its report below a bar of links; one that goes on has a page of its own."""
    card = site.card(request.path_params["name"])
    if card.is_running:
        return RedirectResponse(f"{request.url.path}/live", 303)
    base = next((other for other in site.shelf.cards() if MAIN in other.baselines and other.name != card.name), None)
    return site.show("run", card=card, base=base)


def report(site: Site, request: Request) -> Response:
    """The report alone: the stored one, or one made for this answer."""
    card = _readable(site, request)
    folder = site.shelf.folder(card)
    stored = None if card.is_running else _stored(folder / REPORT)
    if stored is not None:
        return HTMLResponse(stored, headers={"content-security-policy": _APART})
    with site.heavy(), open_run(folder) as opened:
        made = render(page_document(opened))
    return HTMLResponse(made, headers={"content-security-policy": _APART})


def api_run(site: Site, request: Request) -> Response:
    """Everything that a run tells, as `tenantry report --format json` prints it."""
    card = _readable(site, request)
    with site.heavy(), open_run(site.shelf.folder(card)) as opened:
        told = document(opened)
    return Response(msgspec.json.encode(told), media_type="application/json")


def _readable(site: Site, request: Request) -> Card:
    card = site.card(request.path_params["name"])
    if not card.is_readable:
        raise HTTPException(422, f"The run {card.name} cannot be read: {card.fault}")
    return card


def _stored(path: Path) -> bytes | None:
    """The report of a folder; None where there is none, or something else of that name."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        return path.read_bytes()
    except OSError:
        return None
