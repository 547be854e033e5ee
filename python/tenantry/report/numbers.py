"""Numbers as the reports print them: a dash for what is not known, never a rounded-away failure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "\N{EN DASH}"
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")

# Controls, lone surrogates, and the marks that turn the direction of all text after them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Document = Mapping[str, Any]


def printable(value: Any) -> Any:
    """The same JSON with every character of its strings that could disturb the text around it shown as `\N{REPLACEMENT CHARACTER}`."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {printable(str(key)): printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        plain_numbers = all(item is None or type(item) in (int, float) for item in value)
        return value if plain_numbers else [printable(item) for item in value]
    return value


def as_json(value: Any, *, indented: bool = False) -> str:
    """JSON with an end of line; what Unicode cannot encode is shown as `printable` shows it."""
    import msgspec

    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(printable(value))
    return (msgspec.json.format(encoded) if indented else encoded).decode() + "\n"


def finite(value: object) -> float | None:
    """The number, or None for anything that is not a finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) else None


def part(document: Document, key: str) -> Document:
    """The object under `key`; empty where it is null or missing."""
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def items(document: Document, key: str) -> list[Document]:
    """The list of objects under `key`; empty where it is null or missing."""
    value = document.get(key)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, Sequence) and not isinstance(value, str) else []


def numbers(document: Document, key: str) -> list[float | None]:
    """The column of numbers under `key`; empty where it is null or missing."""
    value = document.get(key)
    return (
        [item if type(item) is int else finite(item) for item in value]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else []
    )


def plain(value: object) -> str:
    """Three significant digits below 100, whole numbers with separators from there on."""
    number = finite(value)
    if number is None:
        return NOTHING
    size = abs(number)
    if number == 0 or size >= 99.95 or isinstance(value, int):
        return f"{number:,.0f}"
    if size < 0.0005:
        return f"{number:.1g}"
    return f"{number:.{1 if size >= 9.995 else 2 if size >= 0.995 else 3}f}"


def millis(seconds: object) -> str:
    """Milliseconds without their unit, for columns of tables; from seconds."""
    number = finite(seconds)
    return NOTHING if number is None else plain(float(number) * 1e3)


def duration(seconds: object) -> str:
    """`180 µs`, `12.3 ms`, `4.56 s`, `2m 30s`, `1h 05m`; from seconds."""
    number = finite(seconds)
    if number is None:
        return NOTHING
    size = abs(number)
    if size >= 3600:
        return f"{number // 3600:.0f}h {number % 3600 // 60:02.0f}m"
    if size >= 120:
        return f"{number // 60:.0f}m {number % 60:02.0f}s"
    if size >= 0.9995:
        return f"{plain(float(number))} s"
    if size >= 0.0009995:
        return f"{plain(float(number) * 1e3)} ms"
    return "0 ms" if number == 0 else f"{plain(float(round(number * 1e6, 1)))} µs"


def share(value: object) -> str:
    """A share of one as per cent; what is not 0 or 1 never reads `0 %` or `100 %`."""
    number = finite(value)
    if number is None:
        return NOTHING
    percent = number * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    if 0 < percent < 0.001:
        return "<0.001 %"
    if 99 < percent < 100:
        digits = 2 if percent <= 99.99 else 4
        return f"{math.floor(percent * 10**digits) / 10**digits:g} %"
    return f"{percent:.{1 if abs(percent) >= 9.995 else 2 if abs(percent) >= 0.0995 else 3}f} %"


def per_second(value: object) -> str:
    """`1,234/s`, `12.3/s`."""
    return NOTHING if finite(value) is None else f"{plain(value)}/s"


def size(value: object) -> str:
    """Bytes in decimal units: `4.61 MB`."""
    number = finite(value)
    if number is None:
        return NOTHING
    rank = min(len(_BYTE_UNITS) - 1, int(math.log10(number) // 3)) if number >= 1 else 0
    return f"{plain(number / 1000**rank) if rank else plain(int(number))} {_BYTE_UNITS[rank]}"


def quantity(value: object, unit: object) -> str:
    """A threshold's value in its unit: `s`, `share`, `per_s`, `count` or `ratio`."""
    show = {"s": duration, "share": share, "per_s": per_second}.get(str(unit), plain)
    return show(value)


def ratio(over: object, under: object) -> float | None:
    """`over / under`; None where either is unknown or `under` is 0."""
    top, bottom = finite(over), finite(under)
    return None if top is None or not bottom else top / bottom
