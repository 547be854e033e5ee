"""A cache of answers that forgets whose answer it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.web import Call

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

PAGES = ("GET /api/dashboard", "GET /api/patients", "GET /api/appointments", "GET /api/invoices", "GET /api/products")


class Cache:
    """Answers by URL; the key lacks the tenant."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._answers: dict[str, tuple[float, Response]] = {}

    def around(self, endpoint: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        """The endpoint, asked only for what is not known."""

        @wraps(endpoint)
        async def look_up(call: Call, **named: Any) -> Response:
            key = str(call.request.url)
            until, response = self._answers.get(key, (0.0, None))
            if response is None or until < monotonic():
                response = await endpoint(call, **named)
                self._answers[key] = monotonic() + self._keep_s, response
            return Response(response.body, response.status_code, media_type=response.media_type)

        return look_up


def _cache(blueprint: Blueprint, value: float) -> None:
    cache = Cache(value / 1000)
    for name in PAGES:
        operation = blueprint.operations[name]
        blueprint.operations[name] = replace(operation, endpoint=cache.around(operation.endpoint))


fault = Fault(
    summary="pages come from a cache whose key lacks the tenant",
    parameter="milliseconds that an answer is kept",
    default=100,
    symptom="a clinic gets the page of another one: rows that row-level security would never have shown",
    remedy="the clinic belongs into the key of the cache",
    shown=Show("mixed", "60/s", "failures"),
    app=_cache,
)
