"""Columns that a Python function computes: each value of its own row, whatever else is computed with it."""

from __future__ import annotations

import linecache
import pickle
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np
import pytest
from test_datasets_sizes import draw, subkey

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    after,
    by,
    cell,
    choice,
    constant,
    day,
    decimal,
    document,
    function,
    integer,
    key,
    lookup,
    moment,
    of_tenant,
    reference,
    several,
    template,
    tenant_key,
    uuid,
)
from tenantry.datasets.generate import generate
from tenantry.datasets.manifest import spec_hash
from tenantry.datasets.population import Population
from tenantry.errors import EnvironmentFault, UsageError


def total(quantity: Any, price: Any) -> Any:
    """Rebate from five on."""
    return quantity * price * np.where(quantity >= 5, 0.9, 1.0)


def due(issued: Any, patience: Any) -> Any:
    return issued + (patience * 30).astype("timedelta64[D]")


def grade(level: Any, score: Any) -> Any:
    return np.where(score > 50, "top", level)


def half(number: Any) -> Any:
    return np.ma.masked_where(number % 2 == 1, number // 2)


def weekday(at: Any) -> Any:
    return (at.astype("datetime64[D]").astype(int) + 3) % 7


def sold_late(at: Any) -> Any:
    return at.astype("datetime64[h]").astype(int) % 24 >= 12


COLUMNS = {
    "quantity": integer(1, 9),
    "price": decimal("0.05", 90, "numeric(8,2)"),
    "total": function(total, "quantity", "price", sql_type="numeric(10,2)"),
    "issued_on": day(-90, 0),
    "due_on": function(due, "issued_on", sql_type="date", random=1),
    "paid_on": day(after("due_on"), after("due_on", 9)),
    "level": choice({"low": 1, "high": 1}).nullable(0.2),
    "score": integer(0, 99),
    "grade": function(grade, "level", "score", sql_type="text"),
    "number": integer(0, 99),
    "half": function(half, "number", sql_type="int"),
    "fee": by("half", {n: constant(n) for n in range(50)}),
    "at": moment(-30, 0),
    "weekday": function(weekday, "at", sql_type="smallint").nullable(0.1),
    "late": function(sold_late, "at", sql_type="bool"),
    "label": template("{number}/{half:03d}"),
    "told": document({"half": cell("half"), "due": cell("due_on")}),
}


def shop(columns: Mapping[str, Column] = COLUMNS, rows: Any = 700, **others: Column) -> Dataset:
    tables = {
        "shops": Table(1, {"id": key(), "slug": template("shop-{tenant}"), **others}),
        "sales": Table(rows, {"id": key(), "shop_id": tenant_key(), **columns}),
    }
    return Dataset(name="shop", anchor=date(2026, 1, 5), tables=tables, tenant_table="shops", tenant_column="shop_id", mark="slug")


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(shop(), 7, rng_seed=5)


def everything(population: Population) -> list[dict[str, Any]]:
    return [row._asdict() for row in population.rows("sales", 0, population.count("sales"))]


def test_values_are_those_of_plain_python(population: Population) -> None:
    drawn = subkey(subkey(subkey(subkey(0, "tenantry") + 5, "sales"), "due_on"), "random 0")
    for number, row in enumerate(everything(population)):
        exact = row["quantity"] * row["price"] * (Decimal("0.9") if row["quantity"] >= 5 else 1)
        assert abs(row["total"] - exact) <= Decimal("0.005")
        assert row["due_on"] == row["issued_on"] + timedelta(days=int((draw(drawn, number) >> 11) * 2.0**-53 * 30))
        assert 0 <= (row["paid_on"] - row["due_on"]).days <= 9
        assert row["grade"] == ("top" if row["score"] > 50 else row["level"])
        assert row["half"] == row["fee"] == (None if row["number"] % 2 else row["number"] // 2)
        assert row["weekday"] in (None, row["at"].weekday())
        assert row["late"] is (row["at"].hour >= 12)
        assert row["label"] == f"{row['number']}/" + ("" if row["half"] is None else f"{row['half']:03d}")
    shares = [sum(row[name] is None for row in everything(population)) / 4900 for name in ("weekday", "half", "grade")]
    assert shares == pytest.approx([0.1, 0.5, 0.1], abs=0.03)


def test_a_row_alone_is_the_row_of_any_block(population: Population) -> None:
    together = everything(population)
    for number in (0, 1, 699, 700, 2047, 2048, 4899):
        assert population.row("sales", number // 700, number % 700)._asdict() == together[number]
        assert [row._asdict() for row in population.rows("sales", number, 3)] == together[number : number + 3]


def test_files_hold_the_rows_of_a_scenario(population: Population, tmp_path: Path) -> None:
    generate(population, tmp_path)
    names = [name for name in COLUMNS if name not in ("at", "told")]
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {', '.join(names)} FROM '{tmp_path}/sales/*.parquet' ORDER BY id").fetchall()
    assert found == [tuple(row[name] for name in names) for row in everything(population)]


@pytest.mark.parametrize(
    "wanted", [{"grade": "top"}, {"half": None}, {"half": 7}, {"weekday": 6, "late": True}, {"late": False, "level": "low"}]
)
def test_a_pick_finds_every_row_that_passes_and_no_other(population: Population, wanted: dict[str, Any]) -> None:
    rng = Random(4)
    rows = [row for row in everything(population) if row["shop_id"] == 3 and all(row[name] == value for name, value in wanted.items())]
    assert {population.pick(2, "sales", rng, **wanted).id for _ in range(12 * len(rows))} == {row["id"] for row in rows}


def test_a_pick_of_a_text_made_with_a_function_finds_its_row(population: Population) -> None:
    row = population.row("sales", 3, 44)
    assert population.pick(3, "sales", Random(1), label=row.label, id=row.id) == row
    with pytest.raises(LookupError, match="no row in sales"):
        population.pick(3, "sales", Random(1), grade="lowest")
    with pytest.raises(ValueError, match=r"sales\.half cannot equal"):
        population.pick(3, "sales", Random(1), half="x")


def test_a_large_tenant_is_searched_block_by_block() -> None:
    population = Population(shop({"n": integer(0, 9999), "last": function(lambda n: n % 1000 == 7, "n", sql_type="bool")}, rows=30_000), 1)
    rng = Random(2)
    wanted = {row.id for row in population.rows("sales", 0, 30_000) if row.last}
    assert {population.pick(0, "sales", rng, last=True).id for _ in range(600)} == wanted


def test_random_numbers_are_uniform_and_of_their_column() -> None:
    columns = {
        "a": function(lambda x: x, sql_type="float8", random=1),
        "b": function(lambda x, y: y, sql_type="float8", random=2),
    }
    rows = everything(Population(shop(columns), 7))
    for name in columns:
        counts = [0] * 10
        for row in rows:
            counts[int(row[name] * 10)] += 1
        assert all(400 < count < 590 for count in counts), counts
    assert sum(abs(row["a"] - row["b"]) < 0.001 for row in rows) < 30
    assert rows != everything(Population(shop(columns), 7, rng_seed=2))
    assert rows == everything(Population(shop(columns), 7))


def test_integers_that_may_be_null_come_masked_and_others_plain() -> None:
    seen: dict[str, Any] = {}

    def look(*arrays: Any) -> Any:
        seen.update(zip(("plain", "masked", "price", "on", "at", "word", "id"), arrays, strict=True))
        return np.ma.getdata(arrays[0])

    columns = {
        "plain": integer(1, 5),
        "masked": integer(1, 5).nullable(0.5),
        "price": decimal(1, 5).nullable(0.5),
        "on": day(-9, 0).nullable(0.5),
        "at": moment(-9, 0),
        "word": choice({"a": 1}).nullable(0.5),
        "mark": uuid(),
        "seen": function(look, "plain", "masked", "price", "on", "at", "word", "mark", sql_type="int", version="1"),
    }
    rows = Population(shop(columns), 1).rows("sales", 0, 200)
    assert rows[0].seen == rows[0].plain
    kinds = {name: (type(array).__name__, str(array.dtype)) for name, array in seen.items()}
    assert kinds["plain"] == ("ndarray", "int64") and kinds["masked"] == ("MaskedArray", "int64")
    assert kinds["price"] == ("ndarray", "float64") and kinds["on"] == ("ndarray", "datetime64[D]")
    assert kinds["at"] == ("ndarray", "datetime64[us]") and kinds["word"] == ("ndarray", "object")
    for index, row in enumerate(rows):
        assert row.masked == (None if seen["masked"].mask[index] else int(seen["masked"][index]))
        assert row.price is None if np.isnan(seen["price"][index]) else float(row.price) == seen["price"][index]
        assert row.on == seen["on"][index].item()
        assert row.at == seen["at"][index].item().replace(tzinfo=UTC)
        assert (row.word, str(row.mark)) == (seen["word"][index], seen["id"][index])


def broken(columns: Mapping[str, Column]) -> str:
    with pytest.raises(UsageError) as caught:
        Population(shop({"n": integer(1, 9), "word": choice({"x": 1}), **columns}), 3)
    return str(caught.value)


@pytest.mark.parametrize(
    ("f", "sql_type", "message"),
    [
        (lambda n: n[:-1], "int", r"gives an array of the shape (63,) for 64 rows"),
        (lambda n: n.reshape(-1, 1), "int", "gives an array of the shape (64, 1) for 64 rows"),
        (lambda n: 5, "int", "gives a int, and not a numpy array"),
        (lambda n: list(n), "int", "gives a list, and not a numpy array"),
        (lambda n: n / 2, "int", "gives an array of float64; a int takes whole numbers"),
        (lambda n: n, "bool", "gives an array of int64; a bool takes truths"),
        (lambda n: n, "date", "gives an array of int64; a date takes datetime64"),
        (lambda n: n, "text", "a text takes texts and None"),
        (lambda n: n * 10**9, "int", "which does not fit int"),
        (lambda n: n * 100.0, "numeric(4,2)", "00.0, which does not fit numeric(4,2)"),
        (lambda n: n * 100, "numeric(4,2)", "00, which does not fit numeric(4,2)"),
        (lambda n: n * np.inf, "float8", "gives inf, which does not fit float8"),
        (lambda n: n.astype("datetime64[Y]") + 9000, "date", "which does not fit date"),
        (lambda n: {}[n[0]], "int", "raised KeyError: "),
        (lambda n, m: n, "int", "raised TypeError"),
    ],
)
def test_what_a_function_does_wrong_is_told_with_its_place(f: Callable[..., Any], sql_type: str, message: str) -> None:
    told = broken({"made": function(f, "n", sql_type=sql_type)})
    assert message in told and "the function <lambda>" in told
    assert "dataset shop, table sales, column made" in told


@pytest.mark.parametrize(
    "f",
    [
        lambda n: n - n.min(),
        lambda n: np.arange(len(n)),
        lambda n: np.sort(n),
        lambda n: np.random.default_rng().integers(0, 10**6, len(n)),
        lambda n: np.full(len(n), len(n)),
        lambda n: np.cumsum(n),
    ],
    ids=["least", "position", "order", "chance", "length", "sum"],
)
def test_a_function_that_looks_at_other_rows_is_refused(f: Callable[..., Any]) -> None:
    told = broken({"made": function(f, "n", sql_type="int")})
    assert "gives 64 rows other values than the same rows in smaller blocks" in told and "column made" in told
    assert "its own row alone" in told


def test_a_fault_in_the_middle_of_a_table_is_told_while_it_is_written(tmp_path: Path) -> None:
    def picky(row: Any) -> Any:
        if (row == 3000).any():
            raise ValueError("three thousand")
        return row

    population = Population(shop({"made": function(picky, "id", sql_type="int")}), 7)
    with pytest.raises(UsageError, match="raised ValueError: three thousand"):
        generate(population, tmp_path)
    assert [file.name for file in (tmp_path / "sales").iterdir()] == []
    with pytest.raises(UsageError, match="three thousand"):
        _ = population.row("sales", 4, 199).made
    with pytest.raises(UsageError, match="three thousand"):
        population.pick(4, "sales", Random(1), made=1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"made": function(half, "nobody", sql_type="int")}, "there is no column nobody"),
        ({"made": function(half, "made", sql_type="int")}, "column made depends on itself"),
        ({"made": function(half, "n", sql_type="uuid")}, "no arrays, bytes, ranges or UUIDs"),
        ({"made": function(half, "n", sql_type="int[]")}, "no arrays, bytes, ranges or UUIDs"),
        ({"tags": several(integer(1, 2), 0, 2), "made": function(half, "tags", sql_type="int")}, "tags holds arrays, bytes or ranges"),
        ({"made": function(grade, "word", "n", sql_type="text"), "t": template("<{made}>")}, "made is text of a function"),
        ({"made": by("word", {"x": function(half, "n", sql_type="int")})}, "a case cannot be a template, a function"),
        (
            {"made": function(half, "n", sql_type="int"), "near": reference("sales"), "its": lookup("near", "made")},
            "column its: table sales, column made cannot be looked up, because a function has a part in it",
        ),
        ({"its": of_tenant("made")}, "column its: table shops, column made cannot be looked up"),
    ],
)
def test_a_declaration_that_cannot_be_is_told(columns: Mapping[str, Column], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Population(shop({"n": integer(1, 9), "word": choice({"x": 1}), **columns}, made=function(half, "id", sql_type="int")), 3)
    assert message in str(caught.value)


def test_a_function_of_nothing_and_too_many_random_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="a function of nothing"):
        function(half, sql_type="int")
    with pytest.raises(UsageError, match="17 random numbers for a row are not from 0 to 16"):
        function(half, "n", sql_type="int", random=17)
    with pytest.raises(UsageError, match="'integer' is no type"):
        function(half, "n", sql_type="integer")


def declared(f: Callable[..., Any], **options: Any) -> str:
    return spec_hash(shop({"n": integer(1, 9), "made": function(f, "n", sql_type="int", **options)}))


def from_source(source: str, **names: Any) -> Callable[..., Any]:
    """A function whose source is in a file."""
    name = f"<{hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope: dict[str, Any] = {"np": np, **names}
    exec(compile(source, name, "exec"), scope)
    found: Callable[..., Any] = scope["f"]
    return found


F = "def f(n):\n    return n * rate\n"


def test_the_hash_of_a_declaration_changes_with_the_function_and_all_that_it_uses() -> None:
    same = declared(from_source(F, rate=2))
    assert same == declared(from_source(F, rate=2))
    helper = "def g(n):\n    return n{}\ndef f(n):\n    return g(n)\n"
    others = [
        from_source(F.replace("*", "+"), rate=2),
        from_source(F, rate=3),
        from_source(F, rate=np.array([1, 2])),
        from_source(F, rate=np.array([1, 3])),
        from_source(F, rate={"a": (1, 2)}),
        from_source(helper.format("")),
        from_source(helper.format(" + 1")),
        from_source("def f(n, k=1):\n    return n\n"),
        from_source("def f(n, k=2):\n    return n\n"),
        from_source("def make(k):\n    def f(n):\n        return n * k\n    return f\nf = make(1)\n"),
        from_source("def make(k):\n    def f(n):\n        return n * k\n    return f\nf = make(2)\n"),
    ]
    hashes = [same, *map(declared, others)]
    assert len(set(hashes)) == len(hashes)


def test_a_version_stands_for_the_source() -> None:
    assert declared(from_source(F, rate=2), version="1") == declared(from_source(F, rate=3), version="1")
    assert declared(from_source(F, rate=2), version="1") != declared(from_source(F, rate=2), version="2")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_source(F, rate=object()), "f uses rate, a object, whose changes cannot be seen"),
        (lambda: eval("lambda n: n", {}), "the source of <lambda> cannot be read"),
        (lambda: np.negative, "is no function with a source"),
    ],
)
def test_a_function_that_cannot_be_read_needs_a_version(make: Callable[[], Callable[..., Any]], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        declared(make())
    assert message in str(caught.value) and "version" in caught.value.hint and "column made" in str(caught.value)
    assert declared(make(), version="1")


def test_a_population_with_functions_survives_pickling(population: Population) -> None:
    again = pickle.loads(pickle.dumps(population))
    assert again.row("sales", 5, 15)._asdict() == population.row("sales", 5, 15)._asdict()


def test_without_numpy_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(EnvironmentFault, match="need numpy") as caught:
        Population(shop(), 2)
    assert "tenantry[functions]" in caught.value.hint
    assert Population(shop({"n": integer(1, 2)}), 2).count("sales") == 1400
