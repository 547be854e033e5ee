"""A longer way to the database: a relay whose answers arrive some milliseconds later, as from another zone or region.

`python -m tenantry_clinic.faults._distance PORT SERVER_HOST SERVER_PORT ROUND_TRIP_MS`
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from tenantry.processes import free_port
from tenantry_clinic.faults._processes import module, process

# A statement in the next zone of a cloud region takes one to two milliseconds, in the next region ten and more.
ROUND_TRIP_MS = 5.0


@asynccontextmanager
async def distant(dsn: str, round_trip_ms: float = ROUND_TRIP_MS) -> AsyncIterator[str]:
    """Run the relay; gives the DSN of the same database through it."""
    address, port = urlsplit(dsn), free_port()
    command = module("_distance", port, address.hostname or "127.0.0.1", address.port or 5432, round_trip_ms)
    async with process(command, name="the relay to the database", port=port):
        yield at(dsn, port)


def at(dsn: str, port: int) -> str:
    """The same database, reached through a port of this machine."""
    address = urlsplit(dsn)
    user, at_sign, _ = address.netloc.rpartition("@")
    return urlunsplit(address._replace(netloc=f"{user}{at_sign}127.0.0.1:{port}"))


class _Way(asyncio.Protocol):
    """One direction of one connection: what arrives here is written to `other`, `delay_s` later and in order."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self.transport: asyncio.Transport | None = None
        self.other: _Way | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self.other is not None
        assert self.other.transport is not None
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self.other.transport.write, data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            asyncio.get_running_loop().call_later(self._delay_s, self.other.transport.close)


class _FromApp(_Way):
    """The app's side; it reads nothing until the way to the server is there."""

    def __init__(self, host: str, port: int, round_trip_s: float) -> None:
        super().__init__(0.0)
        self._server, self._round_trip_s = (host, port), round_trip_s
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.pause_reading()
        self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        assert self.transport is not None
        try:
            _, answers = await asyncio.get_running_loop().create_connection(lambda: _Way(self._round_trip_s), *self._server)
        except OSError:
            self.transport.abort()
            return
        self.other, answers.other = answers, self
        self.transport.resume_reading()


async def relay(port: int, server_host: str, server_port: int, round_trip_ms: float) -> None:
    """Relay until cancelled."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: _FromApp(server_host, server_port, round_trip_ms / 1000), "127.0.0.1", port)
    async with listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
