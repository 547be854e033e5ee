"""Arrays, bytes and templates: picked by whether they are null, and never larger than a row may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    blob,
    by,
    choice,
    constant,
    distinct,
    each,
    integer,
    key,
    lookup,
    reference,
    several,
    slot_time,
    template,
    tenant_key,
    uuid,
)
from tenantry.datasets.generate import generate
from tenantry.datasets.population import Population
from tenantry.errors import UsageError

COLUMNS = {
    "label": template("item {position}").nullable(0.3),
    "tags": several(choice({"new": 1, "vip": 1}), 0, 3).nullable(0.3),
    "numbers": several(integer(1, 9), 0, 3).nullable(0.3),
    "hash": blob(0, 8).nullable(0.3),
    "mood": choice({"good": 1, "bad": 1}).nullable(0.3),
}


def shop(columns: Mapping[str, Column], rows: Any = 40) -> Population:
    tables = {
        "shops": Table(1, {"id": key(), "slug": template("shop-{tenant}")}),
        "items": Table(rows, {"id": key(), "shop_id": tenant_key(), **columns}),
    }
    dataset = Dataset(name="shop", anchor=date(2026, 1, 5), tables=tables, tenant_table="shops", tenant_column="shop_id", mark="slug")
    return Population(dataset, 6)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_pick_by_null_gives_every_row_where_it_is_null_and_no_other(column: str) -> None:
    population, rng = shop(COLUMNS), Random(5)
    for tenant in range(6):
        wanted = {row.id for row in population.rows("items", 40 * tenant, 40) if getattr(row, column) is None}
        assert 0 < len(wanted) < 40
        assert {population.pick(tenant, "items", rng, **{column: None}).id for _ in range(400)} == wanted


def test_a_second_filter_holds_beside_null() -> None:
    population, rng = shop(COLUMNS), Random(6)
    for _ in range(100):
        row = population.pick(1, "items", rng, tags=None, mood="good")
        assert (row.tags, row.mood) == (None, "good")


@pytest.mark.parametrize("column", ["label", "tags", "hash", "mood", "id", "shop_id"])
def test_a_column_that_is_never_null_is_told(column: str) -> None:
    population = shop({name: Column(made.kind, made.type, made.parameters) for name, made in COLUMNS.items()})
    with pytest.raises(ValueError, match=rf"^items\.{column} is never null$"):
        population.pick(0, "items", Random(1), **{column: None})


def test_a_tenant_without_a_null_is_told() -> None:
    population = shop({"label": template("x{row}").nullable(0.001)}, rows=3)
    with pytest.raises(LookupError, match=r"tenant 2 has no row in items with \{'label': None\}"):
        population.pick(2, "items", Random(1), label=None)


@pytest.mark.parametrize("value", [3, "new", b"x", ["new"], 1.5, True])
@pytest.mark.parametrize("column", ["tags", "numbers", "hash"])
def test_no_value_but_null_finds_an_array_or_bytes(column: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"items\.{column} holds arrays, bytes or ranges: rows can be picked by None there"):
        shop(COLUMNS).pick(0, "items", Random(1), **{column: value})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: blob(0, 2**64), "18,446,744,073,709,551,616 bytes are not from 0 to 16,777,216"),
        (lambda: blob(-1, 5), "-1 bytes are not from 0"),
        (lambda: several(integer(1, 2), 0, 100_001), "100,001 elements are not from 0 to 100,000"),
        (lambda: several(integer(1, 2), 2**64 - 1, 2**64 - 1), "elements are not from 0"),
        (lambda: distinct(2**63), "numbers are not from 0"),
        (lambda: shop({}, rows=2**64), "rows are not from 1 to 1,000,000,000"),
        (lambda: shop({}, rows=-3), "-3 rows are not from 1"),
        (lambda: Population(shop({}).dataset, 10**9), "1,000,000,000 tenants are more than 999,999,999"),
    ],
)
def test_sizes_beyond_measure_are_refused(make: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def test_long_values_have_all_their_bytes_in_files(tmp_path: Path) -> None:
    population = shop({"hash": blob(100_000, 300_000)}, rows=60)
    generate(population, tmp_path)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT id, hash FROM '{tmp_path}/items/*.parquet' ORDER BY id").fetchall()
    assert found == [(row.id, row.hash) for row in population.rows("items", 0, 360)]
    assert len({len(content) for _, content in found}) > 300


def test_what_hangs_on_a_null_is_null_in_rows_and_files(tmp_path: Path) -> None:
    columns = {
        "slot": integer(0, 99).nullable(0.4),
        "at": slot_time("slot", first_day=0),
        "next": reference("items", by="slot"),
        "kind": each("a", "b", by="slot"),
        "note": template("<{slot:03d}>"),
        "case": by("kind", {"a": constant(1), "b": constant(2)}),
        "other": reference("items").helper(),
        "others_slot": lookup("other", "slot"),
        "mark": uuid(),
    }
    population = shop(columns)
    rows = [row._asdict() for row in population.rows("items", 0, 240)]
    for row in rows:
        absent = row["slot"] is None
        assert {row[name] is None for name in ("at", "next", "kind", "case")} == {absent}
        assert row["note"] == ("<>" if absent else f"<{row['slot']:03d}>")
    assert 0 < sum(row["others_slot"] is None for row in rows) < 240
    generate(population, tmp_path)
    with duckdb.connect() as connection:
        names = ("slot", "next", "kind", "others_slot")
        found = connection.execute(f"SELECT {', '.join(names)} FROM '{tmp_path}/items/*.parquet' ORDER BY id").fetchall()
    assert found == [tuple(row[name] for name in names) for row in rows]
