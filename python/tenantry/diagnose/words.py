"""Figures in the sentences of findings."""

from __future__ import annotations


def ms(seconds: float) -> str:
    """`12.3 ms`, `1.23 s`."""
    return f"{seconds:.2f} s" if seconds >= 0.9995 else f"{seconds * 1000:.3g} ms"


def percent(share: float) -> str:
    """`12 %`."""
    return f"{share * 100:.3g} %" if share < 0.1 else f"{share:.0%}".replace("%", " %")


def count(number: float) -> str:
    """`1,234`, `0.12`."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def number_of(number: float, things: str) -> str:
    """`1 lock`, `10 connections`."""
    return f"{count(number)} {things.removesuffix('s') if number == 1 else things}"


def grade(*signs: tuple[float, bool]) -> float:
    """The confidence of a finding: weights of the signs that were seen, over the weights of all."""
    return sum(weight for weight, seen in signs if seen) / sum(weight for weight, _ in signs)
