"""An app server that works on a few requests at a time, as with synchronous workers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from tenantry_clinic.faults._model import Fault, Show, lending
from tenantry_clinic.faults._service import service

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from tenantry_clinic.app import Blueprint

# What an answer of the outside service takes, with any number of workers.
_CALL_MS = 50


class Workers:
    """Lets so many requests in at a time; the app does not see those that wait at its door."""

    def __init__(self, app: ASGIApp, count: int) -> None:
        self._app, self._free = app, asyncio.Semaphore(count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a worker for the length of a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with self._free:
            await self._app(scope, receive, send)


def _limit(blueprint: Blueprint, value: float) -> None:
    blueprint.door.append(Middleware(Workers, count=int(value)))


fault = Fault(
    summary=f"few workers, each busy with one request at a time; checkout waits {_CALL_MS} ms for an outside service",
    parameter="requests at a time per process",
    default=1,
    least=1,
    healthy=100,
    symptom="answers are late though Server-Timing is as ever: requests wait before the app sees them, those of the health page too",
    remedy="more workers or threads, or an asynchronous server, which holds none while it waits",
    shown=Show("checkout", "30/s"),
    app=_limit,
    beside=lending("CLINIC_INVOICING", lambda _, __: service(delay_ms=_CALL_MS)),
)
