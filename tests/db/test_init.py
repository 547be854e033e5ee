"""`tenantry init --from-db`: a draft of a schema can be seeded into that schema, and says where a person has to look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_clinic import Database

from tenantry.datasets.find import load_dataset
from tenantry.datasets.load import check, seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError
from tenantry_clinic.dataset import clinic

SCHEMA = """
CREATE TYPE tier AS ENUM ('free', 'it''s paid');
CREATE TABLE countries (code char(2) PRIMARY KEY, name text);
CREATE TABLE rates (id int PRIMARY KEY);
CREATE TABLE orgs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, handle varchar(40) NOT NULL UNIQUE);
CREATE TABLE people (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), org_id int NOT NULL REFERENCES orgs, boss_id uuid REFERENCES people,
    country char(2) REFERENCES countries, rate_id int REFERENCES rates, email varchar(80) NOT NULL UNIQUE, tier tier NOT NULL,
    tags text[] NOT NULL DEFAULT '{}', settings jsonb NOT NULL, initials varchar(4), age smallint,
    shout text GENERATED ALWAYS AS (upper(email)) STORED);
CREATE TABLE projects (
    id bigint PRIMARY KEY, org_id int NOT NULL REFERENCES orgs, lead_id uuid NOT NULL REFERENCES people, code text NOT NULL,
    number int NOT NULL, kind text NOT NULL CHECK (kind = ANY (ARRAY['a', 'b'])), starts timestamp NOT NULL,
    ends timestamp NOT NULL CHECK (ends > starts), low int NOT NULL DEFAULT 0, high int NOT NULL DEFAULT 9, latest_task bigint,
    CHECK (low < high), UNIQUE (org_id, code), UNIQUE (org_id, number));
CREATE TABLE tasks (id bigint PRIMARY KEY, org_id int NOT NULL REFERENCES orgs, project_id bigint NOT NULL REFERENCES projects,
    share double precision, done boolean NOT NULL, price numeric(3,2), place point);
ALTER TABLE projects ADD FOREIGN KEY (latest_task) REFERENCES tasks;
INSERT INTO countries VALUES ('PY', 'Paraguay'), ('DE', 'Germany');
"""
AUDIT = "CREATE TABLE audit (id bigint PRIMARY KEY, org_id int NOT NULL REFERENCES orgs, address inet NOT NULL)"


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


def init(folder: Path, dsn: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tenantry")), "init", "--from-db", *options]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "DATABASE_URL": dsn}, capture_output=True, text=True, check=False, timeout=60
    )


def drafted(folder: Path, database: Database, *options: str) -> Any:
    done = init(folder, database.dsn, *options)
    assert done.returncode == 0, done.stderr
    return load_dataset(str(folder / "dataset.py"))


def test_the_draft_of_the_clinic_can_be_seeded_into_its_schema(fresh: Database, tmp_path: Path) -> None:
    assert clinic.schema and clinic.constraints
    fresh.run(clinic.schema.read_text(), clinic.constraints.read_text(), "SELECT 1")
    dataset = drafted(tmp_path, fresh)
    assert (dataset.tenant_table, dataset.tenant_column, dataset.mark, dataset.users) == ("clinics", "clinic_id", "slug", "users")
    assert (dataset.isolation.role, dataset.isolation.setting) == ("clinic_app", "app.clinic_id")
    assert {"appointments", "order_items", "payments"} < set(dataset.tables)
    with pytest.raises(PopulationError, match="payments_check refuses"):
        seed(Population(dataset, 12), fresh.dsn)
    # What its comment leaves to a person: a payment is of an order or of an invoice.
    draft = (tmp_path / "dataset.py").read_text()
    assert '# CHECK ((num_nonnulls(order_id, invoice_id) = 1))\n        "payments"' in draft
    corrected = draft.replace('reference("orders").nullable(0.2)', 'reference("orders")')
    (tmp_path / "corrected.py").write_text(corrected.replace('                "invoice_id": reference("invoices").nullable(0.2),\n', ""))
    result = seed(Population(load_dataset(str(tmp_path / "corrected.py")), 12), fresh.dsn)
    assert set(result.verification.isolation) == {"1", "6", "12"}
    assert fresh.value("SELECT count(*) FROM invoices WHERE due_on < issued_on") == 0
    assert fresh.value("SELECT count(DISTINCT species) FROM pets") == 5


def test_a_schema_of_many_types_is_drafted_and_seeded(fresh: Database, tmp_path: Path) -> None:
    fresh.run(SCHEMA, "SELECT 1")
    dataset = drafted(tmp_path, fresh)
    text = (tmp_path / "dataset.py").read_text()
    assert "No tenant's, and therefore not here: countries, rates." in text
    for left in (
        "place (point): left to the database: nothing here makes its values",
        "shout (text): the database generates it",
    ):
        assert f"# {left}" in text
    assert "rate_id (integer): left to the database: no value of rates.id" in text
    seed(Population(dataset, 15), fresh.dsn)
    assert fresh.value("SELECT count(*) FROM people") == 150
    assert fresh.value("SELECT max(cardinality(tags)) FROM people") == 3
    assert {row[0] for row in fresh.run("SELECT DISTINCT country FROM people")} == {"PY", "DE", None}
    assert {row[0] for row in fresh.run("SELECT DISTINCT tier::text FROM people")} == {"free", "it's paid"}
    assert fresh.value("SELECT count(*) FROM people p JOIN people b ON b.id = p.boss_id WHERE b.org_id <> p.org_id") == 0
    assert fresh.value("SELECT count(boss_id) FROM people") > 20
    assert fresh.value("SELECT count(*) FROM projects p JOIN people l ON l.id = p.lead_id AND l.org_id = p.org_id") == 150
    latest = "SELECT count(*) FROM projects p JOIN tasks t ON t.id = p.latest_task AND t.org_id = p.org_id"
    assert 100 < fresh.value(latest) == fresh.value("SELECT count(latest_task) FROM projects") < 140
    assert fresh.value("SELECT handle FROM orgs WHERE id = 7") == "loadtest-00007"


def test_what_a_person_has_to_do_is_told_and_nothing_is_written_before(fresh: Database, tmp_path: Path) -> None:
    fresh.run(SCHEMA, AUDIT, "SELECT 1")
    done = init(tmp_path, fresh.dsn)
    assert "to do: audit.address must not be null, and nothing here makes its values" in done.stdout
    assert "# address (inet): TODO: must not be null" in (tmp_path / "dataset.py").read_text()
    with pytest.raises(PopulationError, match=r"audit\.address: must not be null, and the dataset has no such column"):
        seed(Population(load_dataset(str(tmp_path / "dataset.py")), 2), fresh.dsn)
    assert fresh.value("SELECT count(*) FROM orgs") == 0


def test_sizes_are_measured_when_asked_for(fresh: Database, tmp_path: Path) -> None:
    fresh.run(SCHEMA, "SELECT 1")
    (tmp_path / "first").mkdir()
    first = drafted(tmp_path / "first", fresh)
    seed(Population(first, 20), fresh.dsn)
    fresh.run(
        "INSERT INTO tasks SELECT 1000000 + o.id * 1000 + n, o.id, (SELECT min(id) FROM projects p WHERE p.org_id = o.id), 0.5, true"
        " FROM orgs o, generate_series(1, o.id * 10) n",
        "SELECT 1",
    )
    measured = drafted(tmp_path, fresh, "--measure")
    assert measured.tables["people"].per_tenant == 10
    assert measured.tables["tasks"].per_tenant.parameters["knots"] == [10 + 10 * max(at, 1) for at in range(21)]
    sizes = [Population(measured, 200).count("tasks", tenant) for tenant in range(200)]
    assert 20 <= min(sizes) < 40 and 190 < max(sizes) <= 210


def test_the_tables_of_tenants_can_be_named(fresh: Database, tmp_path: Path) -> None:
    fresh.run(
        "CREATE TABLE firms (id bigint PRIMARY KEY, name text)",
        "CREATE TABLE notes (id bigint PRIMARY KEY, firm bigint, body text)",
        "SELECT 1",
    )
    refused = init(tmp_path, fresh.dsn)
    assert refused.returncode == 2 and "no table could be told" in refused.stderr and "firms, notes" in refused.stderr
    dataset = drafted(tmp_path, fresh, "--tenant-table", "firms", "--tenant-column", "firm")
    seed(Population(dataset, 3), fresh.dsn)
    assert check(dataset, fresh.dsn).verification.rows == {"firms": 3, "notes": 30}


def test_a_file_that_is_there_is_left_alone(fresh: Database, tmp_path: Path) -> None:
    (tmp_path / "dataset.py").write_text("precious = 1\n")
    done = init(tmp_path, fresh.dsn)
    assert done.returncode == 2 and "the file is there already" in done.stderr and "--out" in done.stderr
    assert (tmp_path / "dataset.py").read_text() == "precious = 1\n"


def test_without_a_source_the_option_is_named(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("tenantry")), "init"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "--from-db" in done.stderr


def test_the_database_is_only_read(fresh: Database, tmp_path: Path) -> None:
    fresh.run(SCHEMA, "SELECT 1")
    state = "SELECT json_agg(relname ORDER BY relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    before = fresh.value(state)
    drafted(tmp_path, fresh, "--measure")
    assert json.loads(fresh.value(state)) == json.loads(before)


def test_where_there_are_tenants_already_the_draft_begins_far_above_them(fresh: Database, tmp_path: Path) -> None:
    customer = "INSERT INTO orgs OVERRIDING SYSTEM VALUE VALUES (1, 'Customer', 'customer'), (2, 'Another', 'another')"
    fresh.run(SCHEMA, customer, "SELECT 1")
    dataset = drafted(tmp_path, fresh)
    assert dataset.first_key == 1_000_000_000
    seed(Population(dataset, 4), fresh.dsn)
    assert [row["id"] for row in fresh.run("SELECT id FROM orgs ORDER BY id")] == [1, 2, *range(1_000_000_000, 1_000_000_004)]
