"""Seeding a real Postgres, verified by its catalog and by SQL; every failure leaves the database as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running_clinic import Database

from tenantry.datasets import Dataset
from tenantry.datasets.load import seed
from tenantry.datasets.population import Population
from tenantry.engine import Database as Connection
from tenantry.errors import PopulationError, UnsafeTarget, UsageError
from tenantry_clinic.dataset import clinic

TENANTS = 100
ROWS = {
    "clinics": 1,
    "users": 10,
    "pets": 100,
    "services": 8,
    "products": 20,
    "appointments": 50,
    "medical_records": 200,
    "prescriptions": 60,
    "invoices": 100,
}
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture(scope="module")
def seeded(new_database: Callable[[], str]) -> Database:
    """A hundred clinics, loaded into a database that was empty."""
    dsn = new_database()
    seed(Population(clinic, TENANTS), dsn)
    return Database(dsn)


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


@pytest.fixture
def schema_only(fresh: Database) -> Database:
    """The clinic's tables, keys and policies, without rows."""
    assert clinic.schema and clinic.constraints
    fresh.run(clinic.schema.read_text(), clinic.constraints.read_text(), "SELECT 1")
    return fresh


def total(database: Database) -> int:
    return int(database.value("SELECT " + " + ".join(f"(SELECT count(*) FROM {table})" for table in ROWS)))


@contextmanager
def refused(*wanted: str) -> Iterator[None]:
    """The block ends with a PopulationError that says all of these."""
    with pytest.raises(PopulationError) as caught:
        yield
    for text in wanted:
        assert text in str(caught.value), str(caught.value)


def with_constraints(tmp_path: Path, text: str) -> Dataset:
    """The clinic with another constraints file."""
    (tmp_path / "constraints.sql").write_text(text)
    return dataclasses.replace(clinic, constraints=tmp_path / "constraints.sql")


def test_every_row_arrives_as_it_was_computed(fresh: Database) -> None:
    population = Population(clinic, 3)
    seed(population, fresh.dsn)
    for table, rows in ROWS.items():
        columns = ", ".join(population.columns(table))
        found = [dict(row) for row in fresh.run(f"SELECT {columns} FROM {table} ORDER BY id")]
        assert found == [row._asdict() for row in population.rows(table, 0, 3 * rows)], table


def test_counts_are_those_of_the_original_ticket(seeded: Database) -> None:
    assert {table: seeded.value(f"SELECT count(*) FROM {table}") for table in ROWS} == {
        table: TENANTS * rows for table, rows in ROWS.items()
    }
    assert seeded.value("SELECT count(*) FROM (SELECT clinic_id FROM pets GROUP BY 1 HAVING count(*) = 100) t") == TENANTS


@pytest.mark.parametrize(
    ("table", "column", "shares"),
    [
        ("pets", "species", {"dog": 0.5, "cat": 0.35, "bird": 0.05, "rabbit": 0.05, "hamster": 0.05}),
        ("appointments", "status", {"scheduled": 0.3, "confirmed": 0.2, "completed": 0.4, "cancelled": 0.1}),
        ("invoices", "status", {"draft": 0.1, "sent": 0.2, "paid": 0.6, "overdue": 0.1}),
        ("users", "role", {"owner": 0.7, "vet": 0.2, "admin": 0.1}),
    ],
)
def test_shares_are_those_of_the_original_ticket(seeded: Database, table: str, column: str, shares: dict[str, float]) -> None:
    rows = seeded.run(f"SELECT {column}, count(*)::float / sum(count(*)) OVER () FROM {table} GROUP BY 1")
    assert {row[0]: row[1] for row in rows} == pytest.approx(shares, abs=0.025)


@pytest.mark.parametrize(
    ("what", "query"),
    [
        ("a vet booked twice", "SELECT vet_id, starts_at FROM appointments GROUP BY 1, 2 HAVING count(*) > 1"),
        ("over, but not before today", "SELECT FROM appointments WHERE (status = 'completed') <> (starts_at < '2026-01-05 00:00Z')"),
        ("outside opening hours", "SELECT FROM appointments WHERE (starts_at AT TIME ZONE 'UTC')::time NOT BETWEEN '08:00' AND '17:30'"),
        ("a foreign vet", "SELECT FROM appointments a JOIN users u ON u.id = a.vet_id WHERE (u.clinic_id, u.role) <> (a.clinic_id, 'vet')"),
        ("a vet as owner", "SELECT FROM pets p JOIN users u ON u.id = p.owner_id WHERE (u.clinic_id, u.role) <> (p.clinic_id, 'owner')"),
        ("seen before birth", "SELECT FROM medical_records m JOIN pets p ON p.id = m.pet_id WHERE m.visited_at < p.born_on"),
        (
            "a mail address without its clinic",
            "SELECT FROM users u JOIN clinics c ON c.id = u.clinic_id WHERE email NOT LIKE '%@' || slug || '.example'",
        ),
    ],
)
def test_no_row_contradicts_the_rules_of_a_clinic(seeded: Database, what: str, query: str) -> None:
    assert seeded.value(f"SELECT count(*) FROM ({query}) t") == 0, what


def test_keys_indexes_and_policies_are_on(seeded: Database) -> None:
    assert clinic.constraints
    script = clinic.constraints.read_text()
    foreign = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated"
    assert seeded.value(foreign) == script.count("FOREIGN KEY")
    assert seeded.value("SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE '%\\_idx'") == script.count(
        "CREATE INDEX"
    )
    assert seeded.value("SELECT count(*) FROM pg_class WHERE relrowsecurity") == seeded.value(TABLES)


def test_statistics_are_those_of_the_rows(seeded: Database) -> None:
    assert seeded.value("SELECT reltuples FROM pg_class WHERE relname = 'medical_records'") == TENANTS * 200
    assert seeded.value("SELECT count(*) FROM pg_stats WHERE tablename = 'pets' AND attname = 'species'") == 1


def test_rows_of_the_app_get_keys_far_above_the_seeded_ones(seeded: Database) -> None:
    assert (
        seeded.value("SELECT min(last_value) FROM (SELECT last_value FROM clinics_id_seq UNION SELECT last_value FROM pets_id_seq) t")
        == 10**12
    )


def test_the_apps_role_sees_exactly_its_own_clinic(seeded: Database) -> None:
    tell = "SELECT set_config('app.clinic_id', '42', false)"
    for table, rows in ROWS.items():
        owner = "id" if table == "clinics" else "clinic_id"
        assert seeded.value(tell, f"SELECT count(*) FROM {table}", user="clinic_app") == rows
        assert seeded.value(tell, f"SELECT count(*) FROM {table} WHERE {owner} <> 42", user="clinic_app") == 0
        assert seeded.value(f"SELECT count(*) FROM {table}", user="clinic_app") == 0


def test_the_result_says_what_was_loaded_and_verified(fresh: Database) -> None:
    result = seed(Population(clinic, 4, rng_seed=9), fresh.dsn)
    assert result.rows == result.verification.rows == {table: 4 * rows for table, rows in ROWS.items()}
    assert (result.tenants, result.rng_seed, result.verification.not_checked) == (4, 9, [])
    assert set(result.verification.orphans.values()) == {0} and "pets.owner_id" in result.verification.orphans
    assert set(result.verification.isolation) == {"1", "2", "4"}


def test_tables_that_are_there_already_are_filled_beside_their_rows(schema_only: Database) -> None:
    schema_only.run("INSERT INTO clinics (slug, name, city, phone, opened_on) VALUES ('own', 'n', 'c', 'p', '2020-01-01') RETURNING id")
    seed(Population(clinic, 2), schema_only.dsn)
    assert total(schema_only) == 2 * sum(ROWS.values()) + 1


def test_a_second_load_is_refused_and_changes_nothing(seeded: Database) -> None:
    with refused("clinics has 5 rows with the keys 1 to 5 already", "tenantry clean"):
        seed(Population(clinic, 5), seeded.dsn)
    assert total(seeded) == TENANTS * sum(ROWS.values())


def test_a_conflicting_row_is_named_and_nothing_stays(schema_only: Database) -> None:
    schema_only.run("INSERT INTO clinics VALUES (777, 'loadtest-00002', 'n', 'c', 'p', '2020-01-01') RETURNING id")
    with refused("clinics_slug_key", "loadtest-00002", "tenantry clean"):
        seed(Population(clinic, 3), schema_only.dsn)
    assert total(schema_only) == 1


def test_a_refusing_trigger_leaves_nothing_behind(schema_only: Database) -> None:
    schema_only.run(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no invoices today'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION no()",
        "SELECT 1",
    )
    with refused("no invoices today", "127.0.0.1"):
        seed(Population(clinic, 3), schema_only.dsn)
    assert total(schema_only) == 0


def test_a_constraint_that_the_rows_violate_is_named_and_not_even_tables_stay(fresh: Database, tmp_path: Path) -> None:
    dataset = with_constraints(tmp_path, "ALTER TABLE pets ADD CONSTRAINT light CHECK (weight_kg < 1)")
    with refused("light", "pets"):
        seed(Population(dataset, 3), fresh.dsn)
    assert fresh.value(TABLES) == 0


def test_missing_isolation_is_noticed(fresh: Database, tmp_path: Path) -> None:
    dataset = with_constraints(tmp_path, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO clinic_app")
    told = (
        "tenants are not kept apart",
        "clinic_app in tenant 1 sees 2 rows of others in clinics",
        "without a tenant",
        "USING",
        "nothing was loaded",
    )
    with refused(*told):
        seed(Population(dataset, 3), fresh.dsn)
    assert fresh.value(TABLES) == 0


def test_rows_that_a_trigger_swallows_are_noticed(schema_only: Database) -> None:
    schema_only.run(
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.id > 7 THEN NEW END; END $$",
        "CREATE TRIGGER skip BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION skip()",
        "SELECT 1",
    )
    with refused("invoices has 293 rows of the dataset instead of 300"):
        seed(Population(clinic, 3), schema_only.dsn)


def test_orphans_are_noticed(schema_only: Database) -> None:
    schema_only.run(
        "ALTER TABLE pets DROP CONSTRAINT pets_owner_fkey",
        "CREATE FUNCTION stray() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner_id := 11; RETURN NEW; END $$",
        "CREATE TRIGGER stray BEFORE INSERT ON pets FOR EACH ROW EXECUTE FUNCTION stray()",
        "SELECT 1",
    )
    # User 11 exists, but belongs to clinic 2.
    with refused("200 rows refer by pets.owner_id to rows that do not exist"):
        seed(Population(clinic, 3), schema_only.dsn)


def test_all_differences_of_the_schema_are_told_before_anything_is_written(schema_only: Database) -> None:
    schema_only.run(
        "ALTER TABLE pets DROP COLUMN breed",
        "ALTER TABLE services ALTER minutes TYPE bigint",
        "ALTER TABLE invoices ADD vat numeric NOT NULL",
        "SELECT 1",
    )
    with refused("pets.breed: the table has no such column", "services.minutes: its type is int8", "invoices.vat: must not be null"):
        seed(Population(clinic, 3), schema_only.dsn)


def test_half_a_schema_is_told(fresh: Database) -> None:
    fresh.run("CREATE TABLE pets (id bigint)", "SELECT 1")
    with refused("some tables of the dataset are there, but not clinics, users"):
        seed(Population(clinic, 3), fresh.dsn)


def test_a_role_that_may_not_insert_is_told_what_to_grant(schema_only: Database) -> None:
    schema_only.run("CREATE ROLE reader LOGIN", "SELECT 1")
    with refused("the role reader may not insert or select", 'GRANT INSERT, SELECT ON "clinics" TO "reader"'):
        seed(Population(clinic, 3), as_user(schema_only.dsn, "reader"))


def test_a_role_that_may_not_make_tables_is_told_what_to_grant(fresh: Database) -> None:
    role = f"maker_{fresh.dsn.rpartition('/')[2]}"
    fresh.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", f"CREATE ROLE {role} LOGIN", "SELECT 1")
    with refused(f"the role {role} may not make tables in the schema public", f'GRANT CREATE ON SCHEMA "public" TO "{role}"'):
        seed(Population(clinic, 3), as_user(fresh.dsn, role))
    assert fresh.value(TABLES) == 0
    fresh.run(f'GRANT CREATE ON SCHEMA "public" TO "{role}"', "SELECT 1")
    result = seed(Population(clinic, 3), as_user(fresh.dsn, role))
    assert total(fresh) == 3 * sum(ROWS.values())
    assert any(f'GRANT "clinic_app" TO "{role}"' in text for text in result.verification.not_checked)


def test_a_role_that_row_level_security_binds_is_told(schema_only: Database) -> None:
    schema_only.run("CREATE ROLE bound LOGIN", "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO bound", "SELECT 1")
    with refused("row-level security binds the role bound"):
        seed(Population(clinic, 3), as_user(schema_only.dsn, "bound"))


def test_two_loads_at_once_do_not_meet(fresh: Database) -> None:
    other = Connection(fresh.dsn)
    other.execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('tenantry'), hashtext('population'))")
    with refused("another `tenantry seed` or `tenantry clean` is at work"):
        seed(Population(clinic, 3), fresh.dsn)
    other.close()


def test_a_connection_lost_in_the_middle_leaves_nothing_behind(fresh: Database) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tenantry'"

    def cut(title: str, done: int, total: int) -> None:
        if title == "pets":
            fresh.run(kill)

    with refused("127.0.0.1"):
        seed(Population(clinic, 3), fresh.dsn, on_progress=cut)
    assert fresh.value(TABLES) == 0


def test_ctrl_c_leaves_nothing_behind(fresh: Database) -> None:
    def interrupt(title: str, done: int, total: int) -> None:
        if title == "medical_records" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seed(Population(clinic, 1000), fresh.dsn, on_progress=interrupt)
    assert fresh.value(TABLES) == 0


@pytest.mark.parametrize(
    ("dsn", "error", "message"),
    [
        ("postgresql://u@127.0.0.1:1/x", PopulationError, "no connection to Postgres"),
        ("postgresql://u@db.example.com/x", UnsafeTarget, "db.example.com is not on this machine"),
        ("host=127.0.0.1 hostaddr=10.1.2.3 dbname=x", UnsafeTarget, "10.1.2.3 is not on this machine"),
        ("postgresql://u@127.0.0.1/clinic_prod", UnsafeTarget, "looks like production"),
        ("postgresql://u:p@127.0.0.1:port/x", UsageError, "the DSN cannot be read"),
    ],
)
def test_a_database_that_cannot_or_must_not_be_used_is_told(dsn: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        seed(Population(clinic, 1), dsn)


def test_a_wrong_password_and_a_missing_database_are_told(fresh: Database) -> None:
    with refused("password authentication failed", "PGPASSWORD"):
        seed(Population(clinic, 1), fresh.dsn.replace("@", "x@"))
    with refused("does not exist", "CREATE DATABASE"):
        seed(Population(clinic, 1), f"{fresh.dsn}_not")


def as_user(dsn: str, user: str) -> str:
    return f"postgresql://{user}@{dsn.partition('@')[2]}"


def test_the_password_may_come_from_the_environment(fresh: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    user, _, rest = fresh.dsn.removeprefix("postgresql://").partition("@")
    name, _, password = user.partition(":")
    monkeypatch.setenv("PGPASSWORD", password)
    result: Any = seed(Population(clinic, 1), f"postgresql://{name}@{rest}")
    assert result.tenants == 1
