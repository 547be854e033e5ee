"""Tenants whose keys are UUIDs, as many SaaS schemas have them: seeded, isolated, topped up, verified, cleaned, drafted."""

from __future__ import annotations

import uuid as standard
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import pytest
from running_clinic import Database
from test_init import drafted
from test_seed import refused

from tenantry.datasets import (
    Dataset,
    Isolation,
    Table,
    choice,
    key,
    lookup,
    of_tenant,
    poisson,
    reference,
    template,
    tenant_key,
    uuid,
)
from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.errors import UsageError

SCHEMA = """
DO $$ BEGIN CREATE ROLE uuid_app LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
CREATE TABLE accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), slug text NOT NULL UNIQUE, plan text NOT NULL);
CREATE TABLE members (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), account_id uuid NOT NULL REFERENCES accounts, email text NOT NULL UNIQUE, plan text);
CREATE TABLE notes (id bigint PRIMARY KEY, account_id uuid NOT NULL REFERENCES accounts, member_id uuid NOT NULL REFERENCES members);
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts TO uuid_app USING (id = nullif(current_setting('app.account', true), '')::uuid);
CREATE POLICY own ON members TO uuid_app USING (account_id = nullif(current_setting('app.account', true), '')::uuid);
CREATE POLICY own ON notes TO uuid_app USING (account_id = nullif(current_setting('app.account', true), '')::uuid);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO uuid_app;
"""
TABLES = ("accounts", "members", "notes")


def dataset(folder: Path) -> Dataset:
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)
    accounts = {"id": uuid(), "slug": template("loadtest-{tenant:04d}"), "plan": choice({"free": 3, "paid": 1})}
    members = {"id": uuid(), "account_id": tenant_key(), "email": template("m{row}@x.example"), "plan": of_tenant("plan")}
    notes = {"id": key(), "account_id": tenant_key(), "member": reference("members").helper(), "member_id": lookup("member", "id")}
    return Dataset(
        name="uuids",
        anchor=date(2026, 1, 5),
        tables={"accounts": Table(1, accounts), "members": Table(5, members), "notes": Table(poisson(8), notes)},
        tenant_table="accounts",
        tenant_column="account_id",
        mark="slug",
        users="members",
        schema=schema,
        isolation=Isolation(role="uuid_app", setting="app.account"),
    )


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


def contents(database: Database) -> dict[str, str]:
    return {table: database.value(f"SELECT md5(string_agg(t::text, chr(10) ORDER BY id)) FROM {table} t") for table in TABLES}


def test_the_database_holds_the_rows_and_keeps_tenants_apart(fresh: Database, tmp_path: Path) -> None:
    population = Population(dataset(tmp_path), 30)
    result = seed(population, fresh.dsn)
    assert set(result.verification.isolation) == {"1", "15", "30"}
    assert result.verification.orphans == {"members.account_id": 0, "notes.account_id": 0, "notes.member_id": 0}
    found = {row["id"]: row["slug"] for row in fresh.run("SELECT id, slug FROM accounts")}
    assert found == {population.tenant(number).id: f"loadtest-{number + 1:04d}" for number in range(30)}
    assert fresh.value("SELECT count(*) FROM members m JOIN accounts a ON a.id = m.account_id AND a.plan = m.plan") == 150
    assert fresh.value(
        "SELECT count(*) FROM notes n JOIN members m ON m.id = n.member_id AND m.account_id = n.account_id"
    ) == population.count("notes")


def test_a_scenario_knows_the_uuids_of_its_tenant(tmp_path: Path) -> None:
    population = Population(dataset(tmp_path), 10)
    tenant, member = population.tenant(6), population.pick(6, "members", Random(1))
    assert isinstance(tenant.id, standard.UUID)
    assert (member.account_id, member.plan) == (tenant.id, tenant.plan)
    assert population.pick(6, "members", Random(2), id=member.id) == member


def test_tenants_added_later_make_the_same_rows(new_database: Callable[[], str], tmp_path: Path) -> None:
    once, twice = Database(new_database()), Database(new_database())
    seed(Population(dataset(tmp_path), 12), once.dsn)
    seed(Population(dataset(tmp_path), 5), twice.dsn)
    add_tenants(dataset(tmp_path), 7, twice.dsn)
    assert contents(once) == contents(twice)
    assert check(dataset(tmp_path), twice.dsn).tenants == 12
    with refused("accounts has 12 rows with the keys of the tenants 1 to 12 already"):
        seed(Population(dataset(tmp_path), 12), twice.dsn)


def test_cleaning_takes_the_datasets_tenants_and_what_the_app_made_for_them_alone(fresh: Database, tmp_path: Path) -> None:
    ours = dataset(tmp_path)
    fresh.run(SCHEMA, "SELECT 1")
    fresh.run(
        "INSERT INTO accounts (slug, plan) VALUES ('customer', 'paid'), ('loadtest-0002x', 'free'), ('loadtest-9999', 'free')",
        "INSERT INTO members (account_id, email) SELECT id, slug FROM accounts",
        "SELECT 1",
    )
    before = contents(fresh)
    seed(Population(ours, 8), fresh.dsn)
    member = "(SELECT m.* FROM members m JOIN accounts a ON a.id = m.account_id WHERE slug = 'loadtest-0003' LIMIT 1) m"
    made = f"INSERT INTO notes SELECT 900000, m.account_id, m.id FROM {member}"
    fresh.run(made, "SELECT 1")
    counted = clean(ours, fresh.dsn)
    assert (counted.tenants, counted.found["members"], counted.found["accounts"]) == (8, 40, 8)
    some = clean(ours, fresh.dsn, tenants=2, yes=True)
    assert (some.tenants, some.removed["accounts"]) == (2, 2)
    with refused("was cleaned in part"):
        add_tenants(ours, 1, fresh.dsn)
    rest = clean(ours, fresh.dsn, yes=True)
    assert (rest.removed["accounts"], rest.removed["members"]) == (6, 30)
    assert contents(fresh) == before
    assert fresh.value("SELECT count(*) FROM tenantry.datasets") == 0


def test_what_is_missing_is_found(fresh: Database, tmp_path: Path) -> None:
    seed(Population(dataset(tmp_path), 4), fresh.dsn)
    fresh.run("DELETE FROM notes WHERE id = 1", "ALTER TABLE members DISABLE ROW LEVEL SECURITY", "SELECT 1")
    with refused("notes has", "sees 15 rows of others in members"):
        check(dataset(tmp_path), fresh.dsn)


def test_the_draft_of_such_a_schema_can_be_seeded(fresh: Database, tmp_path: Path) -> None:
    fresh.run(SCHEMA, "SELECT 1")
    made = drafted(tmp_path, fresh)
    assert (made.tenant_table, made.tenant_column, made.users) == ("accounts", "account_id", "members")
    result = seed(Population(made, 6), fresh.dsn)
    assert set(result.verification.isolation) == {"1", "3", "6"}
    assert fresh.value("SELECT count(*) FROM notes") == 60


def test_a_column_of_the_tenant_must_be_one_of_its_table(tmp_path: Path) -> None:
    base = dataset(tmp_path)
    members = {**base.tables["members"].columns, "plan": of_tenant("nobody")}
    wrong = Dataset(
        name="wrong",
        anchor=base.anchor,
        tables={"accounts": base.tables["accounts"], "members": Table(5, members)},
        tenant_table="accounts",
        tenant_column="account_id",
        mark="slug",
    )
    with pytest.raises(UsageError, match="there is no column nobody in accounts"):
        Population(wrong, 2)
