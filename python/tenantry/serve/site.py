"""What all pages share: the runs, the token, how something is shown or refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tenantry.errors import EnvironmentFault, TenantryError
from tenantry.serve.pages import page
from tenantry.serve.shelf import Card, Shelf

SCHEMA = 1
_MOST_AT_ONCE = 2
_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of one runs folder. `token` is None where everybody who reaches the server may read."""

    shelf: Shelf
    token: str | None
    _heavy: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST_AT_ONCE))

    def show(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """A page."""
        return HTMLResponse(page(template, has_token=self.token is not None, **values), status)

    def told(self, request: Request, status: int, text: str, hint: str = "") -> Response:
        """What is wrong and what to do, as a page or as JSON."""
        if request.url.path.startswith("/api/"):
            return JSONResponse({"schema": SCHEMA, "error": text, "hint": hint or None}, status)
        return self.show("message", status=status, text=text, hint=hint)

    def refused(self, request: Request, error: HTTPException) -> Response:
        """What a view raised."""
        return self.told(request, error.status_code, "There is no such page." if error.detail == "Not Found" else error.detail)

    def failed(self, request: Request, error: TenantryError) -> Response:
        """The same for what a folder does not hold, or what cannot be done with it."""
        return self.told(request, 500 if isinstance(error, EnvironmentFault) else 422, error.what, error.hint)

    def card(self, name: str) -> Card:
        """The run of this name; raises HTTPException when there is none."""
        card = self.shelf.card(name)
        if card is None:
            raise HTTPException(404, f"There is no run {name}.")
        return card

    @contextmanager
    def heavy(self) -> Iterator[None]:
        """Work that takes a core for a while: few at once, so that lists are answered beside it."""
        if not self._heavy.acquire(timeout=_PATIENCE_S):
            raise HTTPException(503, "The server is busy with other reports; try again.")
        try:
            yield
        finally:
            self._heavy.release()
