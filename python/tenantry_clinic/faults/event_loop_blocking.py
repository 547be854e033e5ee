"""A synchronous call in an asynchronous handler: the whole worker waits for it."""

from __future__ import annotations

import http.client
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
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


def todays_rates(url: str) -> bytes:
    """The rates of currencies, by a synchronous client."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("GET", "/rates")
        return connection.getresponse().read()


def asking_first(endpoint: Callable[[Call], Awaitable[Response]], url: str) -> Callable[[Call], Awaitable[Response]]:
    """The endpoint, which needs the rates before it begins."""

    async def dashboard(call: Call) -> Response:
        todays_rates(url)
        return await endpoint(call)

    return dashboard


def _block(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/dashboard"
    operation = blueprint.operations[name]
    blueprint.operations[name] = replace(operation, endpoint=asking_first(operation.endpoint, os.environ[_VARIABLE]))


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
