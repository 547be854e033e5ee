"""Search: what it finds, and that it finds it by its index although row-level security stands before it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tenantry_clinic.db import Database
from tenantry_clinic.routes import dashboard
from tenantry_clinic.settings import Settings

if TYPE_CHECKING:
    from running_clinic import Clinic

NAMES = ("Ñandú", "ñusta", "Ágata", "ágil", "Ödön", "100%_real", "100 percent", "a'b\\c", "Zoë Ⓩ", "ÜBER")


@pytest.fixture(scope="module", autouse=True)
def many_names(own_clinic: Clinic) -> None:
    """Both clinics have these names, and ten thousand others and as many invoices each."""
    rows = ", ".join("({}, '{}')".format(1000 + number, name.replace("'", "''")) for number, name in enumerate(NAMES))
    own_clinic.database.run(
        f"""INSERT INTO pets (id, clinic_id, owner_id, name, species, breed, sex, born_on, weight_kg)
        SELECT id + c * 1000, c, c * 10 - 9, name, 'cat', 'x', 'male', '2020-01-01', 1
        FROM (VALUES {rows}) v (id, name), generate_series(1, 2) c""",
        """INSERT INTO pets (id, clinic_id, owner_id, name, species, breed, sex, born_on, weight_kg)
        SELECT 10000 + n, 1 + n % 2, CASE n % 2 WHEN 0 THEN 1 ELSE 11 END, 'Mass' || md5(n::text), 'cat', 'x', 'male', '2020-01-01', 1
        FROM generate_series(1, 20000) n""",
        """INSERT INTO invoices (id, clinic_id, owner_id, number, status, issued_on, due_on, total)
        SELECT 10000 + n, 1 + n % 2, CASE n % 2 WHEN 0 THEN 1 ELSE 11 END, 'MASS-' || n, 'paid', '2024-01-01', '2024-02-01', 1
        FROM generate_series(1, 20000) n""",
        "UPDATE users SET full_name = 'Ñora Ölander' WHERE id IN (4, 14)",
        "ANALYZE",
        "SELECT 1",
    )


def found(clinic: Clinic, q: str) -> set[str]:
    return {patient["name"] for patient in clinic.get(f"/api/search?q={quote(q)}").body["patients"]}


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("ña", {"Ñandú"}),
        ("ÑA", {"Ñandú"}),
        ("ÑU", {"ñusta"}),
        ("ág", {"Ágata", "ágil"}),
        ("ÁG", {"Ágata", "ágil"}),
        ("ödö", {"Ödön"}),
        ("über", {"ÜBER"}),
        ("zoë ⓩ", set()),
        ("Zoë Ⓩ", {"Zoë Ⓩ"}),
        ("100", {"100%_real", "100 percent", *(f"100%_real{n}" for n in range(91, 101))}),
        ("100%", {"100%_real", *(f"100%_real{n}" for n in range(91, 101))}),
        ("10__", set()),
        ("%%", set()),
        ("a'b\\", {"a'b\\c"}),
        ("  ágil  ", {"ágil"}),
        ("andú", set()),
    ],
)
def test_search_finds_names_by_their_beginning_whatever_their_case_and_accents(own_clinic: Clinic, q: str, names: set[str]) -> None:
    assert found(own_clinic, q) == names


def test_search_finds_people_by_first_and_last_name_and_invoices_by_number_of_the_own_clinic(own_clinic: Clinic) -> None:
    for q in ("ñor", "öla", "Ñora Ö"):
        assert [person["id"] for person in own_clinic.get(f"/api/search?q={quote(q)}").body["people"]] == [4]
    assert [invoice["id"] for invoice in own_clinic.get("/api/search?q=inv-39", clinic=2).body["invoices"]] == [139]
    assert {patient["id"] for patient in own_clinic.get("/api/search?q=rex1", clinic=2).body["patients"]} == {101, *range(110, 120)}


def test_what_the_app_asks_is_an_index_scan_under_row_level_security(own_clinic: Clinic) -> None:
    async def plan(query: str, *values: str) -> str:
        async with Database.connect(Settings(own_clinic.database.dsn, pool=1)) as db, db.tenant(1) as session:
            return "\n".join(row[0] for row in await session.fetch(f"EXPLAIN {query}", *values))

    patients = asyncio.run(plan(dashboard.PATIENTS, "massa"))
    (condition,) = [line for line in patients.splitlines() if "Index Cond" in line and "name_key" in line]
    assert "name_key >= " in condition
    assert "name_key <= " in condition
    assert "pets_name_key_idx" in patients
    invoices = asyncio.run(plan(dashboard.FOUND_INVOICES, "INV-3", "INV-3z"))
    assert [line for line in invoices.splitlines() if "Index Cond" in line and "number >= " in line]


def test_a_search_with_like_would_not_use_the_index(own_clinic: Clinic) -> None:
    """Why the app compares instead: LIKE is not leakproof."""
    context = ("BEGIN", "SELECT set_config('app.clinic_id', '1', true)")
    query = "EXPLAIN SELECT id FROM pets WHERE name_key LIKE 'massa%'"
    plan = "\n".join(row[0] for row in own_clinic.database.run(*context, query, user="clinic_app"))
    assert not [line for line in plan.splitlines() if "Index Cond" in line and "name_key" in line]
