"""PgBouncer's console, which speaks only the simple protocol, unlike our driver."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from io import BufferedIOBase


def show(what: str, port: int, user: str) -> list[dict[str, str]]:
    """The rows of `SHOW what`, to a user who needs no password."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, connection.makefile("rwb") as stream:
        parameters = f"user\0{user}\0database\0pgbouncer\0\0".encode()
        stream.write(struct.pack("!II", len(parameters) + 8, 3 << 16) + parameters)
        stream.flush()
        assert [kind for kind, _ in _messages(stream) if kind == b"E"] == []
        query = f"SHOW {what}\0".encode()
        stream.write(b"Q" + struct.pack("!I", len(query) + 4) + query)
        stream.flush()
        names: list[str] = []
        rows = []
        for kind, body in _messages(stream):
            if kind == b"T":
                names = list(_names(body))
            elif kind == b"D":
                rows.append(dict(zip(names, _values(body), strict=True)))
        return rows


def _messages(stream: BufferedIOBase) -> Iterator[tuple[bytes, bytes]]:
    """What the server says until it is ready for a query."""
    while True:
        kind = stream.read(1)
        (length,) = struct.unpack("!I", stream.read(4))
        yield kind, stream.read(length - 4)
        if kind in (b"Z", b""):
            return


def _names(body: bytes) -> Iterator[str]:
    place = 2
    for _ in range(struct.unpack_from("!H", body)[0]):
        end = body.index(b"\0", place)
        yield body[place:end].decode()
        place = end + 1 + 18


def _values(body: bytes) -> Iterator[str]:
    place = 2
    for _ in range(struct.unpack_from("!H", body)[0]):
        (length,) = struct.unpack_from("!i", body, place)
        place += 4
        yield body[place : place + max(length, 0)].decode()
        place += max(length, 0)
