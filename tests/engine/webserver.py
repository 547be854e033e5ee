"""A server for what browsers and APIs do beyond one request and one answer: redirects, cookies, codings, streams, challenges."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from truth import Arrival, TruthServer

TEXT = b"the same words again and again, " * 50


class WebServer(TruthServer):
    """`/to?where=URL&code=302` redirects; `/login` sets cookies; `/coded?as=gzip` answers in a coding; `/drip` and `/events` take time;
    `/secret` wants digest authentication; `/flaky` fails twice; `/big` has a megabyte; anything else is that of TruthServer."""

    flaky = 0

    async def _answer(self, arrival: Arrival, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        split = urlsplit(arrival.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        answers: dict[str, Callable[[], bytes]] = {
            "/to": lambda: _head(int(query.get("code", "302")), f"location: {query['where']}\r\n") + b"moved",
            "/login": lambda: (
                _head(200, "set-cookie: session=s3cret; Path=/; HttpOnly\r\nset-cookie: theme=dark; Path=/shop\r\n", 2) + b"ok"
            ),
            "/coded": lambda: _coded(query["as"]),
            "/secret": lambda: _secret(arrival),
            "/flaky": self._flaky,
            "/big": lambda: _head(200, "", 1_000_000) + b"x" * 1_000_000,
            "/timing": lambda: _head(200, 'server-timing: db;dur=12.5, app;dur=3;desc="the app", cache;desc=miss\r\n', 2) + b"ok",
        }
        if split.path in answers:
            writer.write(answers[split.path]())
            await writer.drain()
            return True
        slow: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {"/drip": _drip, "/events": _events}
        if split.path in slow:
            await slow[split.path](writer)
            return False
        return await super()._answer(arrival, reader, writer)

    def _flaky(self) -> bytes:
        self.flaky += 1
        return _head(503, "", 4) + b"busy" if self.flaky <= 2 else _head(200, "", 2) + b"ok"


def _head(status: int, fields: str, length: int = 5) -> bytes:
    return f"HTTP/1.1 {status} X\r\n{fields}content-length: {length}\r\n\r\n".encode()


def _coded(coding: str) -> bytes:
    whole: bytes = zlib.compress(TEXT)
    body = {"gzip": gzip.compress(TEXT), "deflate": whole, "raw-deflate": whole[2:-4], "broken": b"this is not gzip"}[coding]
    name = {"raw-deflate": "deflate", "broken": "gzip"}.get(coding, coding)
    return _head(200, f"content-encoding: {name}\r\n", len(body)) + body


def _digest(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def _secret(arrival: Arrival) -> bytes:
    """RFC 7616 with MD5, as its examples have it: Mufasa, Circle of Life."""
    given = arrival.headers.get("authorization", "")
    if not given.startswith("Digest "):
        return _head(401, 'www-authenticate: Digest realm="r", qop="auth", nonce="n0", algorithm=MD5\r\n')[:-2] + b"\r\nwrong"
    fields = dict(part.strip().split("=", 1) for part in given.removeprefix("Digest ").split(","))
    value = {key: text.strip('"') for key, text in fields.items()}
    user, request = _digest("Mufasa:r:Circle of Life"), _digest(f"{arrival.method}:{value['uri']}")
    wanted = _digest(f"{user}:n0:{value['nc']}:{value['cnonce']}:auth:{request}")
    return _head(200, "", 2) + b"in" if wanted == value["response"] else _head(403, "", 2) + b"no"


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for piece in (b"one", b"two", b"three"):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _events(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
    for piece in (b": hello\n\nda", b"ta: first\n\nevent: news\ndata: a\n", b"data: b\nid: 7\n\n"):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)
