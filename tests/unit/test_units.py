"""Durations, rates and sizes: what is written is what is meant, and nothing else is accepted."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import UsageError
from tenantry.units import NS, duration_ns, rate, size_bytes, write_duration

UNITS = [("d", 86_400 * NS), ("h", 3600 * NS), ("m", 60 * NS), ("s", NS), ("ms", 10**6), ("us", 10**3), ("ns", 1)]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("30s", 30 * NS),
        ("5m", 300 * NS),
        ("1h30m", 5400 * NS),
        ("90d", 7_776_000 * NS),
        ("1.5s", 1_500_000_000),
        ("250ms", 250_000_000),
        ("0s", 0),
        (2, 2 * NS),
        (0.1, 10**8),
    ],
)
def test_a_duration_is_counted_in_nanoseconds(text: str | float, ns: int) -> None:
    assert duration_ns(text) == ns


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "-5s", "5m-3s", "s5", "1e3s", "5mm", -1, float("nan"), float("inf"), True])
def test_anything_else_is_no_duration(text: str | float) -> None:
    with pytest.raises(UsageError, match="duration"):
        duration_ns(text)


@given(st.lists(st.integers(0, 10_000), min_size=7, max_size=7).filter(any))
def test_the_parts_of_a_duration_add_up(numbers: list[int]) -> None:
    text = "".join(f"{number}{unit}" for number, (unit, _) in zip(numbers, UNITS, strict=True) if number)
    assert duration_ns(text) == sum(number * ns for number, (_, ns) in zip(numbers, UNITS, strict=True))


@given(st.text())
def test_no_text_makes_the_parsers_crash(text: str) -> None:
    for parse in (duration_ns, rate, size_bytes):
        with suppress(UsageError):
            assert parse(text) >= 0


@given(st.integers(1, 10**6), st.sampled_from([("ms", 10**6), ("s", NS), ("m", 60 * NS), ("h", 3600 * NS)]))
def test_a_rate_is_an_exact_fraction_per_second(number: int, unit: tuple[str, int]) -> None:
    assert rate(f"{number}/{unit[0]}") == Fraction(number * NS, unit[1])


@pytest.mark.parametrize(("text", "size"), [("64KB", 64_000), ("1MiB", 1_048_576), ("512B", 512), ("1.5GB", 1_500_000_000)])
def test_a_size_is_counted_in_bytes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["0s", "1.5s", "0.000000001s", "2m", "1h30m", "1h1s", "25h0.25s"])
def test_a_duration_is_written_in_the_shortest_way(text: str) -> None:
    assert write_duration(duration_ns(text)) == text


@given(st.integers(0, 1 << 60))
def test_a_duration_is_read_as_it_is_written(ns: int) -> None:
    assert duration_ns(write_duration(ns)) == ns
