"""A server that closes a kept connection when it is told to, and records what arrived on which one."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
End = Callable[["ClosingServer", socket.socket], None]


@dataclass
class ClosingServer:
    """Answers the first request of its first connection and leaves the rest of that one to `end`. Later connections get all answers."""

    listener: socket.socket
    end: End
    arrivals: list[tuple[str, int]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    fillers: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        number = 0
        with suppress(OSError):
            while True:
                connection, peer = self.listener.accept()
                with connection:
                    if peer in (filler.getsockname() for filler in self.fillers):
                        continue
                    number += 1
                    self._converse(connection, number)
                self.ended.set()

    def _converse(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while self.receive(connection, number):
            connection.sendall(ANSWER)
            if number == 1:
                self.end(self, connection)
                break

    def receive(self, connection: socket.socket, number: int = 1) -> bool:
        """Read one request; false when the client has closed the connection."""
        data = b""
        while not _is_whole(data):
            piece = connection.recv(1000)
            if not piece:
                return False
            data += piece
        self.arrivals.append((data.split(b" ", 2)[0].decode(), number))
        return True

    def fill(self) -> None:
        """Let the next connection take about a second: its queue is full, so the client's system has to ask twice. No round trip on this
        machine is long otherwise."""
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)

    def make_room_soon(self) -> None:
        """Begin to accept connections after the client has asked once. To be called on its event loop just before it does."""
        asyncio.get_running_loop().call_later(0.4, self._make_room)

    def _make_room(self) -> None:
        threading.Thread(target=self.serve, daemon=True).start()


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and len(body) == (int(length[1]) if length else 0)


def leave(connection: socket.socket) -> None:
    """Let it be closed in peace."""


def reset(connection: socket.socket) -> None:
    """Let it be closed by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def after_reading(how: Callable[[socket.socket], None] = leave, *, delay_s: float = 0.0, answer: bytes = b"") -> End:
    """Read another request, and close the connection after a while, with no answer or with the beginning of one."""

    def end(server: ClosingServer, connection: socket.socket) -> None:
        assert server.receive(connection)
        time.sleep(delay_s)
        connection.sendall(answer)
        how(connection)

    return end


@contextmanager
def closing_server(end: End) -> Iterator[ClosingServer]:
    """A server that does not accept connections before `make_room_soon`."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        server = ClosingServer(listener, end)
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        for filler in server.fillers:
            filler.close()
