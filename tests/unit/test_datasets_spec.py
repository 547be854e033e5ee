"""What a dataset's author may write, and what is told when it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    after,
    by,
    choice,
    constant,
    day,
    decimal,
    distinct,
    each,
    integer,
    key,
    lookup,
    moment,
    reference,
    template,
    words,
)
from tenantry.datasets.find import load_dataset
from tenantry.datasets.population import Population
from tenantry.errors import UsageError


def dataset(columns: Mapping[str, Column], **options: Any) -> Dataset:
    tables = {"shops": Table(1, {"id": key(), "slug": template("shop-{tenant}")}), "items": Table(4, {"id": key(), **columns})}
    return Dataset(
        name="shop", anchor=date(2026, 1, 5), tables=tables, tenant_table="shops", tenant_column="shop_id", mark="slug", **options
    )


def items(columns: Mapping[str, Column], **options: Any) -> list[dict[str, Any]]:
    return [row._asdict() for row in Population(dataset(columns, **options), 2).rows("items", 0, 8)]


def test_each_value_follows_the_position_or_another_column() -> None:
    rows = items({"name": each("a", "b", "c"), "n": each(2, 0, 1, 5), "letter": each("x", "y", "z", by="n")})
    assert [row["name"] for row in rows] == ["a", "b", "c", "a"] * 2
    assert [row["letter"] for row in rows] == ["z", "x", "y", "z"] * 2


def test_decimals_keep_their_scale() -> None:
    rows = items(
        {"price": each(Decimal("1.5"), Decimal("12.25")), "fee": constant(Decimal("-0.05")), "rate": decimal(2, 2, "numeric(5,3)")}
    )
    assert [str(row["price"]) for row in rows[:2]] == ["1.50", "12.25"]
    assert {str(row["fee"]) for row in rows} == {"-0.05"}
    assert {str(row["rate"]) for row in rows} == {"2.000"}


def test_a_date_after_another_keeps_its_distance() -> None:
    for row in items({"a": day(-100, 0), "b": day(after("a", 3), after("a", 5)), "c": moment(after("b", 1), after("b", 1))}):
        assert date(2025, 9, 27) <= row["a"] <= date(2026, 1, 5)
        assert 3 <= (row["b"] - row["a"]).days <= 5
        assert (row["c"].date() - row["b"]).days == 1 and row["c"].hour == 0


def test_braces_stand_for_themselves_when_doubled() -> None:
    assert items({"t": template("{{{position}}} {id:03d}")})[1]["t"] == "{2} 002"


def test_a_lookup_has_the_type_of_what_it_finds() -> None:
    rows = items({"shop_id": reference("shops"), "born": day(-5, 0), "near": reference("items"), "day": lookup("near", "born")})
    assert all(row["day"] == rows[row["near"] - 1]["born"] for row in rows)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": words("nomes")}, "table items, column a: there is no pool nomes; known: names"),
        ({"a": reference("shoes")}, "column a: refers to shoes, which is not a table"),
        ({"a": reference("items", positions=range(2, 9))}, "positions 2 to 9 are not in items"),
        ({"a": distinct(3)}, "4 rows per tenant cannot have distinct values"),
        ({"a": template("{nobody}")}, "{nobody} is neither"),
        ({"a": template("{id")}, "a brace is not closed"),
        ({"a": integer(5, 4)}, "the range 5 to 4 is empty"),
        ({"a": integer(0, 3_000_000_000)}, "3000000000 does not fit"),
        ({"a": choice({"x": -1, "y": 2})}, "weights must not be negative"),
        ({"a": choice({"x": 1, "y": 1}), "b": by("a", {"x": constant(1)})}, 'no case for Text("y") of a'),
        ({"a": day(3, 2)}, "the latest moment is before the earliest"),
        ({"a": day(after("id"), 0)}, "id is not a point in time"),
        ({"a": day(after("b"), 0), "b": day(after("a"), 0)}, "depends on itself"),
        ({"a": constant(1).nullable(2)}, "the share of nulls"),
        ({"a": lookup("id", "id")}, "id is not a reference"),
        ({"a": each(Decimal("1.234")).typed("numeric(5,2)")}, "1.234 has more digits than numeric"),
    ],
)
def test_a_mistake_is_told_with_its_place(columns: Mapping[str, Column], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        items(columns, pools={"names": ["Ana"]})
    assert message in str(caught.value) and "dataset shop" in str(caught.value)


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(UsageError) as caught:
        items({"a": words("x"), "b": integer(5, 4), "c": reference("nowhere")})
    assert all(f"column {name}:" in str(caught.value) for name in "abc")


@pytest.mark.parametrize("make", [lambda: each("a", 1), lambda: choice({}), lambda: by("a", {1: constant(1), 2: constant("x")})])
def test_values_of_several_types_are_refused(make: Any) -> None:
    with pytest.raises(UsageError, match="type"):
        make()


@pytest.mark.parametrize(("tenants", "seed", "message"), [(0, 1, "at least one tenant"), (1, -1, "rng_seed"), (1, 2**64, "rng_seed")])
def test_impossible_sizes_and_seeds_are_refused(tenants: int, seed: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Population(dataset({}), tenants, seed)


def test_a_dataset_is_found_by_file_and_name(tmp_path: Path) -> None:
    file = tmp_path / "my_dataset.py"
    file.write_text("from tenantry_clinic.dataset import clinic\nsame = clinic\n")
    assert load_dataset(f"{file}:same") is load_dataset(str(file)) is load_dataset("tenantry_clinic.dataset:clinic")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tenantry_clinic.dataset:klinic", "did you mean clinic"),
        ("tenantry_clinic.words", "there is no dataset"),
        ("nowhere.py:clinic", "no such file"),
        (":clinic", "names no dataset"),
    ],
)
def test_a_dataset_that_is_not_there_is_named(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_dataset(spec)
