"""Server-Sent Events (WHATWG HTML, section 9.2): bytes as they come in, events as they are complete."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")


class Event(NamedTuple):
    """One event; `id` is the last one that the stream gave, `retry_ms` how long to wait before connecting again."""

    data: str
    event: str = "message"
    id: str = ""
    retry_ms: int | None = None


class EventParser:
    """Takes a stream of bytes apart, wherever they are cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._data: list[str] = []
        self._event = ""
        self._id = ""
        self._retry: int | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes."""
        *lines, self._rest = _LINE.split(self._rest + piece)
        if lines and not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self._retry = int(value)
        return None

    def _dispatch(self) -> Event | None:
        data, event = self._data, self._event
        self._data, self._event = [], ""
        return Event("\n".join(data), event or "message", self._id, self._retry) if data else None
