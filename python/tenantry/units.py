"""Durations, rates and sizes as people write them, and as the engine counts them."""

from __future__ import annotations

import re
from fractions import Fraction

from tenantry.errors import UsageError

NS = 1_000_000_000
_UNIT_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NS, "m": 60 * NS, "h": 3600 * NS, "d": 24 * 3600 * NS}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)")
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(ms|s|m|h)\s*")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)\s*")
_UNIT_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def duration_ns(value: str | float, *, what: str = "duration") -> int:
    """Nanoseconds of `30s`, `1h30m`, `1.5s`, `90d`, `0s`, or of a number of seconds; raises UsageError for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value < 1e9:
            raise UsageError(f"{what} {value!r} is not a duration of zero or more seconds", hint="write it as 30s, 5m or 1h30m")
        return round(Fraction(str(value)) * NS)
    text = str(value).strip().replace(" ", "")
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        sign = "negative" if text.startswith("-") else "not understood"
        raise UsageError(f"{what} {value!r} is {sign}", hint="write it as 30s, 5m or 1h30m")
    return round(sum(Fraction(number) * _UNIT_NS[unit] for number, unit in parts))


def rate(value: str | float, *, what: str = "rate") -> Fraction:
    """Events per second, exactly, of `50/s`, `30/m`, or of a plain number per second; raises UsageError for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value < 1e9:
            raise UsageError(f"{what} {value!r} is not a rate of zero or more per second", hint="write it as 500/s or 30/m")
        return Fraction(str(value))
    match = _RATE.fullmatch(str(value))
    if match is None:
        sign = "negative" if str(value).strip().startswith("-") else "not understood"
        raise UsageError(f"{what} {value!r} is {sign}", hint="write it as 500/s or 30/m")
    return Fraction(match[1]) * NS / _UNIT_NS[match[2]]


def size_bytes(value: str, *, what: str = "size") -> int:
    """Bytes of `64KB`, `1MiB`, `512B`; raises UsageError for anything else."""
    match = _SIZE.fullmatch(value)
    if match is None:
        raise UsageError(f"{what} {value!r} is not understood", hint="write it as 64KB, 1MiB or 512B")
    return round(Fraction(match[1]) * _UNIT_BYTES[match[2]])


def show_duration(seconds: float | None) -> str:
    """A duration for people, three digits: `180 µs`, `12.3 ms`, `4.56 s`, `2m 30s`; `-` for None."""
    if seconds is None:
        return "-"
    if seconds >= 120:
        return f"{int(seconds // 60)}m {int(seconds % 60)}s"
    if seconds >= 0.9995 or seconds == 0:
        return f"{_three_digits(seconds)} s"
    return f"{_three_digits(seconds * 1e3)} ms" if seconds >= 0.9995e-3 else f"{seconds * 1e6:.0f} µs"


def _three_digits(number: float) -> str:
    return f"{number:.{0 if number >= 99.95 or number == 0 else 1 if number >= 9.995 else 2}f}"


def write_duration(ns: int) -> str:
    """A duration as people write it, exactly: `1h30m`, `2.5s`, `0s`; `duration_ns` reads it back."""
    words, rest = "", ns
    for unit in ("h", "m"):
        count, rest = divmod(rest, _UNIT_NS[unit])
        words += f"{count}{unit}" if count else ""
    whole, part = divmod(rest, NS)
    seconds = f"{whole}.{part:09}".rstrip("0").rstrip(".")
    return words + (f"{seconds}s" if rest or not words else "")


def show_rate(per_second: float | None) -> str:
    """A rate for people: `1,234/s`, `12.3/s`; `-` for None."""
    if per_second is None:
        return "-"
    return f"{per_second:,.0f}/s" if per_second >= 100 else f"{per_second:,.1f}/s"


def shown(value: float | None, unit: str) -> str:
    """A measured value for people, by unit: `s`, `share`, `per_s`, `count`, `bytes`, `ratio`; `-` for None."""
    if value is None:
        return "-"
    match unit:
        case "s":
            number, _, of = show_duration(value).partition(" ")
            return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {of}".rstrip()
        case "share":
            return f"{value * 100:.3g} %" if value < 0.1 else f"{value * 100:.1f}".removesuffix(".0") + " %"
        case "per_s":
            return show_rate(value)
        case "count":
            return f"{value:,.0f}"
        case "bytes":
            return f"{value / 1e6:,.0f} MB"
        case _:
            return f"{value:.3g}"
