"""Responses that a script reads while they come in: bodies in pieces, and Server-Sent Events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Self

from tenantry.scenario.session import Response, Stream
from tenantry.scenario.sse import Event, EventParser


class Download:
    """A response on its way: `async with vu.stream("GET", "/export") as export: async for piece in export.pieces(): ...`.

    Its sample is recorded when the body has ended; leaving the block before that gives the rest up and closes the connection.
    """

    __slots__ = ("_end", "_stream", "response")

    response: Response
    """Status and headers; its body is empty."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._end: Response | None = None

    async def __aenter__(self) -> Self:
        try:
            while isinstance(step := self._stream.head(), Coroutine):
                await step
        except BaseException:
            self._stream.close(True)
            raise
        self.response = step
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        from asyncio import CancelledError

        self._stream.close(isinstance(error, CancelledError))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes; content codings are left as they are. Ends early when the connection breaks: see `end`."""
        while self._end is None:
            step = self._stream.next()
            if isinstance(step, bytes):
                yield step
            elif isinstance(step, Coroutine):
                await step
            else:
                self._end = step

    async def events(self) -> AsyncIterator[Event]:
        """The body as Server-Sent Events."""
        parser = EventParser()
        async for piece in self.pieces():
            for event in parser.feed(piece):
                yield event

    @property
    def end(self) -> Response | None:
        """How the response ended, with its failure if it broke off; None while it comes in."""
        return self._end
