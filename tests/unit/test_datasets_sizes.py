"""Tenants of different sizes, and numbers that are not uniform."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any

import duckdb
import pytest

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    choice,
    constant,
    distinct,
    each,
    exponential,
    flag,
    integer,
    key,
    lognormal,
    normal,
    poisson,
    position,
    quantiles,
    reference,
    runs,
    template,
    tenant_key,
    words,
    zipf,
)
from tenantry.datasets.generate import generate
from tenantry.datasets.population import Population
from tenantry.errors import UsageError

SKEWED = lognormal(20, 1, 1, 400)
MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def shop(items: int | Column = SKEWED, visits: int | Column = 3, **columns: Column) -> Dataset:
    tables = {
        "shops": Table(1, {"id": key(), "slug": template("loadtest-{tenant:05d}")}),
        "items": Table(items, {"id": key(), "shop_id": tenant_key(), "place": position(0), **columns}),
        "visits": Table(visits, {"id": key(), "shop_id": tenant_key(), "item_id": reference("items")}),
    }
    return Dataset(name="shop", anchor=date(2026, 1, 5), tables=tables, tenant_table="shops", tenant_column="shop_id", mark="slug")


def mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def draw(key: int, row: int) -> int:
    return mix(key + (row + 1) * GOLDEN & MASK)


def subkey(key: int, name: str) -> int:
    hashed = 0xCBF29CE484222325
    for byte in name.encode():
        hashed = (hashed ^ byte) * 0x100000001B3 & MASK
    return mix(mix(key + GOLDEN & MASK) ^ hashed)


def between(knots: list[int], number: int) -> int:
    """The value by exact fractions, rounded half up."""
    at = Fraction(number, 2**64) * (len(knots) - 1)
    low = knots[math.floor(at)]
    exact = low + (knots[math.floor(at) + 1] - low) * (at - math.floor(at))
    return math.floor(exact + Fraction(1, 2))


def test_the_number_of_rows_is_what_plain_arithmetic_makes_of_the_same_draws() -> None:
    population = Population(shop(), 500, rng_seed=9)
    drawn = subkey(subkey(subkey(0, "tenantry") + 9, "items"), "rows per tenant")
    wanted = [between(SKEWED.parameters["knots"], draw(drawn, tenant)) for tenant in range(500)]
    assert [population.count("items", tenant) for tenant in range(500)] == wanted
    assert population.count("items") == sum(wanted)
    assert min(wanted) >= 1 and max(wanted) > 8 * sorted(wanted)[250]


@pytest.mark.parametrize(
    "items", [SKEWED, poisson(1.5), zipf(50), integer(0, 3), runs((2, 100), (1, 5)), each(4, 0, 9), choice({1: 9, 60: 1})]
)
def test_rows_of_a_tenant_follow_those_of_the_one_before_it(items: Column) -> None:
    population = Population(_alone(items), 80)
    sizes = [population.count("items", tenant) for tenant in range(80)]
    rows = population.rows("items", 0, sum(sizes) + 10)
    wanted = [(tenant + 1, place) for tenant, size in enumerate(sizes) for place in range(size)]
    assert [(row.shop_id, row.place) for row in rows] == wanted
    assert [row.id for row in rows] == list(range(1, sum(sizes) + 1))
    ends = list(accumulate(sizes))
    for number in range(0, sum(sizes), 7):
        tenant = bisect_right(ends, number)
        assert population.row("items", tenant, number - (ends[tenant] - sizes[tenant])).id == number + 1


def test_sizes_by_place_count_the_tenants() -> None:
    population = Population(shop(runs((2, 100), (1, 5))), 6)
    assert [population.count("items", tenant) for tenant in range(6)] == [100, 100, 5, 5, 5, 5]


def test_more_tenants_leave_the_rows_of_those_before_them_as_they_are() -> None:
    few, many = Population(shop(price=normal(10, 3, 0, 20)), 30), Population(shop(price=normal(10, 3, 0, 20)), 300)
    for table in ("items", "visits"):
        count = few.count(table)
        assert [str(row) for row in few.rows(table, 0, count)] == [str(row) for row in many.rows(table, 0, count)]


def test_references_lead_to_rows_of_the_same_tenant_and_reach_all_of_them() -> None:
    population = Population(shop(integer(1, 4), visits=40), 50)
    owner = {row.id: row.shop_id for row in population.rows("items", 0, population.count("items"))}
    visits = population.rows("visits", 0, population.count("visits"))
    assert all(owner[visit.item_id] == visit.shop_id for visit in visits)
    assert {visit.item_id for visit in visits} == set(owner)


def test_a_pick_reaches_every_row_of_its_tenant_and_no_other() -> None:
    population = Population(_alone(poisson(3)), 60)
    rng = Random(3)
    for tenant in range(60):
        own = {row.id for row in population.rows("items", 0, population.count("items")) if row.shop_id == tenant + 1}
        if own:
            assert {population.pick(tenant, "items", rng).id for _ in range(40 * len(own))} == own
            assert {population.pick(tenant, "items", rng, place=0).id for _ in range(5)} == {min(own)}
        else:
            with pytest.raises(LookupError, match=f"tenant {tenant} has no row in items$"):
                population.pick(tenant, "items", rng)


def _alone(items: int | Column, **columns: Column) -> Dataset:
    dataset = shop(items, **columns)
    return Dataset(
        name="shop",
        anchor=dataset.anchor,
        tables={name: table for name, table in dataset.tables.items() if name != "visits"},
        tenant_table="shops",
        tenant_column="shop_id",
        mark="slug",
    )


def test_files_and_rows_are_the_same(tmp_path: Path) -> None:
    population = Population(shop(price=exponential(5, 0, 80, "numeric(6,2)")), 70)
    generate(population, tmp_path)
    with duckdb.connect() as connection:
        found = connection.sql(f"SELECT id, shop_id, price FROM '{tmp_path}/items/*.parquet' ORDER BY id").fetchall()
    assert found == [(row.id, row.shop_id, row.price) for row in population.rows("items", 0, population.count("items"))]


def test_a_distinct_number_fits_into_the_largest_tenant() -> None:
    rows = Population(_alone(SKEWED, slot=distinct(400)), 100).rows("items", 0, 10**6)
    assert len({(row.shop_id, row.slot) for row in rows}) == len(rows)
    with pytest.raises(UsageError, match=r"400 rows per tenant cannot have distinct values in 0\.\.399"):
        Population(_alone(SKEWED, slot=distinct(399)), 3)


ROWS = 40_000
CONTINUOUS: list[tuple[Column, Callable[[float], float]]] = [
    (normal(12, 4, "0", "40", "numeric(8,4)"), NormalDist(12, 4).cdf),
    (lognormal(50, 1, "1", "5000", "numeric(10,4)"), lambda x: NormalDist(math.log(50), 1).cdf(math.log(x))),
    (exponential(5, "0", "80", "numeric(8,4)"), lambda x: 1 - math.exp(-x / 5)),
]


def values(column: Column) -> list[Any]:
    dataset = _alone(1000, value=column)
    return [row.value for row in Population(dataset, ROWS // 1000).rows("items", 0, ROWS)]


@pytest.mark.parametrize(("column", "cdf"), CONTINUOUS, ids=["normal", "lognormal", "exponential"])
def test_a_continuous_column_has_its_distribution(column: Column, cdf: Callable[[float], float]) -> None:
    """Kolmogorov-Smirnov against the exact distribution, cut off at the ends; 1.63 / sqrt(n) is passed once in a hundred seeds."""
    found = sorted(map(float, values(column)))
    low, high = (float(Decimal(column.parameters["knots"][end])) / 10**4 for end in (0, -1))
    assert low <= found[0] and found[-1] <= high
    start, end = cdf(max(low, 1e-12)), cdf(high)
    distance = max(abs((cdf(x) - start) / (end - start) - at / ROWS) for at, x in enumerate(found))
    assert distance < 1.63 / math.sqrt(ROWS)


@pytest.mark.parametrize(
    ("column", "weight"),
    [
        (poisson(2.5), lambda k: math.exp(-2.5) * 2.5**k / math.factorial(k)),
        (zipf(12, 1.2), lambda k: k**-1.2 / sum(j**-1.2 for j in range(1, 13))),
        (quantiles(0, 1), lambda k: 0.5),
    ],
    ids=["poisson", "zipf", "quantiles"],
)
def test_a_discrete_column_has_its_distribution(column: Column, weight: Callable[[int], float]) -> None:
    """Chi-square over the values that are expected at least 20 times, against its mean and three standard deviations."""
    counts = Counter(values(column))
    expected = {k: ROWS * weight(k) for k in counts if ROWS * weight(k) >= 20}
    assert sum(expected.values()) > 0.999 * ROWS
    chi_square = sum((counts[k] - wanted) ** 2 / wanted for k, wanted in expected.items())
    freedom = len(expected) - 1
    assert chi_square < freedom + 3 * math.sqrt(2 * freedom)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Population(shop(integer(0, 3)), 50),
            r"visits, column item_id: positions 0 to 1 are not in items, of which a tenant may have only 0",
        ),
        (lambda: Population(shop(integer(-2, 3)), 50), "numbers of rows cannot be negative"),
        (lambda: Population(shop(constant(0)), 50), "drawn from one of: integer, normal"),
        (lambda: Population(shop(each(0)), 50), "no tenant can have a row"),
        (lambda: Population(shop(flag(0.5)), 50), "the rows per tenant are no whole numbers"),
        (lambda: Population(shop(words("x")), 50), "the rows per tenant are no whole numbers"),
        (lambda: Population(shop(SKEWED.nullable(0.5)), 50), "the rows per tenant are no whole numbers"),
        (lambda: Population(shop(0), 50), "rows per tenant must be at least 1"),
        (lambda: normal(1, 0, 0, 2), "sd is 0; it must be above 0"),
        (lambda: normal(0, 1, 50, 60), "hardly any value lies from 50 to 60"),
        (lambda: lognormal(-1, 1, 0, 2), "median is -1"),
        (lambda: exponential(1, 5, 5), "hardly any value"),
        (lambda: poisson(0), "a mean of 0"),
        (lambda: zipf(0), "not from 1 to"),
        (lambda: zipf(5, -1), "an exponent of -1"),
        (lambda: quantiles(3, 1), "are no quantiles"),
        (lambda: normal(1, 1, "0.005", 2, "numeric(5,2)"), "has more digits than"),
    ],
)
def test_a_mistake_is_told(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
