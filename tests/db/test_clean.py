"""Cleaning removes what seeding put in and what the app made for those tenants, and no other row."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from running_clinic import Database

from tenantry.datasets.clean import clean
from tenantry.datasets.load import seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError
from tenantry_clinic.dataset import clinic

TABLES = [
    *("clinics", "users", "pets", "services", "products", "appointments", "medical_records", "prescriptions", "invoices"),
    *("orders", "order_items", "payments", "prescription_files"),
]
# Clinics of somebody else: one without the mark, one with the mark of another key, each with rows of its own.
FOREIGN = """
    INSERT INTO clinics VALUES (7, 'san-jose', 'n', 'c', 'p', '2020-01-01'), (5000000, 'loadtest-00003x', 'n', 'c', 'p', '2020-01-01'),
        (9, 'loadtest-00010', 'n', 'c', 'p', '2020-01-01');
    INSERT INTO users SELECT 900000 + id, id, 'u' || id, 'U', 'owner', 'x' FROM clinics WHERE id IN (7, 9, 5000000);
    INSERT INTO pets SELECT 900000 + id, id, 900000 + id, 'P', 'dog', 'b', 'male', '2020-01-01', 5 FROM clinics WHERE id IN (7, 9, 5000000);
"""
# What the app makes for seeded clinic 2.
MADE_BY_THE_APP = """
    INSERT INTO appointments (clinic_id, pet_id, vet_id, starts_at, status, reason) VALUES (2, 101, 18, '2027-01-01', 'scheduled', 'r');
    INSERT INTO orders (clinic_id, owner_id, status, total) VALUES (2, 11, 'paid', 5);
    INSERT INTO order_items (clinic_id, order_id, product_id, quantity, price) SELECT 2, id, 21, 1, 5 FROM orders;
    INSERT INTO payments (clinic_id, order_id, amount, method) SELECT 2, id, 5, 'cash' FROM orders;
    INSERT INTO prescription_files (clinic_id, prescription_id, name, content_type, size_bytes, sha256)
        VALUES (2, 61, 'scan.pdf', 'application/pdf', 1000, sha256('scan'));
"""


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    """Five seeded clinics with work of the app in one of them, and three clinics of somebody else."""
    dsn = new_database()
    seed(Population(clinic, 5), dsn)
    database = Database(dsn)
    database.run(FOREIGN, MADE_BY_THE_APP, "SELECT 1")
    return database


def contents(database: Database, condition: str = "true") -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables for which the condition on `tenant` holds."""
    found = {}
    for table in TABLES:
        tenant = "id" if table == "clinics" else "clinic_id"
        rows = database.run(f"SELECT * FROM (SELECT *, {tenant} AS tenant FROM {table}) t WHERE {condition} ORDER BY tenant, id")
        found[table] = [tuple(row) for row in rows]
    return found


def test_without_yes_rows_are_counted_and_kept(database: Database) -> None:
    before = contents(database)
    result = clean(clinic, database.dsn)
    assert (result.tenants, result.found["pets"], result.found["appointments"], result.found["orders"]) == (5, 500, 251, 1)
    assert result.removed == {}
    assert contents(database) == before


def test_with_yes_exactly_the_rows_of_seeded_tenants_go(database: Database) -> None:
    foreign = contents(database, "tenant > 5")
    result = clean(clinic, database.dsn, yes=True)
    assert result.removed == result.found and sum(result.removed.values()) == 5 * 549 + 5
    assert contents(database) == foreign
    assert len(foreign["clinics"]) == len(foreign["pets"]) == 3


def test_only_the_first_tenants_go_when_so_asked(database: Database) -> None:
    kept = contents(database, "tenant > 2")
    assert clean(clinic, database.dsn, yes=True, tenants=2).tenants == 2
    assert contents(database) == kept


def test_a_clean_database_takes_the_dataset_again(database: Database) -> None:
    clean(clinic, database.dsn, yes=True)
    assert clean(clinic, database.dsn, yes=True).tenants == 0
    seed(Population(clinic, 6), database.dsn)
    assert database.value("SELECT count(*) FROM pets WHERE clinic_id <= 6") == 600


def test_a_clean_that_was_stopped_goes_on(database: Database) -> None:
    foreign = contents(database, "tenant > 5")

    def stop(title: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clean(clinic, database.dsn, yes=True, on_progress=stop)
    clean(clinic, database.dsn, yes=True)
    assert contents(database) == foreign


def test_tables_that_refer_to_the_rows_are_emptied_too(database: Database) -> None:
    database.run(
        "CREATE TABLE reminders (clinic_id bigint, pet_id bigint, FOREIGN KEY (clinic_id, pet_id) REFERENCES pets (clinic_id, id))",
        "INSERT INTO reminders VALUES (1, 1), (9, 900009)",
        "SELECT 1",
    )
    assert clean(clinic, database.dsn, yes=True).removed["reminders"] == 1
    assert database.value("SELECT clinic_id FROM reminders") == 9


def test_a_referring_table_without_a_tenant_stops_it_before_anything_is_removed(database: Database) -> None:
    database.run("CREATE TABLE photos (clinic bigint REFERENCES clinics)", "SELECT 1")
    before = contents(database)
    with pytest.raises(PopulationError, match=r"photos refers to rows of the dataset, but has no column clinic_id"):
        clean(clinic, database.dsn, yes=True)
    assert contents(database) == before


def test_a_database_without_the_tables_is_told(new_database: Callable[[], str]) -> None:
    with pytest.raises(PopulationError, match="is this the right database"):
        clean(clinic, new_database(), yes=True)
