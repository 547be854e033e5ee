"""Keyset pages against the truth in the database."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from running_clinic import Clinic

LISTS = {
    "patients": ("/api/patients?", "patients", "SELECT id FROM pets WHERE clinic_id = 1 ORDER BY name, id"),
    "records": (
        "/api/medical-records?",
        "medical_records",
        "SELECT id FROM medical_records WHERE clinic_id = 1 ORDER BY visited_at DESC, id DESC",
    ),
    "records of a patient": (
        "/api/medical-records?pet_id=1&",
        "medical_records",
        "SELECT id FROM medical_records WHERE clinic_id = 1 AND pet_id = 1 ORDER BY visited_at DESC, id DESC",
    ),
    "invoices": ("/api/invoices?", "invoices", "SELECT id FROM invoices WHERE clinic_id = 1 ORDER BY issued_on DESC, id DESC"),
    "overdue invoices": (
        "/api/invoices?status=overdue&",
        "invoices",
        "SELECT id FROM invoices WHERE clinic_id = 1 AND status = 'overdue' ORDER BY issued_on DESC, id DESC",
    ),
}
# Rows that differ by nothing but their ids, and keys that are hard to carry around.
EQUAL_KEYS = (
    "UPDATE pets SET name = 'Rex' WHERE id BETWEEN 11 AND 30",
    "UPDATE pets SET name = E'Ñandú \"🐦\" \\\\\\n' WHERE id BETWEEN 31 AND 33",
    "UPDATE medical_records SET visited_at = '2025-01-09 08:00:00.123456Z' WHERE id BETWEEN 5 AND 12",
    "UPDATE invoices SET issued_on = '2025-01-09' WHERE clinic_id = 1 AND id BETWEEN 3 AND 30",
    "SELECT 1",
)


@pytest.fixture(scope="module", autouse=True)
def equal_keys(own_clinic: Clinic) -> None:
    own_clinic.database.run(*EQUAL_KEYS)


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_each_row_once_in_order_also_where_keys_are_equal(own_clinic: Clinic, name: str, limit: int) -> None:
    path, key, truth = LISTS[name]
    pages = list(own_clinic.pages(f"{path}limit={limit}", key))
    expected = [row["id"] for row in own_clinic.database.run(truth)]
    assert [row["id"] for page in pages for row in page] == expected
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_rows_added_and_gone_in_between_move_no_other_row_to_another_page(own_clinic: Clinic) -> None:
    before = [row["id"] for row in own_clinic.database.run(LISTS["patients"][2])]
    seen: list[int] = []
    for number, page in enumerate(own_clinic.pages("/api/patients?limit=9", "patients")):
        seen += [row["id"] for row in page]
        # Before and behind where the page ends, and one with the very name it ends with.
        own_clinic.database.run(
            *(
                f"""INSERT INTO pets (id, clinic_id, owner_id, name, species, breed, sex, born_on, weight_kg)
                SELECT {9000 + 10 * number + offset}, 1, 1, {name}, 'cat', 'x', 'male', '2020-01-01', 1
                FROM pets WHERE id = {page[-1]["id"]}"""
                for offset, name in enumerate(("'AAA'", "name", "'zzz'"))
            ),
            "SELECT 1",
        )
    assert [each for each in seen if each < 9000] == before
    assert len(seen) == len(set(seen))
    own_clinic.database.run("DELETE FROM pets WHERE id >= 9000", "SELECT 1")


def test_a_page_that_ends_with_the_last_row_says_that_there_is_no_other(own_clinic: Clinic) -> None:
    assert own_clinic.get("/api/medical-records?pet_id=1&limit=25").body["next"] is None
    assert own_clinic.get("/api/medical-records?pet_id=1&limit=24").body["next"] is not None


def test_a_patient_without_records_has_an_empty_page_and_a_foreign_one_a_404(own_clinic: Clinic) -> None:
    found = own_clinic.get("/api/medical-records?pet_id=3")
    assert (found.status, found.body) == (200, {"medical_records": [], "next": None})
    assert own_clinic.get("/api/medical-records?pet_id=101").status == 404


def mark(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        *("x", "%C3%BC", "a%20b", mark("{"), mark("[1]"), mark('["x"]'), mark('["x", "y"]'), mark('["x", 1, 2]'), mark(f'["x", {2**64}]')),
        *(mark(r'["a\u0000b", 1]'), mark('["9999-12-31T23:59:59-23:59", 1]'), mark('["0001-01-01T00:00:00+23:59", 1]'), mark("[" * 100)),
    ],
)
@pytest.mark.parametrize("name", ["patients", "records", "invoices"])
def test_a_mark_that_no_page_gave_is_a_422_or_a_page(own_clinic: Clinic, name: str, after: str) -> None:
    path, key, _ = LISTS[name]
    found = own_clinic.get(f"{path}after={after}")
    details: Any = found.body.get("details")
    assert (found.status, details and details[0]["where"]) in ((422, "after"), (422, ""), (200, None))
    assert found.status == 422 or key in found.body
