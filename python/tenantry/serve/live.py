"""The page of a test that goes on: what it says now, again and again, and the button that stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from tenantry.control import give, read_order
from tenantry.report.numbers import duration, per_second
from tenantry.serve.chart import chart
from tenantry.serve.guard import LEAST_TOKEN
from tenantry.serve.pages import page
from tenantry.serve.shelf import Card
from tenantry.serve.site import Site
from tenantry.serve.watch import Moment, Watch

MOST_STREAMS = 16
_EVERY_S = 2.0


@dataclass(slots=True)
class Live:
    """Who watches what: one reader for each run, however many pages of it are open."""

    site: Site
    _watches: dict[str, Watch] = field(default_factory=dict)
    _streams: int = 0

    def show(self, request: Request) -> Response:
        """The page, with the figures of now: without JavaScript it is loaded again and again."""
        card = self.site.card(request.path_params["name"])
        if not card.is_running:
            self._watches.pop(card.name, None)
            return RedirectResponse(request.url.path.removesuffix("/live"), 303)
        return self.site.show("live", card=card, part=self._part(card))

    async def events(self, request: Request) -> Response:
        """The same part of the page as server-sent events, until the test has ended."""
        card = await run_in_threadpool(self.site.card, request.path_params["name"])
        if self._streams >= MOST_STREAMS:
            raise HTTPException(503, "Too many pages watch tests already.")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(card.name), media_type="text/event-stream", headers=headers)

    def stop(self, request: Request) -> Response:
        """Stop a test, as `tenantry ctl RUN stop` does; only for who has the token."""
        if self.site.token is None:
            what = "Stopping a test from here needs a token: start the server with TENANTRY_SERVE_TOKEN, of at least "
            raise HTTPException(403, f"{what}{LEAST_TOKEN} characters.")
        card = self.site.card(request.path_params["name"])
        give(read_order("stop", None, None), self.site.shelf.folder(card))
        return RedirectResponse(request.url.path.removesuffix("/stop") + "/live", 303)

    async def _stream(self, name: str) -> AsyncIterator[str]:
        self._streams += 1
        try:
            while (part := await run_in_threadpool(self._now, name)) is not None:
                yield _event("part", part)
                await asyncio.sleep(_EVERY_S)
            yield _event("end", "")
        finally:
            self._streams -= 1

    def _now(self, name: str) -> str | None:
        """The part of the page that changes; None when the test has ended."""
        card = self.site.shelf.card(name)
        if card is None or not card.is_running:
            self._watches.pop(name, None)
            return None
        return self._part(card)

    def _part(self, card: Card) -> str:
        moment = self._watches.setdefault(card.name, Watch(self.site.shelf.folder(card))).look()
        return page("live_part", card=card, moment=moment, charts=_charts(moment))


def _charts(moment: Moment) -> list[tuple[str, object]]:
    columns = moment.columns
    rates = {"requests": columns["requests"], "failures": columns["failures"]}
    iterations = {"due": columns["due"], "started": columns["started"]} if moment.totals["due"] else {"started": columns["started"]}
    return [
        ("Response time", chart({name: columns[name] for name in ("p50", "p95", "p99")}, duration)),
        ("Requests per second", chart(rates, per_second)),
        ("Iterations per second", chart(iterations, per_second)),
    ]


def _event(kind: str, data: str) -> str:
    """A server-sent event; each line of its data has a prefix of its own."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {kind}\n{lines}\n"
