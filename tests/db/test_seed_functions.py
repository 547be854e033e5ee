"""Columns by functions in Postgres: the rows of a scenario, and a declaration that is known again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running_clinic import Database
from test_seed_commands import tenantry

from tenantry.datasets import Dataset, Table, choice, day, decimal, function, integer, key, template, tenant_key
from tenantry.datasets.find import load_dataset
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError, UsageError

SCHEMA = """
CREATE TABLE shops (id bigint PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE TABLE sales (
    id bigint PRIMARY KEY, shop_id bigint NOT NULL REFERENCES shops, quantity int NOT NULL, price numeric(8,2) NOT NULL,
    total numeric(10,2) NOT NULL CHECK (abs(total - quantity * price) <= 0.01), issued_on date NOT NULL, due_on date NOT NULL,
    kind text NOT NULL, code text, settings jsonb NOT NULL, weight double precision, open boolean NOT NULL, made_at timestamptz,
    CHECK (due_on BETWEEN issued_on AND issued_on + 30));
"""


def total(quantity: Any, price: Any) -> Any:
    return quantity * price


def due(issued_on: Any, patience: Any) -> Any:
    return issued_on + (patience * 30).astype("timedelta64[D]")


def code(kind: Any, row: Any) -> Any:
    return np.array([None if kind == "gift" else f"{kind}-{row}" for kind, row in zip(kind, row, strict=True)], dtype=object)


def settings(kind: Any) -> Any:
    return np.char.add(np.char.add('{"kind": "', kind.astype(str)), '"}')


def weight(quantity: Any, chance: Any) -> Any:
    return np.where(quantity > 7, np.nan, quantity * (1 + chance))


def made_at(issued_on: Any, chance: Any) -> Any:
    return issued_on.astype("datetime64[us]") + (chance * 86_400_000_000).astype("timedelta64[us]")


def dataset(folder: Path, **changes: Any) -> Dataset:
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)
    sales = {
        "id": key(),
        "shop_id": tenant_key(),
        "quantity": integer(1, 9),
        "price": decimal("0.05", 90, "numeric(8,2)"),
        "total": function(total, "quantity", "price", sql_type="numeric(10,2)"),
        "issued_on": day(-90, 0),
        "due_on": function(due, "issued_on", sql_type="date", random=1),
        "kind": choice({"gift": 1, "order": 2}),
        "code": function(code, "kind", "id", sql_type="text"),
        "settings": function(settings, "kind", sql_type="jsonb"),
        "weight": function(weight, "quantity", sql_type="float8", random=1),
        "open": function(lambda quantity: quantity > 3, "quantity", sql_type="bool"),
        "made_at": function(made_at, "issued_on", sql_type="timestamptz", random=1),
    }
    tables = {"shops": Table(1, {"id": key(), "slug": template("loadtest-{tenant:03d}")}), "sales": Table(500, {**sales, **changes})}
    return Dataset(
        name="sales", anchor=date(2026, 1, 5), tables=tables, tenant_table="shops", tenant_column="shop_id", mark="slug", schema=schema
    )


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


def test_postgres_holds_what_a_scenario_sees_and_its_checks_hold(fresh: Database, tmp_path: Path) -> None:
    population = Population(dataset(tmp_path), 12)
    seed(population, fresh.dsn)
    found = {row["id"]: dict(row) for row in fresh.run("SELECT *, settings->>'kind' AS told FROM sales")}
    seen = [row._asdict() for row in population.rows("sales", 0, 6000)]
    assert len(found) == len(seen) == 6000
    for row in seen:
        there = found[row["id"]]
        assert there.pop("told") == row["kind"]
        assert (there | {"settings": None}) == (row | {"settings": None})
    assert {type(row["total"]) for row in seen} == {Decimal}
    assert fresh.value("SELECT count(*) FROM sales WHERE code IS NULL") == sum(row["kind"] == "gift" for row in seen) > 1500


def test_more_tenants_have_the_same_functions_or_are_refused(fresh: Database, tmp_path: Path) -> None:
    seed(Population(dataset(tmp_path), 3), fresh.dsn)
    add_tenants(dataset(tmp_path), 4, fresh.dsn)
    assert check(dataset(tmp_path), fresh.dsn).verification.rows == {"shops": 7, "sales": 3500}
    others = {
        "another function": function(lambda quantity: quantity > 4, "quantity", sql_type="bool"),
        "a version": function(lambda quantity: quantity > 3, "quantity", sql_type="bool", version="2"),
    }
    for column in others.values():
        with pytest.raises(PopulationError, match="was declared otherwise"):
            add_tenants(dataset(tmp_path, open=column), 1, fresh.dsn)
    assert fresh.value("SELECT count(*) FROM shops") == 7


def test_a_function_that_fails_in_the_middle_leaves_nothing(fresh: Database, tmp_path: Path) -> None:
    def picky(row: Any) -> Any:
        if (row == 3333).any():
            raise ValueError("not this one")
        return row % 2 == 0

    population = Population(dataset(tmp_path, open=function(picky, "id", sql_type="bool")), 10)
    with pytest.raises(UsageError, match="the function picky raised ValueError: not this one") as caught:
        seed(population, fresh.dsn)
    assert "table sales, column open" in str(caught.value)
    assert fresh.value("SELECT to_regclass('shops')") is None


FILE = """
from datetime import date
import numpy as np
from tenantry.datasets import Dataset, Table, function, integer, key, template, tenant_key

def made(n):
    return {body}

items = {{"id": key(), "shop_id": tenant_key(), "n": integer(1, 9), "made": function(made, "n", sql_type="int")}}
shop = Dataset(name="shop", anchor=date(2026, 1, 5), tenant_table="shops", tenant_column="shop_id", mark="slug",
    tables={{"shops": Table(1, {{"id": key(), "slug": template("loadtest-{{tenant}}")}}), "items": Table(3, items)}})
"""


def test_the_command_line_shows_rows_and_tells_a_function_that_breaks_the_law(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(FILE.format(body="n * 100"))
    rows = Population(load_dataset(str(file)), 1).rows("items", 0, 2)
    assert all(row.made == row.n * 100 for row in rows)
    done = tenantry("generate", f"{file}:shop", "--show", "2")
    assert done.returncode == 0, done.stderr
    assert all(str(row.made) in done.stdout for row in rows)
    file.write_text(FILE.format(body="n - n.mean().astype(int)"))
    done = tenantry("generate", f"{file}:shop", "--show", "2")
    assert done.returncode == 2 and "other values than the same rows in smaller blocks" in done.stderr and "Traceback" not in done.stderr
