"""Keyset pages: the next one begins behind the last row of the one before, wherever that is, at the same cost."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from tenantry_clinic.web import Invalid


def cursor_of(row: asyncpg.Record, keys: Sequence[str]) -> str:
    """An opaque mark of a row's place in the order by `keys`."""
    return base64.urlsafe_b64encode(msgspec.json.encode([row[key] for key in keys])).decode().rstrip("=")


def place_of(cursor: str, kinds: type[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The values of `keys` behind which the page begins; a 422 for a mark that we did not make."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place: tuple[Any, ...] = msgspec.json.decode(text, type=kinds)
    except (binascii.Error, ValueError):
        raise Invalid("after", "must be the `next` of an earlier page") from None
    return place


def listing(select: str, conditions: Mapping[str, Sequence[object]], order: str, limit: int) -> tuple[str, list[object]]:
    """The query for `limit + 1` rows ($1, which `order` names) and its values; of the conditions, those that have values for their `{}`."""
    values: list[object] = [limit + 1]
    held = []
    for condition, given in conditions.items():
        if given:
            held.append(condition.format(*(f"${len(values) + number}" for number in range(1, len(given) + 1))))
            values += given
    where = " WHERE " + " AND ".join(held) if held else ""
    return select + where + order, values


def page(name: str, rows: list[asyncpg.Record], limit: int, keys: Sequence[str]) -> dict[str, Any]:
    """`{name: rows, "next": mark}` of `limit + 1` rows asked for: the one too many tells that there is more."""
    more = len(rows) > limit
    return {name: rows[:limit], "next": cursor_of(rows[limit - 1], keys) if more else None}
