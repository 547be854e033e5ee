"""A server that knows the truth: it records when each request arrived and answers exactly as it is told to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

OK = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'


@dataclass(frozen=True)
class Arrival:
    """One request as the server saw it; times are of `time.monotonic_ns`."""

    at_ns: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class TruthServer:
    """`/delay?ms=20` answers after 20 ms; `/status?code=500` with that status; `/reset`, `/garbage`, `/short`, `/chunked-short`, `/close`,
    `/hang`, `/idle-close` misbehave as they are called; `/echo` returns the body; anything else is 200 with a small JSON."""

    tls: ssl.SSLContext | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    connections: int = 0
    closed_by_client: int = 0
    peers: list[str] = field(default_factory=list)
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Give the server's thread the time to see what the client did."""
        give_up = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < give_up, "it never came true"
            time.sleep(0.005)

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(_end_all_tasks())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.peers.append(writer.get_extra_info("peername")[0])
        try:
            while (arrival := await self._read(reader, number)) is not None:
                self.arrivals.append(arrival)
                if not await self._answer(arrival, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_by_client += 1
        except asyncio.CancelledError:
            writer.transport.abort()  # the server ends: over TLS, `close` would wait for a client that may never answer
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Arrival | None:
        head = await reader.readexactly(1)
        if head == b"\x16":  # the first byte of a TLS handshake
            return None
        head += await reader.readuntil(b"\r\n\r\n")
        at = time.monotonic_ns()
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = first.split(" ", 2)
        return Arrival(at, method, path, headers, body, number)

    async def _answer(self, arrival: Arrival, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is not to be used again."""
        split = urlsplit(arrival.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        special: dict[str, Callable[[], Awaitable[bool]]] = {
            "/reset": lambda: _reset(writer),
            "/hang": lambda: self._hang(reader),
            "/close": lambda: _end(writer, b""),
            "/garbage": lambda: _end(writer, b"this is not HTTP at all\r\n\r\n"),
            "/short": lambda: _end(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"),
            "/chunked-short": lambda: _end(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            "/idle-close": lambda: _end(writer, OK),
        }
        if arrival.method == "PRI":  # the preface of HTTP/2, which is not spoken here
            return await self._refuse(reader, writer)
        if split.path in special:
            return await special[split.path]()
        if "ms" in query:
            await asyncio.sleep(float(query["ms"]) / 1000)
        writer.write(_response(split.path, query, arrival))
        await writer.drain()
        return True

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """As a server of HTTP/1.1 does. What else comes is read: closing before that is a reset, which can overtake the answer."""
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()
        return False

    async def _hang(self, reader: asyncio.StreamReader) -> bool:
        """Never answer; notice when the client gives up."""
        await reader.read(1)
        self.closed_by_client += 1
        return False


async def _end_all_tasks() -> None:
    """Cancel them, those too that accept a connection just now, and let their connections close."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.wait(others)
    for _ in range(3):  # a TLS connection tells its end to the one below, which closes the socket in a turn of its own
        await asyncio.sleep(0)


def _response(path: str, query: dict[str, str], arrival: Arrival) -> bytes:
    if path == "/echo":
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(arrival.body), arrival.body)
    if path == "/chunked":
        return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    if "code" in query:
        return b"HTTP/1.1 %d X\r\nserver-timing: db;dur=1.5\r\ncontent-length: 2\r\n\r\n{}" % int(query["code"])
    return OK


async def _end(writer: asyncio.StreamWriter, content: bytes) -> bool:
    writer.write(content)
    await writer.drain()
    return False


async def _reset(writer: asyncio.StreamWriter) -> bool:
    transport = writer.transport
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    return False
