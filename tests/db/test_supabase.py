"""The example of Supabase, on a database with its roles and its schema `auth`: users of auth.users, policies by auth.uid()."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from fingerprint import catalog, contents
from running_clinic import Database
from test_seed import refused

from tenantry.datasets import Dataset
from tenantry.datasets.clean import clean
from tenantry.datasets.find import load_dataset
from tenantry.datasets.generate import generate, generated_in
from tenantry.datasets.load import add_tenants, check, seed
from tenantry.datasets.population import Population

EXAMPLE = Path(__file__).parents[2] / "examples" / "supabase"
TABLES = ("auth.users", "projects", "tasks")
SOMEBODY = "00000000-0000-4000-8000-000000000001"
# A real user, and what the seeded user does when it signs in and works.
OTHERS = f"""
    INSERT INTO auth.users (id, email) VALUES ('{SOMEBODY}', 'real@example.com');
    INSERT INTO projects (user_id, title) VALUES ('{SOMEBODY}', 'mine');
    INSERT INTO auth.sessions SELECT gen_random_uuid(), id, now() FROM auth.users;
    INSERT INTO auth.refresh_tokens (token, user_id, session_id) SELECT id::text, user_id::text, id FROM auth.sessions;
"""


@pytest.fixture
def dataset() -> Dataset:
    return load_dataset(str(EXAMPLE / "dataset.py"))


@pytest.fixture
def project(new_database: Callable[[], str]) -> Database:
    """A project of Supabase with the app's migration."""
    database = Database(new_database())
    database.run(Path(__file__).with_name("supabase_auth.sql").read_text(), (EXAMPLE / "migration.sql").read_text(), "SELECT 1")
    return database


def seen(database: Database, role: str, user: UUID | None) -> list[int]:
    """How many projects and tasks a role sees, as PostgREST asks: with the claims of a token."""
    claims = json.dumps({"sub": str(user), "role": role}) if user else ""
    as_role = (f"SET ROLE {role}", f"SELECT set_config('request.jwt.claims', '{claims}', false)")
    return [database.value(*as_role, f"SELECT count(*) FROM {table}") for table in ("projects", "tasks")]


def test_users_see_their_own_rows_and_nobody_else_sees_any(dataset: Dataset, project: Database) -> None:
    population, shape = Population(dataset, 30), catalog(project)
    result = seed(population, project.dsn)
    assert catalog(project) == shape
    assert set(result.verification.isolation) == {"1", "15", "30"}
    assert result.verification.not_checked == ["isolation of auth.users: the role authenticated may not read there at all"]
    users = [row[0] for row in project.run("SELECT id FROM auth.users ORDER BY email")]
    for number in (0, 7, 29):
        assert seen(project, "authenticated", users[number]) == [population.count(table, number) for table in ("projects", "tasks")]
    assert seen(project, "authenticated", UUID(SOMEBODY)) == [0, 0]
    assert seen(project, "authenticated", None) == [0, 0]
    assert project.value("SELECT count(*) FROM auth.users WHERE confirmed_at >= created_at") == 30


def test_more_users_and_files_make_the_same_rows(dataset: Dataset, project: Database, tmp_path: Path) -> None:
    generate(Population(dataset, 20), tmp_path)
    seed(Population(dataset, 20), project.dsn, files=generated_in(tmp_path, dataset, tenants=20))
    loaded = contents(project, TABLES)
    clean(dataset, project.dsn, yes=True)
    seed(Population(dataset, 12), project.dsn)
    add_tenants(dataset, 8, project.dsn)
    assert contents(project, TABLES) == loaded
    assert check(dataset, project.dsn).tenants == 20


def test_real_users_outlive_a_clean_and_sessions_of_seeded_ones_do_not(dataset: Dataset, project: Database) -> None:
    seed(Population(dataset, 10), project.dsn)
    project.run(OTHERS, "SELECT 1")
    result = clean(dataset, project.dsn, yes=True)
    assert (result.tenants, result.removed["auth.users"]) == (10, 10)
    for table in ("auth.sessions", "auth.refresh_tokens", "projects"):
        assert [str(row[0]) for row in project.run(f"SELECT user_id FROM {table}")] == [SOMEBODY]
    assert project.value("SELECT string_agg(email, ',') FROM auth.users") == "real@example.com"


def test_a_policy_that_lets_everybody_in_is_noticed(dataset: Dataset, project: Database) -> None:
    project.run("CREATE POLICY open ON tasks FOR SELECT TO authenticated USING (true)", "SELECT 1")
    with refused("tenants are not kept apart", "rows of others in tasks"):
        seed(Population(dataset, 5), project.dsn)
    assert project.value("SELECT count(*) FROM auth.users") == 0
