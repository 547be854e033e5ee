"""Times by numbered slots, and ranges between two columns: what an exclusion constraint asks for, by construction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    after,
    between,
    by,
    choice,
    constant,
    day,
    distinct,
    function,
    integer,
    key,
    lookup,
    moment,
    reference,
    slot_time,
    template,
    tenant_key,
)
from tenantry.datasets.generate import generate
from tenantry.datasets.population import Population
from tenantry.errors import UsageError


def hotel(columns: Mapping[str, Column], rows: Any = 60, tenants: int = 8) -> Population:
    tables = {
        "hotels": Table(1, {"id": key(), "slug": template("hotel-{tenant}")}),
        "rooms": Table(5, {"id": key(), "hotel_id": tenant_key()}),
        "stays": Table(rows, {"id": key(), "hotel_id": tenant_key(), **columns}),
    }
    dataset = Dataset(name="hotel", anchor=date(2026, 1, 5), tables=tables, tenant_table="hotels", tenant_column="hotel_id", mark="slug")
    return Population(dataset, tenants)


def everything(population: Population) -> list[dict[str, Any]]:
    return [row._asdict() for row in population.rows("stays", 0, population.count("stays"))]


def booked(**columns: Column) -> dict[str, Column]:
    """Stays of one to seven days, each in a week of its own in its room."""
    return {
        "slot": distinct(100).helper(),
        "room_id": reference("rooms", by="slot"),
        "arrives": slot_time("slot", first_day=-70, lanes=5, every="168h").typed("date"),
        "leaves": day(after("arrives", 1), after("arrives", 7)),
        "nights": between("arrives", "leaves"),
        **columns,
    }


def test_stays_in_one_room_never_meet_and_begin_week_by_week() -> None:
    rows = everything(hotel(booked()))
    for room in {row["room_id"] for row in rows}:
        ranges = sorted(row["nights"] for row in rows if row["room_id"] == room)
        assert all(before[1] <= later[0] for before, later in pairwise(ranges))
    assert {(row["arrives"] - date(2025, 10, 27)).days % 7 for row in rows} == {0}
    assert {(row["leaves"] - row["arrives"]).days for row in rows} == set(range(1, 8))
    assert min(row["arrives"] for row in rows) == date(2025, 10, 27) and max(row["arrives"] for row in rows) < date(2026, 3, 16)


def test_slots_of_whole_days_begin_at_the_first_hour() -> None:
    columns = {"slot": distinct(60), "at": slot_time("slot", first_day=1, hours=(14, 18), every="24h")}
    for row in everything(hotel(columns)):
        assert row["at"] == datetime(2026, 1, 6, 14, tzinfo=UTC) + timedelta(days=row["slot"])


def test_a_slot_without_zone_and_its_date_are_those_of_the_slot_with_zone() -> None:
    columns = {
        "slot": distinct(60),
        "at": slot_time("slot", first_day=-1, lanes=2),
        "clock": slot_time("slot", first_day=-1, lanes=2).typed("timestamp"),
        "on": slot_time("slot", first_day=-1, lanes=2).typed("date"),
    }
    for row in everything(hotel(columns)):
        assert row["clock"] == row["at"].replace(tzinfo=None) and row["on"] == row["at"].date()


def test_a_time_after_another_is_as_much_later_as_was_said() -> None:
    columns = {"a": moment(-9, 0), "b": moment(after("a", minutes=30)), "c": moment(after("a", 1, hours=-2)), "d": day(after("a", 2))}
    for row in everything(hotel(columns)):
        assert (row["b"] - row["a"], row["c"] - row["a"]) == (timedelta(minutes=30), timedelta(hours=22))
        assert row["d"] == row["a"].date() + timedelta(days=2 + (row["a"].time().isoformat() != "00:00:00"))


def test_a_range_has_no_bound_where_its_column_is_null_and_the_type_of_its_columns() -> None:
    columns = {
        "at": moment(-9, -1),
        "until": moment(after("at", hours=1)).nullable(0.4),
        "during": between("at", "until").nullable(0.2),
        "low": integer(0, 5),
        "high": integer(6, 9),
        "sizes": between("low", "high"),
    }
    rows = everything(hotel(columns))
    for row in rows:
        assert row["during"] in (None, (row["at"], row["until"]))
        assert row["sizes"] == (row["low"], row["high"])
    assert 40 < sum(row["during"] is None for row in rows) < 150
    assert sum(row["during"] is not None and row["during"][1] is None for row in rows) > 80
    dataset = hotel(columns).dataset
    assert (dataset.column_type("stays", "during"), dataset.column_type("stays", "sizes")) == ("tstzrange", "int4range")


def test_files_hold_ranges_as_their_two_bounds(tmp_path: Path) -> None:
    population = hotel(booked(open=between("arrives", "leaves").nullable(0.3)))
    generate(population, tmp_path)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT nights.lower, nights.upper, open FROM '{tmp_path}/stays/*.parquet' ORDER BY id").fetchall()
    rows = everything(population)
    assert [(low, high) for low, high, _ in found] == [row["nights"] for row in rows]
    assert [option and (option["lower"], option["upper"]) for _, _, option in found] == [row["open"] for row in rows]


def test_a_range_of_a_function_is_that_of_its_row() -> None:
    def longer(arrives: Any) -> Any:
        return arrives + 3

    population = hotel(booked(late=function(longer, "arrives", sql_type="date"), long=between("arrives", "late")))
    for row in everything(population):
        assert row["long"] == (row["arrives"], row["arrives"] + timedelta(days=3))
    assert population.row("stays", 3, 4).long == everything(population)[184]["long"]


def test_a_range_is_picked_by_null_alone() -> None:
    population, rng = hotel(booked(open=between("arrives", "leaves").nullable(0.3))), Random(1)
    wanted = {row["id"] for row in everything(population)[60:120] if row["open"] is None}
    assert {population.pick(1, "stays", rng, open=None).id for _ in range(600)} == wanted != set()
    with pytest.raises(ValueError, match=r"stays\.nights is never null"):
        population.pick(1, "stays", rng, nights=None)
    with pytest.raises(ValueError, match="rows can be picked by None there"):
        population.pick(1, "stays", rng, nights=(date(2026, 1, 1), None))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"r": between("slot", "arrives").typed("daterange")}, "slot is no bound of a range of this type"),
        ({"r": between("arrives", "at")}, "at is no bound of a range of this type"),
        ({"word": template("x"), "r": between("word", "word")}, "there is no range of text"),
        ({"r": between("arrives", "nowhere")}, "there is no column nowhere"),
        ({"r": between("nowhere", "arrives")}, "there is no column nowhere"),
        ({"r": between("arrives", "leaves").typed("text")}, "arrives is no bound of a range of this type"),
        ({"r": constant(1).typed("daterange")}, "a range by between"),
        ({"t": template("{nights}")}, "nights is no single value"),
        ({"near": reference("stays"), "r": lookup("near", "nights")}, "nights is no single value, and cannot be looked up"),
        ({"w": choice({"a": 1}), "r": by("w", {"a": between("arrives", "leaves").typed("daterange")})}, "a case cannot be"),
        ({"s": slot_time("slot", first_day=0, every="11h")}, "a calendar needs at least one slot a day"),
        ({"s": slot_time("slot", first_day=0).typed("int")}, "a point in time needs a date, timestamp or timestamptz column"),
    ],
)
def test_what_cannot_be_a_time_or_a_range_is_told(columns: Mapping[str, Column], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        hotel({**booked(), "at": moment(-1, 0), **columns})
    assert message in str(caught.value)


def test_a_weighted_subset_of_the_parents_has_its_shares() -> None:
    columns = {"room_id": reference("rooms", positions=range(1, 4), weights=[0.6, 0.3, 0.1])}
    places = [(row["room_id"] - 1) % 5 for row in everything(hotel(columns, rows=1000))]
    assert {place: places.count(place) / 8000 for place in set(places)} == pytest.approx({1: 0.6, 2: 0.3, 3: 0.1}, abs=0.02)
