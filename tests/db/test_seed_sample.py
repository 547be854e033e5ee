"""Check constraints are held against some rows before the tables get any, and all that refuse rows are told at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fingerprint import catalog
from running_clinic import Database
from test_seed import refused

from tenantry.datasets.load import add_tenants, seed
from tenantry.datasets.population import Population
from tenantry_clinic.dataset import clinic


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    assert clinic.schema and clinic.constraints
    database = Database(new_database())
    database.run(clinic.schema.read_text(), clinic.constraints.read_text(), "SELECT 1")
    return database


def test_all_checks_that_refuse_rows_are_told_at_once(database: Database) -> None:
    database.run(
        "ALTER TABLE pets ADD grams bigint GENERATED ALWAYS AS (weight_kg * 1000) STORED, ADD CONSTRAINT heavy CHECK (grams > 5000)",
        "ALTER TABLE users ADD CONSTRAINT brief CHECK (length(email) < 5), ADD CONSTRAINT named CHECK (full_name <> '')",
        "SELECT 1",
    )
    before = catalog(database)
    with refused("users: brief refuses 30 of 30 rows, such as (", "pets: heavy refuses", "CHECK ((grams > 5000))", "nothing was written"):
        seed(Population(clinic, 3), database.dsn)
    assert catalog(database) == before
    assert database.value("SELECT count(*) FROM clinics") == 0


def test_only_rows_that_come_now_are_looked_at(database: Database) -> None:
    seed(Population(clinic, 2), database.dsn)
    database.run("ALTER TABLE clinics ADD CONSTRAINT few CHECK (id < 4)", "SELECT 1")
    add_tenants(clinic, 1, database.dsn)
    with refused("clinics: few refuses 1 of 1 rows"):
        add_tenants(clinic, 1, database.dsn)


def test_a_row_beyond_the_sample_is_told_when_it_is_loaded(database: Database) -> None:
    database.run("ALTER TABLE pets ADD CONSTRAINT not_this_one CHECK (id <> 3000)", "SELECT 1")
    with refused("a constraint of pets refuses the rows", "not_this_one"):
        seed(Population(clinic, 60), database.dsn)
    assert database.value("SELECT count(*) FROM clinics") == 0
