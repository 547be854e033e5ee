"""A synchronous call in an asynchronous handler: the whole worker waits for it."""

from __future__ import annotations

import http.client
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Ground, Show
from tenantry_clinic.faults._service import service
from tenantry_clinic.web import Call

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

_VARIABLE = "CLINIC_RATES"


@asynccontextmanager
async def _rates(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with service(delay_ms=value) as url:
        yield {_VARIABLE: url}


class Rates:
    """A synchronous client of a service of currency rates; like many of them it keeps one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def today(self) -> bytes:
        """Today's rates."""
        try:
            self._connection.request("GET", "/rates")
            return self._connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise


def asking_first(endpoint: Callable[[Call], Awaitable[Response]], rates: Rates) -> Callable[[Call], Awaitable[Response]]:
    """The endpoint, which needs the rates before it begins."""

    async def dashboard(call: Call) -> Response:
        rates.today()
        return await endpoint(call)

    return dashboard


def _block(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/dashboard"
    operation = blueprint.operations[name]
    blueprint.operations[name] = replace(operation, endpoint=asking_first(operation.endpoint, Rates(os.environ[_VARIABLE])))


fault = Fault(
    summary="the dashboard asks another service with a synchronous client",
    parameter="milliseconds that the other service takes",
    default=25,
    symptom="all pages are slow together, the health page too; the event loop lags while CPU, pool and database are idle",
    remedy="an asynchronous client such as httpx.AsyncClient, or asyncio.to_thread",
    shown=Show("mixed", "60/s"),
    app=_block,
    beside=_rates,
)
