"""Every type that a dataset can write, as Postgres reads it, as Parquet holds it, and as a scenario sees it."""

from __future__ import annotations

import json
import uuid as standard
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from running_clinic import Database

from tenantry.datasets import (
    Dataset,
    Table,
    after,
    between,
    blob,
    by,
    cell,
    choice,
    constant,
    day,
    decimal,
    document,
    flag,
    integer,
    key,
    lognormal,
    lookup,
    moment,
    reference,
    several,
    template,
    tenant_key,
    uuid,
    words,
)
from tenantry.datasets.generate import generate
from tenantry.datasets.load import seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError, UsageError

SCHEMA = """
CREATE TYPE plan AS ENUM ('free', 'paid');
CREATE TABLE firms (id bigint PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE TABLE things (
    id uuid PRIMARY KEY, firm_id bigint NOT NULL REFERENCES firms, small smallint, middle int, large bigint, share double precision,
    price numeric(8,2), plan plan NOT NULL, code varchar(20), open boolean, day date, at timestamptz, clock timestamp, note text,
    settings jsonb NOT NULL, raw json, tags text[] NOT NULL, small_ones int[], large_ones bigint[], seen_by uuid[], hash bytea,
    during tstzrange, clocked tsrange, stay daterange, few int4range, many int8range);
CREATE TABLE parts (id bigint PRIMARY KEY, firm_id bigint NOT NULL REFERENCES firms, thing_id uuid NOT NULL REFERENCES things);
"""
NOTES = ['say "hi"', "back\\slash", "new\nline", "tab\t", "Ünïcödé 🐈", "{braces}", ""]


def things() -> dict[str, Any]:
    return {
        "id": uuid(),
        "firm_id": tenant_key(),
        "small": integer(-300, 300).typed("smallint"),
        "middle": integer(-(10**9), 10**9),
        "large": integer(-(10**15), 10**15).typed("bigint"),
        "share": lognormal(0.2, 1, "0.000001", 50, "float8"),
        "price": decimal("-5.00", "999.99", "numeric(8,2)"),
        "plan": choice({"free": 3, "paid": 1}),
        "code": template("T-{position:04d}"),
        "open": flag(0.5),
        "day": day(-900, 900),
        "at": moment(-900, 0, every="1ms"),
        "clock": moment(-900, 0).typed("timestamp"),
        "note": words("notes").nullable(0.2),
        "settings": document(
            {
                "note": cell("note"),
                "plan": cell("plan"),
                "price": cell("price"),
                "open": cell("open"),
                "day": cell("day"),
                "share": cell("share"),
                "deep": {"list": [1, None, cell("small"), {"braces": "{}"}], "at": cell("at"), "id": cell("id")},
            }
        ),
        "raw": document({"a": [], "b": {}, "quote": '"'}, "json").nullable(0.3),
        "tags": several(words("notes"), 0, 4),
        "small_ones": several(integer(-3, 3), 1, 5).nullable(0.2),
        "large_ones": several(lognormal(10**6, 2, 0, 10**12, "bigint"), 0, 2),
        "seen_by": several(uuid(), 0, 3).nullable(0.1),
        "hash": blob(0, 40).nullable(0.1),
        "begun": moment(after("at", hours=-1)).nullable(0.3).helper(),
        "during": between("begun", "at").nullable(0.1),
        "stopped": moment(after("clock", minutes=7)).typed("timestamp").nullable(0.3).helper(),
        "clocked": between("clock", "stopped"),
        "left_on": day(after("day", 3)).helper(),
        "stay": between("day", "left_on"),
        "most": integer(301, 400).nullable(0.2).helper(),
        "few": between("middle_low", "most"),
        "middle_low": integer(-9, 300).nullable(0.2).helper(),
        "sky": constant(10**16).typed("bigint").helper(),
        "many": between("large", "sky"),
    }


def dataset(folder: Path, **changes: Any) -> Dataset:
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)
    tables = {
        "firms": Table(1, {"id": key(), "slug": template("loadtest-{tenant:03d}")}),
        "things": Table(40, {**things(), **changes}),
        "parts": Table(
            60,
            {"id": key(), "firm_id": tenant_key(), "thing": reference("things").helper(), "thing_id": lookup("thing", "id")},
        ),
    }
    return Dataset(
        name="types",
        anchor=date(2026, 1, 5),
        tables=tables,
        tenant_table="firms",
        tenant_column="firm_id",
        mark="slug",
        schema=schema,
        pools={"notes": NOTES},
        rng_seed=3,
    )


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Population:
    return Population(dataset(tmp_path_factory.mktemp("types")), 25)


@pytest.fixture(scope="module")
def seeded(population: Population, new_database: Callable[[], str]) -> Database:
    dsn = new_database()
    seed(population, dsn)
    return Database(dsn)


def rows(population: Population, table: str) -> list[dict[str, Any]]:
    return [row._asdict() for row in population.rows(table, 0, population.count(table))]


def test_postgres_holds_what_a_scenario_sees(population: Population, seeded: Database) -> None:
    found = {row["id"]: dict(row) for row in seeded.run("SELECT * FROM things")}
    seen = rows(population, "things")
    assert len(found) == len(seen) == 1000
    for row in seen:
        there = found[row["id"]]
        assert json.loads(there.pop("settings")) == json.loads(row.pop("settings"))
        raw, wanted = there.pop("raw"), row.pop("raw")
        assert raw == wanted
        there |= {name: bounds(there[name]) for name in ("during", "clocked", "stay", "few", "many")}
        assert there == row


def bounds(found: Any) -> tuple[Any, Any] | None:
    """A range as Postgres read it, by its bounds; the lower one is inside, the upper one is not."""
    if found is None:
        return None
    assert (found.isempty, found.lower_inc, found.upper_inc) == (False, found.lower is not None, False)
    return found.lower, found.upper


def test_ranges_are_without_a_bound_where_there_is_none(population: Population, seeded: Database) -> None:
    for test in ("lower_inf(during)", "upper_inf(clocked)", "lower_inf(few) AND upper_inf(few)"):
        assert seeded.value(f"SELECT count(*) FROM things WHERE {test}") > 20, test
    assert seeded.value("SELECT count(*) FROM things WHERE upper(stay) - lower(stay) <> 3 OR upper(many) <> 1e16") == 0


def test_the_python_types_are_those_of_postgres_drivers(population: Population) -> None:
    row = population.row("things", 3, 5)
    wanted = {"id": standard.UUID, "small": int, "large": int, "share": float, "price": Decimal, "plan": str, "open": bool, "day": date}
    assert {name: type(getattr(row, name)) for name in wanted} == wanted
    assert (row.at.tzinfo, row.clock.tzinfo) == (UTC, None)
    assert isinstance(row.clock, datetime)


def test_documents_hold_the_cells_of_their_row(population: Population) -> None:
    for row in rows(population, "things"):
        told = json.loads(row["settings"])
        assert (told["note"], told["plan"], told["open"]) == (row["note"], row["plan"], row["open"])
        assert Decimal(str(told["price"])) == row["price"]
        assert (told["day"], told["share"], told["deep"]["id"]) == (row["day"].isoformat(), row["share"], str(row["id"]))
        assert told["deep"]["list"] == [1, None, row["small"], {"braces": "{}"}]
        assert datetime.fromisoformat(told["deep"]["at"]) == row["at"]
    assert {row["note"] for row in rows(population, "things")} == {*NOTES, None}


def test_arrays_and_bytes_have_their_lengths_and_values(population: Population) -> None:
    seen = rows(population, "things")
    assert {len(row["tags"]) for row in seen} == {0, 1, 2, 3, 4}
    assert {note for row in seen for note in row["tags"]} == set(NOTES)
    assert {len(row["small_ones"]) for row in seen if row["small_ones"] is not None} == {1, 2, 3, 4, 5}
    assert {one for row in seen for one in row["small_ones"] or ()} == set(range(-3, 4))
    watchers = [one for row in seen for one in row["seen_by"] or ()]
    assert len(set(watchers)) == len(watchers) > 1000 and {(one.version, one.variant) for one in watchers} == {(4, standard.RFC_4122)}
    lengths = {len(row["hash"]) for row in seen if row["hash"] is not None}
    assert lengths == set(range(41))
    assert len({row["hash"] for row in seen if row["hash"]}) > 850, "each is of its own"
    assert 0.05 < sum(row["hash"] is None for row in seen) / len(seen) < 0.15


def test_uuids_are_of_version_4_and_differ_over_millions_of_rows(population: Population) -> None:
    made = [row["id"] for row in rows(population, "things")]
    assert {(one.version, one.variant) for one in made} == {(4, standard.RFC_4122)}
    assert len(set(made)) == len(made)


def test_a_reference_to_a_uuid_is_a_look_up_of_it(population: Population, seeded: Database) -> None:
    owners = {row["id"]: row["firm_id"] for row in rows(population, "things")}
    assert all(owners[row["thing_id"]] == row["firm_id"] for row in rows(population, "parts"))
    assert seeded.value("SELECT count(*) FROM parts JOIN things t ON t.id = thing_id AND t.firm_id = parts.firm_id") == 1500


def test_a_row_is_picked_by_values_of_these_types(population: Population) -> None:
    wanted = population.row("things", 4, 7)
    for name in ("id", "small", "share", "plan", "code", "clock", "at", "settings"):
        picked = population.pick(4, "things", Random(1), **{name: getattr(wanted, name)})
        assert getattr(picked, name) == getattr(wanted, name)
    assert population.pick(4, "things", Random(1), id=wanted.id) == wanted
    assert population.pick(4, "things", Random(1), id=str(wanted.id)) == wanted


def test_parquet_holds_the_same(population: Population, tmp_path: Path) -> None:
    generate(population, tmp_path)
    with duckdb.connect() as connection:
        files = f"{tmp_path}/things/*.parquet"
        during = "CASE WHEN during IS NOT NULL THEN {'lower': epoch_us(during.lower), 'upper': epoch_us(during.upper)} END AS during"
        found = connection.sql(f"""SELECT * REPLACE (epoch_us("at") AS "at", {during}) FROM '{files}'""")
        names = found.columns
        held = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    seen = rows(population, "things")
    for row, there in zip(seen, held, strict=True):
        there["at"] = time(there["at"])
        there["during"] = there["during"] and {name: time(at) for name, at in there["during"].items()}
        for name in ("during", "clocked", "stay", "few", "many"):
            there[name] = there[name] and (there[name]["lower"], there[name]["upper"])
        there["seen_by"] = there["seen_by"] and [standard.UUID(one) for one in there["seen_by"]]
        assert there | {"id": standard.UUID(there["id"])} == row


def time(micros: int | None) -> datetime | None:
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"small": integer(0, 40_000).typed("smallint")}, "40000 does not fit its type"),
        ({"id": uuid().typed("text")}, "a UUID needs a uuid column"),
        ({"plan": constant("x").typed("smallint")}, '"x" is text, the column is not'),
        ({"settings": document({"a": cell("nobody")})}, "nobody"),
        ({"settings": document({"a": cell("tags")})}, "tags is no single value"),
        ({"tags": several(integer(1, 2), 3, 1)}, "the range 3 to 1 is empty"),
        ({"tags": several(flag(0.5).typed("int"), 0, 1)}, "the values of an array are drawn from one of"),
        ({"hash": blob(1, 2).typed("text")}, "bytes need a bytea column"),
        ({"small": several(integer(1, 2), 0, 3).typed("smallint")}, "several values need an array column"),
        ({"tags": integer(1, 2).typed("int[]")}, r"an array is made by several\(\.\.\.\), a bytea by blob"),
        ({"hash": constant(1).typed("bytea")}, "a bytea by blob"),
        (
            {"tags": by("plan", {"free": several(words("notes"), 0, 1), "paid": several(words("notes"), 2, 3)})},
            "a case cannot be .* an array",
        ),
    ],
)
def test_a_wrong_type_is_told(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Population(dataset(tmp_path, **changes), 2)


def test_a_type_that_is_none_and_a_value_that_json_lacks_are_told() -> None:
    with pytest.raises(UsageError, match="'timestampz' is no type that a dataset can write") as caught:
        moment(0, 1).typed("timestampz")
    assert "timestamp" in caught.value.hint
    with pytest.raises(UsageError, match="an array cannot hold bool"):
        several(flag(0.5), 0, 3)
    with pytest.raises(UsageError, match="cannot stand in a JSON document"):
        document({"when": date(2026, 1, 5)})


def test_a_column_of_another_type_is_refused_before_anything_is_written(tmp_path: Path, new_database: Callable[[], str]) -> None:
    database = Database(new_database())
    database.run(SCHEMA, "SELECT 1")
    later = moment(after("clock", minutes=7)).helper()
    wrong = dataset(tmp_path, small=integer(0, 5), clock=moment(-1, 0), stopped=later, settings=document({}, "json"))
    with pytest.raises(PopulationError) as caught:
        seed(Population(wrong, 2), database.dsn)
    for text in (
        "things.small: its type is int2, the dataset's int",
        "things.clock: its type is timestamp",
        "things.clocked: its type is tsrange, the dataset's tstzrange",
        "things.settings: its type is jsonb",
    ):
        assert text in str(caught.value)
    assert database.value("SELECT count(*) FROM firms") == 0
