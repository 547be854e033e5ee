"""Drafts of keys of several columns, circles of references, many-to-many, and times that must not meet: each is seeded into its schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_clinic import Database
from test_init import drafted

from tenantry.datasets.clean import clean
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population
from tenantry.errors import PopulationError

ORDERS = """
CREATE TABLE orgs (id bigint PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE TABLE orders (id uuid PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, code text NOT NULL, UNIQUE (org_id, code));
CREATE TABLE order_lines (
    org_id bigint NOT NULL REFERENCES orgs, order_id uuid REFERENCES orders, line_no smallint, price numeric(8,2) NOT NULL,
    PRIMARY KEY (order_id, line_no));
CREATE TABLE shipments (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, order_id uuid NOT NULL REFERENCES orders, line_no smallint NOT NULL,
    FOREIGN KEY (order_id, line_no) REFERENCES order_lines);
CREATE TABLE claims (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, order_id uuid, line_no smallint,
    FOREIGN KEY (order_id, line_no) REFERENCES order_lines);
CREATE TABLE invoices (order_id uuid PRIMARY KEY REFERENCES orders, org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE people (org_id bigint NOT NULL REFERENCES orgs, id bigint, PRIMARY KEY (org_id, id));
CREATE TABLE labels (id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, word text NOT NULL, UNIQUE (org_id, word));
CREATE TABLE marked (
    org_id bigint NOT NULL REFERENCES orgs, label_id int REFERENCES labels, person_id bigint, since date NOT NULL,
    PRIMARY KEY (org_id, label_id, person_id), FOREIGN KEY (org_id, person_id) REFERENCES people);
CREATE TABLE follows (
    org_id bigint NOT NULL REFERENCES orgs, a bigint NOT NULL, b bigint NOT NULL, PRIMARY KEY (org_id, a, b),
    FOREIGN KEY (org_id, a) REFERENCES people, FOREIGN KEY (org_id, b) REFERENCES people);
CREATE TABLE remarks (id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, code text,
    FOREIGN KEY (org_id, code) REFERENCES orders (org_id, code));
"""
CIRCLE = """
CREATE TABLE orgs (id bigint PRIMARY KEY, slug text NOT NULL UNIQUE, owner_id bigint);
CREATE TABLE departments (id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, head_id uuid, above_id int REFERENCES departments);
CREATE TABLE employees (
    id uuid PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, department_id int NOT NULL REFERENCES departments,
    badge_id bigint NOT NULL, mentor_id uuid REFERENCES employees);
CREATE TABLE badges (id bigint PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, employee_id uuid NOT NULL REFERENCES employees);
ALTER TABLE departments ADD CONSTRAINT head FOREIGN KEY (head_id) REFERENCES employees ON DELETE SET NULL;
ALTER TABLE employees ADD CONSTRAINT "the badge" FOREIGN KEY (badge_id) REFERENCES badges DEFERRABLE;
"""
TIMES = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE orgs (id bigint PRIMARY KEY, slug text NOT NULL UNIQUE);
CREATE TABLE rooms (id uuid PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs);
CREATE TABLE meetings (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, room_id uuid NOT NULL REFERENCES rooms,
    starts_at timestamp NOT NULL, ends_at timestamp NOT NULL, CHECK (ends_at > starts_at),
    EXCLUDE USING gist (room_id WITH =, tsrange(starts_at, ends_at) WITH &&));
CREATE TABLE stays (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, room_id uuid NOT NULL REFERENCES rooms, nights daterange NOT NULL,
    state text NOT NULL CHECK (state IN ('booked', 'gone')),
    EXCLUDE USING gist (room_id WITH =, nights WITH &&) WHERE (state <> 'gone'));
CREATE TABLE shifts (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, "from" date NOT NULL, "to" date NOT NULL,
    EXCLUDE USING gist (org_id WITH =, daterange("from", "to", '[]') WITH &&));
CREATE TABLE calls (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, kind text NOT NULL CHECK (kind IN ('in', 'out')),
    during tstzrange NOT NULL, EXCLUDE USING gist (org_id WITH =, kind WITH =, during WITH &&));
CREATE TABLE readings (
    org_id bigint NOT NULL REFERENCES orgs, room_id uuid REFERENCES rooms, at timestamptz, PRIMARY KEY (room_id, at));
CREATE TABLE days (id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, day date NOT NULL, UNIQUE (org_id, day));
CREATE TABLE areas (
    id int PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, room_id uuid NOT NULL REFERENCES rooms,
    open daterange, other tsrange NOT NULL,
    EXCLUDE USING gist (room_id WITH <>, other WITH &&) WHERE (false));
"""


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


def draft(database: Database, schema: str, folder: Path, *options: str) -> tuple[Any, str]:
    database.run(schema, "SELECT 1")
    return drafted(folder, database, *options), (folder / "dataset.py").read_text()


def test_keys_of_several_columns_are_drafted_and_held(fresh: Database, tmp_path: Path) -> None:
    dataset, text = draft(fresh, ORDERS, tmp_path)
    assert "TODO" not in text
    for line in (
        'per("orders", 3)',
        '"order_id_row": parent().helper()',
        '"line_no": ordinal().typed("smallint")',
        '"line_no": lookup("order_id_row", "line_no")',
        'per("orders", 1)',
        'per("labels", 3)',
        'reference("people", distinct=True)',
    ):
        assert line in text, line
    assert "# code (text): left to the database: orders.code is a text of its own, which cannot be looked up" in text
    seed(Population(dataset, 20), fresh.dsn)
    counts = {"order_lines": 600, "shipments": 200, "invoices": 200, "marked": 600, "follows": 600, "remarks": 200}
    assert {table: fresh.value(f"SELECT count(*) FROM {table}") for table in counts} == counts
    assert (
        fresh.value("SELECT count(DISTINCT (order_id, line_no)) FROM shipments s JOIN order_lines l USING (order_id, line_no, org_id)")
        > 100
    )
    assert {row[0] for row in fresh.run("SELECT DISTINCT line_no FROM order_lines")} == {1, 2, 3}
    assert 20 < fresh.value("SELECT count(*) FROM claims WHERE order_id IS NULL AND line_no IS NULL") < 70
    assert fresh.value("SELECT count(*) FROM claims WHERE (order_id IS NULL) <> (line_no IS NULL)") == 0
    assert check(dataset, fresh.dsn).verification.orphans["shipments.(order_id, line_no)"] == 0
    assert fresh.value("SELECT count(*) FROM follows WHERE a = b") < 120
    assert clean(dataset, fresh.dsn, yes=True).removed["order_lines"] == 600


def test_measured_tables_of_a_parent_have_as_many_rows_as_there(fresh: Database, tmp_path: Path) -> None:
    dataset, _ = draft(fresh, ORDERS, tmp_path)
    seed(Population(dataset, 10), fresh.dsn)
    more = "SELECT org_id, order_id, line_no + 3 * n, price FROM order_lines, generate_series(1, 2) n"
    fresh.run(f"INSERT INTO order_lines {more}", "SELECT 1")
    (tmp_path / "measured").mkdir()
    measured = drafted(tmp_path / "measured", fresh, "--measure")
    assert measured.tables["order_lines"].per_tenant.rows == 9
    assert measured.tables["marked"].per_tenant.rows == 3


@pytest.mark.parametrize("deferrable", ["", "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"])
def test_circles_are_drafted_loaded_and_removed(fresh: Database, tmp_path: Path, deferrable: str) -> None:
    dataset, text = draft(fresh, CIRCLE.replace("DEFERRABLE", deferrable), tmp_path)
    assert "refers back" not in text and "TODO" not in text
    content = "conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated"
    state = f"SELECT json_agg(({content}) ORDER BY conrelid, conname) FROM pg_constraint WHERE contype = 'f'"
    before = fresh.value(state)
    seed(Population(dataset, 8), fresh.dsn)
    add_tenants(dataset, 4, fresh.dsn)
    assert fresh.value(state) == before
    verified = check(dataset, fresh.dsn).verification
    assert verified.rows == {"orgs": 12, "departments": 120, "employees": 120, "badges": 120}
    assert {"departments.head_id", "departments.above_id", "employees.department_id", "employees.badge_id"} < set(verified.orphans)
    own = "SELECT count(*) FROM departments d JOIN employees e ON e.id = d.head_id AND e.org_id = d.org_id"
    assert fresh.value(own) == fresh.value("SELECT count(head_id) FROM departments") > 70
    assert fresh.value("SELECT count(*) FROM employees e JOIN badges b ON b.id = e.badge_id AND b.org_id = e.org_id") == 120
    assert fresh.value("SELECT count(above_id) FROM departments") > 30
    removed = clean(dataset, fresh.dsn, yes=True).removed
    assert removed == {"orgs": 12, "departments": 120, "employees": 120, "badges": 120}


def test_a_row_of_a_circle_that_leads_nowhere_undoes_the_load(fresh: Database, tmp_path: Path) -> None:
    dataset, _ = draft(fresh, CIRCLE, tmp_path)
    fresh.run(
        "CREATE FUNCTION lost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id = gen_random_uuid(); RETURN NEW; END $$",
        "CREATE TRIGGER lost BEFORE INSERT ON employees FOR EACH ROW EXECUTE FUNCTION lost()",
        "SELECT 1",
    )
    with pytest.raises(PopulationError, match=r"a constraint of \w+ refuses the rows"):
        seed(Population(dataset, 3), fresh.dsn)
    assert [fresh.value(f"SELECT count(*) FROM {table}") for table in ("orgs", "employees")] == [0, 0]
    assert fresh.value("SELECT count(*) FROM pg_constraint WHERE conname IN ('head', 'the badge')") == 2


def test_times_that_must_not_meet_are_drafted_and_held(fresh: Database, tmp_path: Path) -> None:
    dataset, text = draft(fresh, TIMES, tmp_path)
    assert "# EXCLUDE" in text.partition('"areas"')[0][-300:] and text.count("# EXCLUDE") == 1
    for line in (
        'reference("rooms", positions=range(10), by="slot")',
        'slot_time("slot", first_day=-30, lanes=10).typed("timestamp")',
        'moment(after("starts_at", minutes=30)).typed("timestamp")',
        '"nights": between("nights_from", "nights_to")',
        'day(after("from"))',
    ):
        assert line in text, line
    seed(Population(dataset, 40), fresh.dsn)
    for table in ("meetings", "stays", "shifts", "calls", "readings", "days", "areas"):
        assert fresh.value(f"SELECT count(*) FROM {table}") == 400
    assert fresh.value("SELECT count(DISTINCT room_id) FROM meetings") > 200
    assert fresh.value("SELECT count(*) FROM meetings WHERE ends_at - starts_at <> interval '30 minutes'") == 0
    assert fresh.value("SELECT count(DISTINCT kind) FROM calls") == 2
    assert fresh.value("SELECT count(*) FROM stays WHERE upper(nights) - lower(nights) <> 1") == 0
    assert fresh.value("SELECT count(*) FROM areas WHERE isempty(other) OR upper(open) - lower(open) <> 1") == 0
    assert 40 < fresh.value("SELECT count(*) FROM areas WHERE open IS NULL") < 120


def test_limits_of_numbers_are_kept(fresh: Database, tmp_path: Path) -> None:
    checks = {
        "quantity int": "quantity BETWEEN 1 AND 9",
        "level smallint": "level >= -3 AND level < 0",
        "price numeric(6,2)": "price > 0",
        "share numeric(3,3)": "share <= 0.5",
        "stock bigint": "stock > 5000",
        "year int": "year <= 1999 AND year > 1989",
    }
    columns = ", ".join(f"{column} NOT NULL CHECK ({check})" for column, check in checks.items())
    schema = f"""CREATE TABLE orgs (id bigint PRIMARY KEY, name text NOT NULL);
        CREATE TABLE goods (id bigint PRIMARY KEY, org_id bigint NOT NULL REFERENCES orgs, {columns});"""
    dataset, text = draft(fresh, schema, tmp_path)
    assert "CHECK" not in text
    seed(Population(dataset, 20), fresh.dsn)
    found = fresh.run("SELECT count(*), count(DISTINCT quantity), count(DISTINCT level), count(DISTINCT price) > 50 FROM goods")[0]
    assert tuple(found) == (200, 9, 3, True)
