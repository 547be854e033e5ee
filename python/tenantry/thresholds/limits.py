"""Limits of thresholds as they are written, by unit."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite

from tenantry.errors import UsageError
from tenantry.metrics.builtin import Unit
from tenantry.units import NS, duration_ns, rate, size_bytes

LIMITS: dict[Unit, str] = {
    "s": "a duration such as 500ms",
    "share": "a percentage such as 1%",
    "per_s": "a rate such as 950/s",
    "count": "a number such as 100",
    "bytes": "a size such as 500MB",
    "ratio": "a number such as 3",
}
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_LONGEST = 60


def is_plain(text: str) -> bool:
    """Whether it is a number without a unit."""
    return len(text) <= _LONGEST and _PLAIN.fullmatch(text) is not None


def limit_of(text: str, unit: Unit) -> float | None:
    """The number in its unit, or None when the text is none of that unit."""
    if len(text) > _LONGEST:
        return None
    try:
        value = _limit(text, unit)
    except (UsageError, OverflowError, ValueError):
        return None
    return value if value is not None and isfinite(value) else None


def _limit(text: str, unit: Unit) -> float | None:
    match unit:
        case "s":
            return duration_ns(text) / NS
        case "per_s":
            return float(rate(text)) if "/" in text else None
        case "bytes":
            return float(size_bytes(text))
        case "share" if text.endswith("%"):
            number = text[:-1].strip()
            return float(Fraction(number) / 100) if is_plain(number) and Fraction(number) <= 100 else None
    if not is_plain(text):
        return None
    # 1 alone could be meant as 1 % or as everything.
    return float(text) if unit != "share" or Fraction(text) < 1 else None
