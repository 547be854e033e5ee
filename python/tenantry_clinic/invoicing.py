"""The outside service that registers each sale as an electronic invoice, where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from time import perf_counter

import httpx

from tenantry_clinic.telemetry import Timing

_TIMEOUT_S = 10.0
_CONNECTIONS = 100


class NotRegistered(Exception):
    """The service refused, or did not answer."""


class Invoicing:
    """A client of the service; without an address it registers nothing."""

    def __init__(self, client: httpx.AsyncClient | None) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str | None) -> AsyncIterator[Invoicing]:
        """Keep connections to the service at `url`; None where there is none."""
        if url is None:
            yield cls(None)
            return
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, limits=limits) as client:
            yield cls(client)

    async def register(self, order_id: int, total: Decimal, timing: Timing) -> None:
        """Tell the service of a paid order; raises NotRegistered."""
        if self._client is None:
            return
        began = perf_counter()
        try:
            response = await self._client.post("/invoices", json={"order_id": order_id, "total": str(total)})
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise NotRegistered(f"order {order_id} is paid") from error
        finally:
            timing.external += perf_counter() - began

    async def state(self) -> str:
        """`ok`, `unavailable` or `none`."""
        if self._client is None:
            return "none"
        try:
            return "ok" if (await self._client.get("/health", timeout=2.0)).is_success else "unavailable"
        except httpx.HTTPError:
            return "unavailable"
