"""An outside service as the app knows it: it answers after a while, and at most so many times a second.

`python -m tenantry_clinic.faults._service PORT DELAY_MS [CALLS_PER_SECOND]`
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tenantry.processes import free_port
from tenantry_clinic.faults._processes import module, process


@asynccontextmanager
async def service(*, delay_ms: float = 0, limit: float = math.inf) -> AsyncIterator[str]:
    """Run it; gives its URL."""
    port = free_port()
    async with process(module("_service", port, delay_ms, limit), name="the outside service", port=port):
        yield f"http://127.0.0.1:{port}"


class Bucket:
    """Calls that are still allowed: up to a second's worth, refilled all the time."""

    def __init__(self, per_second: float) -> None:
        self._per_second, self._left, self._seen = per_second, max(per_second, 1.0), monotonic()

    def take(self) -> bool:
        """Whether one more call is allowed now."""
        now = monotonic()
        self._left = min(self._left + (now - self._seen) * self._per_second, max(self._per_second, 1.0))
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def create_service(delay_s: float, limit: float) -> Starlette:
    """`GET /health`, `POST /invoices`, and `GET /rates` for currencies."""
    bucket = None if limit == math.inf else Bucket(limit)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def work(request: Request) -> Response:
        await request.body()
        if bucket is not None and not bucket.take():
            return JSONResponse({"error": "too many calls"}, 429, {"retry-after": "1"})
        await asyncio.sleep(delay_s)
        return JSONResponse({"status": "done"}, 201 if request.method == "POST" else 200)

    return Starlette(routes=[Route("/health", health), Route("/invoices", work, methods=["POST"]), Route("/rates", work)])


def main(port: str, delay_ms: str, limit: str) -> None:
    """Serve until SIGTERM."""
    import uvicorn

    app = create_service(float(delay_ms) / 1000, float(limit))
    quiet: dict[str, Any] = {"log_level": "warning", "access_log": False}
    uvicorn.run(app, host="127.0.0.1", port=int(port), ws="none", lifespan="off", timeout_graceful_shutdown=0, **quiet)


if __name__ == "__main__":
    main(*sys.argv[1:])
