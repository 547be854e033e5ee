"""Cleaning removes what seeding put in and what the app made for those tenants, and no other row."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from commandline import Shell, wait_until
from fingerprint import catalog
from running_clinic import Database
from test_seed import as_user

from tenantry.datasets import clean as clean_module
from tenantry.datasets.clean import clean, next_rows
from tenantry.datasets.load import check, seed
from tenantry.datasets.population import Population
from tenantry.engine import Database as Connection
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
    INSERT INTO users (id, clinic_id, email, full_name, role, password_hash)
        SELECT 900000 + id, id, 'u' || id, 'U', 'owner', 'x' FROM clinics WHERE id IN (7, 9, 5000000);
    INSERT INTO pets (id, clinic_id, owner_id, name, species, breed, sex, born_on, weight_kg)
        SELECT 900000 + id, id, 900000 + id, 'P', 'dog', 'b', 'male', '2020-01-01', 5 FROM clinics WHERE id IN (7, 9, 5000000);
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
WAITS_FOR_A_LOCK = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'tenantry' AND wait_event_type = 'Lock')"""


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


def test_what_the_app_made_goes_alone_and_the_population_stays(database: Database) -> None:
    before = contents(database, "tenant > 5")
    result = clean(clinic, database.dsn, only_made=True, yes=True)
    made = {"appointments": 1, "orders": 1, "order_items": 1, "payments": 1, "prescription_files": 1}
    assert {table: count for table, count in result.removed.items() if count} == made
    assert result.found == result.removed
    check(clinic, database.dsn)
    assert contents(database, "tenant > 5") == before
    assert sum(clean(clinic, database.dsn, only_made=True).found.values()) == 0


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


def test_a_large_tenant_goes_in_several_transactions_and_itself_last(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean_module, "_HOLD_S", 0.0)
    monkeypatch.setattr(clean_module, "_FIRST_ROWS", 100)
    foreign, shape = contents(database, "tenant > 5"), catalog(database)
    database.run(f"ALTER DATABASE {database.dsn.rpartition('/')[2]} SET lock_timeout = '100ms'", "SELECT 1")
    holder = Connection(database.dsn)
    holder.execute("BEGIN; SELECT FROM users WHERE id = 31 FOR UPDATE")
    with pytest.raises(PopulationError, match="lock timeout"):
        clean(clinic, database.dsn, yes=True)
    left = {table: len(rows) for table, rows in contents(database, "tenant = 4").items() if rows}
    assert left == {"clinics": 1, "users": 10}, "all that refers to them is gone for good, though the tenant is not"
    assert database.value("SELECT min(id) FROM clinics") == 4
    holder.close()
    with pytest.raises(PopulationError, match="was cleaned in part"):
        check(clinic, database.dsn)
    result = clean(clinic, database.dsn, yes=True)
    assert (result.removed["clinics"], result.removed["users"], result.removed["pets"]) == (2, 20, 100)
    assert (contents(database), catalog(database)) == (foreign, shape)
    assert database.value("SELECT count(*) FROM tenantry.datasets") == 0


def test_a_clean_that_was_killed_goes_on(new_database: Callable[[], str], shell: Shell) -> None:
    database = Database(new_database())
    seed(Population(clinic, 100), database.dsn)
    database.run(
        FOREIGN.replace("(7,", "(700,").replace("(9,", "(900,").replace("7, 9,", "700, 900,").replace("-00010", "-01000"), "SELECT 1"
    )
    foreign = contents(database, "tenant > 100")
    holder = Connection(database.dsn)
    holder.execute("BEGIN; SELECT FROM clinics WHERE id = 90 FOR UPDATE")
    command = ("clean", "tenantry_clinic.dataset:clinic", "--yes")
    with shell.start(*command, environment={"DATABASE_URL": database.dsn}) as running:
        wait_until(lambda: database.value(WAITS_FOR_A_LOCK))
        running.process.kill()
        running.done()
    holder.close()
    wait_until(lambda: not database.value(WAITS_FOR_A_LOCK))
    left = [row[0] for row in database.run("SELECT id FROM clinics WHERE id <= 100 ORDER BY id")]
    assert 90 in left and 1 not in left and left == list(range(left[0], 101))
    assert shell.run(*command, environment={"DATABASE_URL": database.dsn}).code == 0
    assert contents(database) == foreign


def test_rows_that_refer_to_rows_of_their_own_table_go_too(database: Database) -> None:
    database.run(
        "ALTER TABLE services ADD part_of bigint, ADD FOREIGN KEY (clinic_id, part_of) REFERENCES services (clinic_id, id)",
        "UPDATE services s SET part_of = id - 1 WHERE EXISTS (SELECT FROM services p WHERE p.clinic_id = s.clinic_id AND p.id = s.id - 1)",
        "SELECT 1",
    )
    assert clean(clinic, database.dsn, yes=True).removed["services"] == 40


def test_a_role_that_may_not_remove_is_told_what_to_grant(database: Database) -> None:
    database.run(
        "CREATE ROLE looker LOGIN BYPASSRLS",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker",
        "GRANT USAGE ON SCHEMA tenantry TO looker",
        "GRANT SELECT ON tenantry.datasets TO looker",
        "SELECT 1",
    )
    dsn, before = as_user(database.dsn, "looker"), contents(database)
    assert clean(clinic, dsn).tenants == 5
    with pytest.raises(PopulationError, match=r'the role looker may not delete \(GRANT DELETE ON "payments" TO "looker"\)'):
        clean(clinic, dsn, yes=True)
    assert contents(database) == before


def test_a_role_that_sees_some_rows_only_may_neither_clean_nor_verify(database: Database) -> None:
    database.run("CREATE ROLE half LOGIN", "GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA public TO half", "SELECT 1")
    for work in (clean, check):
        with pytest.raises(PopulationError, match="row-level security binds the role half"):
            work(clinic, as_user(database.dsn, "half"), tenants=5)


def test_part_of_the_tenants_leaves_a_note_and_the_rest_removes_it(database: Database) -> None:
    clean(clinic, database.dsn, yes=True, tenants=2)
    assert database.value("SELECT spec_hash FROM tenantry.datasets") == "cleaned in part"
    clean(clinic, database.dsn, yes=True)
    assert database.value("SELECT count(*) FROM tenantry.datasets") == 0


@pytest.mark.parametrize(
    ("rows", "took_s", "next_one"),
    [(5000, 0.01, 10_000), (5000, 0.3, 5000), (5000, 0.5, 2500), (150, 3.0, 100)],
)
def test_the_next_statement_removes_as_many_rows_as_fit_into_its_time(rows: int, took_s: float, next_one: int) -> None:
    assert next_rows(rows, took_s) == next_one


@pytest.fixture
def alone(new_database: Callable[[], str]) -> Database:
    """Five seeded clinics with work of the app in one of them, and nothing else."""
    database = Database(new_database())
    seed(Population(clinic, 5), database.dsn)
    database.run(MADE_BY_THE_APP, "SELECT 1")
    return database


def was_emptied_at_once(database: Database) -> bool:
    """TRUNCATE gives a table a new file."""
    file = "SELECT pg_relation_filenode('pets')"
    before = database.value(file)
    result = clean(clinic, database.dsn, yes=True)
    assert result.removed == result.found and result.found["pets"] == 500
    assert not database.value("SELECT EXISTS (SELECT FROM tenantry.datasets)")
    return bool(database.value(file) != before)


def test_tables_that_hold_nothing_else_are_emptied_at_once(alone: Database) -> None:
    before = catalog(alone)
    assert was_emptied_at_once(alone)
    assert not any(contents(alone).values())
    assert catalog(alone) == before
    seed(Population(clinic, 5), alone.dsn)


@pytest.mark.parametrize(
    "concern",
    [
        "INSERT INTO clinics VALUES (900000, 'san-jose', 'n', 'c', 'p', '2020-01-01', '2020-01-01')",
        """CREATE TABLE gone (id bigint); CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO gone VALUES (OLD.id); RETURN OLD; END $$;
            CREATE TRIGGER gone AFTER DELETE ON pets FOR EACH ROW EXECUTE FUNCTION gone()""",
        """CREATE TABLE notes (clinic_id bigint, pet_id bigint);
            ALTER TABLE notes ADD FOREIGN KEY (clinic_id, pet_id) REFERENCES pets (clinic_id, id) ON DELETE CASCADE;
            INSERT INTO notes VALUES (2, 101)""",
        "CREATE TABLE more_pets () INHERITS (pets)",
    ],
    ids=["rows of others", "a trigger", "a cascade", "an heir"],
)
def test_whoever_is_concerned_by_each_row_that_goes_hears_of_it(concern: str, alone: Database) -> None:
    alone.run(concern, "SELECT 1")
    assert not was_emptied_at_once(alone)
    if "TABLE gone" in concern:
        assert alone.value("SELECT count(*) FROM gone") == 500
    if "TABLE notes" in concern:
        assert alone.value("SELECT count(*) FROM notes") == 0


def test_rows_that_somebody_is_about_to_commit_are_not_lost(alone: Database) -> None:
    holder = Connection(alone.dsn)
    holder.execute("BEGIN; INSERT INTO clinics VALUES (900000, 'san-jose', 'n', 'c', 'p', '2020-01-01', '2020-01-01')")
    assert not was_emptied_at_once(alone)
    holder.execute("COMMIT")
    holder.close()
    assert [row[0] for row in alone.run("SELECT id FROM clinics")] == [900000]
