"""Student's t distribution, which the standard library lacks."""

from __future__ import annotations

import math

_STEPS = 300
_TINY = 1e-300


def two_sided(t: float, df: float) -> float:
    """The probability of a value at least as far from zero as `t`, with `df` degrees of freedom.

    `I_x(df/2, 1/2)` at `x = df / (df + t**2)` (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1 and 26.5.2).
    """
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(df / (df + t * t), df / 2, 0.5)


def point(level: float, df: float) -> float:
    """The value beyond which, on both sides together, `1 - level` of the distribution lies: `point(0.95, 9)` is 2.26."""
    low, high = 0.0, 1e3
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, df) > 1 - level else (low, middle)
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction 26.5.8 of Abramowitz and Stegun, by Lentz's method (Applied Optics 15, 1976)."""
    c, d = 1.0, 1.0 / _kept(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            d, c = 1.0 / _kept(1 + part * d), _kept(1 + part / c)
            found *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return found


def _kept(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
