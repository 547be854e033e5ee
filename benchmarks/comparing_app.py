"""A small ASGI app for `benchmarks.comparing_runs`: three endpoints that wait in one queue for four workers, log-normal times.

Once started with a factor in `BENCH_FACTOR`, all its own times are that much longer, and nothing else is.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, MutableMapping
from random import Random
from typing import Any

TYPICAL_S = {"/list": 0.012, "/detail": 0.008, "/search": 0.025}
_FACTOR = float(os.environ.get("BENCH_FACTOR", "1"))
_RNG = Random()
_WORKERS = asyncio.Semaphore(4)

Message = MutableMapping[str, Any]


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    """Answer any path after its time; `/health` at once."""
    if scope["type"] != "http":
        return
    typical = TYPICAL_S.get(scope["path"])
    if typical is not None:
        async with _WORKERS:
            await asyncio.sleep(_FACTOR * typical * math.exp(_RNG.gauss(0, 0.4)))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
