"""Keys of several columns, references to them, and many-to-many: as Postgres' own constraints have them, and as a scenario picks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from running_clinic import Database

from tenantry.datasets import (
    Column,
    Dataset,
    Table,
    decimal,
    integer,
    key,
    lookup,
    ordinal,
    parent,
    per,
    poisson,
    reference,
    template,
    tenant_key,
    uuid,
)
from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError, UsageError

SCHEMA = """
CREATE TABLE shops (id bigint PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE TABLE products (id uuid PRIMARY KEY, shop_id bigint NOT NULL REFERENCES shops);
CREATE TABLE orders (id bigint PRIMARY KEY, shop_id bigint NOT NULL REFERENCES shops);
CREATE TABLE lines (
    order_id bigint REFERENCES orders, line_no int, shop_id bigint NOT NULL REFERENCES shops, product_id uuid NOT NULL REFERENCES products,
    price numeric(8,2) NOT NULL, PRIMARY KEY (order_id, line_no), UNIQUE (order_id, product_id));
CREATE TABLE returns (
    id bigint PRIMARY KEY, shop_id bigint NOT NULL REFERENCES shops, order_id bigint, line_no int, price numeric(8,2),
    FOREIGN KEY (order_id, line_no) REFERENCES lines);
CREATE TABLE tags (id bigint PRIMARY KEY, shop_id bigint NOT NULL REFERENCES shops, product_id uuid NOT NULL UNIQUE REFERENCES products);
CREATE TABLE labels (
    product_id uuid REFERENCES products, tag_id bigint REFERENCES tags, shop_id bigint NOT NULL REFERENCES shops,
    PRIMARY KEY (product_id, tag_id));
CREATE TABLE votes (
    product_id uuid, tag_id bigint, vote_no smallint, shop_id bigint NOT NULL REFERENCES shops,
    PRIMARY KEY (product_id, tag_id, vote_no), FOREIGN KEY (product_id, tag_id) REFERENCES labels);
"""


def tables() -> dict[str, Table]:
    shop = {"shop_id": tenant_key()}
    return {
        "shops": Table(1, {"id": key(), "slug": template("loadtest-{tenant:03d}")}),
        "products": Table(12, {"id": uuid(), **shop}),
        "orders": Table(15, {"id": key(), **shop}),
        "lines": Table(
            per("orders", integer(1, 5)),
            {
                "order_id": parent(),
                "line_no": ordinal(),
                **shop,
                "product": reference("products", distinct=True).helper(),
                "product_id": lookup("product", "id"),
                "price": decimal(1, 90, "numeric(8,2)"),
            },
        ),
        "returns": Table(
            6,
            {
                "id": key(),
                **shop,
                "line": reference("lines").helper().nullable(0.2),
                "order_id": lookup("line", "order_id"),
                "line_no": lookup("line", "line_no"),
                "price": lookup("line", "price"),
            },
        ),
        "tags": Table(
            12, {"id": key(), **shop, "product": reference("products", distinct=True).helper(), "product_id": lookup("product", "id")}
        ),
        "labels": Table(
            per("products", 4),
            {
                "product": parent().helper(),
                "product_id": lookup("product", "id"),
                "tag_id": reference("tags", positions=range(2, 12), distinct=True),
                **shop,
            },
        ),
        "votes": Table(
            per("labels", poisson(1.5)),
            {
                "label": parent().helper(),
                "product_id": lookup("label", "product_id"),
                "tag_id": lookup("label", "tag_id"),
                "vote_no": ordinal(10, 5).typed("smallint"),
                **shop,
            },
        ),
    }


def dataset(folder: Path | None = None, **changed: Table) -> Dataset:
    schema = None
    if folder is not None:
        schema = folder / "schema.sql"
        schema.write_text(SCHEMA)
    return Dataset(
        name="composite",
        anchor=date(2026, 1, 5),
        tables={**tables(), **changed},
        tenant_table="shops",
        tenant_column="shop_id",
        mark="slug",
        schema=schema,
    )


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Population:
    return Population(dataset(tmp_path_factory.mktemp("composite")), 30)


@pytest.fixture(scope="module")
def seeded(population: Population, new_database: Callable[[], str]) -> Database:
    dsn = new_database()
    seed(population, dsn)
    return Database(dsn)


def rows(population: Population, table: str) -> list[dict[str, Any]]:
    return [row._asdict() for row in population.rows(table, 0, population.count(table))]


@pytest.mark.parametrize("table", tables())
def test_postgres_holds_the_rows_under_its_own_keys(population: Population, seeded: Database, table: str) -> None:
    found = [dict(row) for row in seeded.run(f"SELECT * FROM {table}")]
    seen = rows(population, table)
    assert sorted(map(repr, found)) == sorted(repr({name: row[name] for name in found[0]}) for row in seen)


def test_lines_count_from_one_in_each_order(population: Population, seeded: Database) -> None:
    gaps = "SELECT count(*) FROM (SELECT max(line_no) <> count(*) OR min(line_no) <> 1 AS gap FROM lines GROUP BY order_id) g WHERE gap"
    assert seeded.value(gaps) == 0
    sizes = Counter(row["order_id"] for row in rows(population, "lines"))
    assert set(sizes.values()) == {1, 2, 3, 4, 5} and len(sizes) == 450
    assert seeded.value("SELECT count(*) FROM votes WHERE (vote_no - 10) % 5 <> 0 OR vote_no < 10") == 0


def test_every_pair_of_a_many_to_many_is_met_and_none_twice(population: Population) -> None:
    pairs = [(row["product_id"], row["tag_id"]) for row in rows(population, "labels")]
    assert len(set(pairs)) == len(pairs) == 30 * 12 * 4
    first = Counter((tag - 1) % 12 for _, tag in pairs)
    assert set(first) == set(range(2, 12)) and all(90 < count < 200 for count in first.values())


def test_a_distinct_reference_without_a_parent_is_one_to_one(population: Population) -> None:
    products = {row["id"]: row["shop_id"] for row in rows(population, "products")}
    tags = rows(population, "tags")
    assert {tag["product_id"]: tag["shop_id"] for tag in tags} == products
    places = [list(products).index(tag["product_id"]) % 12 for tag in tags[:24]]
    assert places[:12] != sorted(places[:12]) and places[:12] != places[12:]


def test_a_row_is_picked_by_its_key_and_by_what_refers_to_it(population: Population) -> None:
    rng = Random(1)
    line = population.row("lines", 7, 9)
    assert population.pick(7, "lines", rng, order_id=line.order_id, line_no=line.line_no) == line
    returned = next(row for row in population.rows("returns", 6 * 7, 6) if row.order_id is not None)
    found = population.pick(7, "lines", rng, order_id=returned.order_id, line_no=returned.line_no)
    assert (found.price, found.shop_id) == (returned.price, returned.shop_id)
    with pytest.raises(LookupError, match="no row in lines"):
        population.pick(7, "lines", rng, order_id=line.order_id, line_no=6)


def test_references_of_several_columns_are_verified_as_one(population: Population, seeded: Database) -> None:
    verified = check(population.dataset, seeded.dsn).verification
    assert {name for name in verified.orphans if "(" in name} == {"returns.(order_id, line_no)", "votes.(product_id, tag_id)"}
    assert {"lines.order_id", "lines.product_id", "tags.product_id", "labels.product_id", "labels.tag_id"} < set(verified.orphans)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("UPDATE returns SET line_no = line_no + 7 WHERE id = 1", r"1 rows refer by returns\.\(order_id, line_no\)"),
        ("DELETE FROM labels WHERE tag_id = 5", r"rows refer by votes\.\(product_id, tag_id\)"),
        ("DELETE FROM lines WHERE order_id = 3", r"lines has \d+ rows of the dataset instead of"),
    ],
)
def test_harm_that_no_constraint_prevents_is_found(tmp_path: Path, new_database: Callable[[], str], harm: str, message: str) -> None:
    database = Database(new_database())
    made = dataset(tmp_path, lines=Table(per("orders", 4), tables()["lines"].columns), returns=strict_returns())
    seed(Population(made, 3), database.dsn)
    unbound = ["returns DROP CONSTRAINT returns_order_id_line_no_fkey", "votes DROP CONSTRAINT votes_product_id_tag_id_fkey"]
    database.run(*[f"ALTER TABLE {change}" for change in unbound], harm, "SELECT 1")
    with pytest.raises(PopulationError, match=message):
        check(made, database.dsn)


def strict_returns() -> Table:
    columns = dict(tables()["returns"].columns)
    return Table(6, {**columns, "line": reference("lines").helper()})


def test_lines_of_orders_that_an_app_made_are_no_fault(tmp_path: Path, new_database: Callable[[], str]) -> None:
    database = Database(new_database())
    seed(Population(dataset(tmp_path), 3), database.dsn)
    database.run(
        "INSERT INTO orders VALUES (1000000, 2)",
        "INSERT INTO lines SELECT 1000000, 1, 2, id, 5 FROM products WHERE shop_id = 2 LIMIT 1",
        "SELECT 1",
    )
    assert check(dataset(tmp_path), database.dsn).verification.rows["orders"] == 45
    add_tenants(dataset(tmp_path), 2, database.dsn)
    assert clean(dataset(tmp_path), database.dsn, yes=True).removed["lines"] > 100
    assert [database.value(f"SELECT count(*) FROM {table}") for table in tables()] == [0] * 8


def broken(table: str, per_tenant: Any, **columns: Column) -> str:
    made = dataset(None, **{table: Table(per_tenant, {**tables()[table].columns, **columns})})
    with pytest.raises(UsageError) as caught:
        Population(made, 2)
    return str(caught.value)


@pytest.mark.parametrize(
    ("table", "per_tenant", "columns", "message"),
    [
        ("lines", per("orders", 13), {}, "up to 13 rows cannot all lead to different ones, of which there may be only 12"),
        ("lines", 5, {}, "column order_id: has no parent: the table has no rows per row of another one"),
        ("tags", 13, {}, "up to 13 rows cannot all lead to different ones"),
        ("tags", 5, {"product": reference("products", weights=[1] * 12, distinct=True).helper()}, "takes no weights"),
        ("returns", 6, {"line": reference("lines")}, "lines has no key() that a column could hold"),
        ("votes", per("labels", 1), {"label": parent()}, "labels has no key() that a column could hold"),
        ("returns", 6, {"line_no": lookup("line", "number")}, "there is no column number in lines"),
        ("votes", per("labels", 1), {"vote_no": ordinal().typed("text")}, "numbers do not fit into a text column"),
        ("returns", 6, {"price": integer(1, 5).typed("text")}, "numbers do not fit into a text column"),
    ],
)
def test_a_key_that_cannot_be_is_told(table: str, per_tenant: Any, columns: dict[str, Column], message: str) -> None:
    assert message in broken(table, per_tenant, **columns)


def test_a_reference_by_a_column_cannot_be_distinct() -> None:
    with pytest.raises(UsageError, match="a reference by a column is not distinct too"):
        reference("products", by="slot", distinct=True)
