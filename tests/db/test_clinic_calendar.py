"""Moving and cancelling appointments; the truth is read as the superuser."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from running_clinic import together

if TYPE_CHECKING:
    from running_clinic import Clinic

ONE_SLOT = "SELECT count(*) FROM appointments WHERE vet_id = {vet_id} AND starts_at = '{starts_at}' AND status <> 'cancelled'"


def slot(day: int, hour: int, vet: int = 8) -> dict[str, Any]:
    return {"vet_id": vet, "starts_at": f"2026-03-{day:02}T{hour:02}:00:00Z"}


def booked(clinic: Clinic, where: dict[str, Any], pet: int = 1) -> int:
    answer = clinic.post("/api/appointments", {"pet_id": pet, "slot": where})
    assert answer.status == 201
    number: int = answer.body["id"]
    return number


def row(clinic: Clinic, number: int) -> tuple[Any, ...]:
    found = clinic.database.run(f"SELECT clinic_id, vet_id, starts_at, status FROM appointments WHERE id = {number}")[0]
    return found["clinic_id"], found["vet_id"], found["starts_at"].isoformat(), found["status"]


def test_a_moved_appointment_frees_its_slot_and_takes_the_other(own_clinic: Clinic) -> None:
    old, new = slot(2, 9), slot(2, 11, vet=9)
    number = booked(own_clinic, old)
    moved = own_clinic.patch(f"/api/appointments/{number}", {"slot": new})
    assert (moved.status, moved.body["vet_id"], moved.body["starts_at"]) == (200, 9, new["starts_at"])
    assert row(own_clinic, number) == (1, 9, "2026-03-02T11:00:00+00:00", "scheduled")
    free = own_clinic.get("/api/appointments/slots?date=2026-03-02").body
    assert old in free
    assert new not in free


def test_an_appointment_can_be_moved_to_where_it_is(own_clinic: Clinic) -> None:
    number = booked(own_clinic, slot(3, 9))
    assert own_clinic.patch(f"/api/appointments/{number}", {"slot": slot(3, 9)}).status == 200


def test_a_taken_slot_keeps_out_a_move_and_nothing_changes(own_clinic: Clinic) -> None:
    booked(own_clinic, slot(4, 9))
    number = booked(own_clinic, slot(4, 10))
    assert own_clinic.patch(f"/api/appointments/{number}", {"slot": slot(4, 9)}).status == 409
    assert row(own_clinic, number)[2] == "2026-03-04T10:00:00+00:00"


def test_of_concurrent_moves_to_one_slot_exactly_one_wins(own_clinic: Clinic) -> None:
    numbers = [booked(own_clinic, slot(5, 8 + n)) for n in range(10)]
    wanted = slot(6, 9)
    answers = together(partial(own_clinic.patch, f"/api/appointments/{number}", {"slot": wanted}) for number in numbers)
    assert sorted(answer.status for answer in answers) == [200] + [409] * 9
    assert own_clinic.database.value(ONE_SLOT.format(**wanted)) == 1
    assert own_clinic.database.value("SELECT count(*) FROM appointments WHERE starts_at::date = '2026-03-05'") == 9


def test_two_appointments_that_swap_slots_at_once_never_share_one(own_clinic: Clinic) -> None:
    first, second = slot(9, 9), slot(9, 10)
    numbers = booked(own_clinic, first), booked(own_clinic, second)
    for _ in range(5):
        ways = zip(numbers, (second, first), strict=True)
        answers = together(partial(own_clinic.patch, f"/api/appointments/{number}", {"slot": to}) for number, to in ways)
        assert {answer.status for answer in answers} <= {200, 409, 503}
        assert [own_clinic.database.value(ONE_SLOT.format(**each)) for each in (first, second)] == [1, 1]


def test_a_cancelled_appointment_frees_its_slot_for_one_that_books_it(own_clinic: Clinic) -> None:
    number = booked(own_clinic, slot(10, 9))
    cancelled = own_clinic.post(f"/api/appointments/{number}/cancel", None)
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    assert row(own_clinic, number)[3] == "cancelled"
    assert slot(10, 9) in own_clinic.get("/api/appointments/slots?date=2026-03-10").body
    answers = together(partial(own_clinic.post, "/api/appointments", {"pet_id": pet, "slot": slot(10, 9)}) for pet in range(1, 9))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


def test_an_appointment_is_cancelled_once(own_clinic: Clinic) -> None:
    number = booked(own_clinic, slot(11, 9))
    answers = together(partial(own_clinic.post, f"/api/appointments/{number}/cancel", None) for _ in range(8))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7


def test_what_is_over_or_cancelled_can_neither_be_moved_nor_cancelled(own_clinic: Clinic) -> None:
    done = booked(own_clinic, slot(12, 9))
    own_clinic.database.run(f"UPDATE appointments SET status = 'completed' WHERE id = {done}", "SELECT 1")
    for number in (3, done):
        assert own_clinic.patch(f"/api/appointments/{number}", {"slot": slot(12, 11)}).status == 409
        assert own_clinic.post(f"/api/appointments/{number}/cancel", None).status == 409


@pytest.mark.parametrize("number", [51, 99999, 2**63 - 1])
def test_another_clinics_appointment_can_neither_be_moved_nor_cancelled(own_clinic: Clinic, number: int) -> None:
    assert own_clinic.patch(f"/api/appointments/{number}", {"slot": slot(13, 9)}).status == 404
    assert own_clinic.post(f"/api/appointments/{number}/cancel", None).status == 404
    assert row(own_clinic, 51) == (2, 18, "2026-01-05T08:00:00+00:00", "scheduled")


@pytest.mark.parametrize("vet", [1, 18, 99999])
def test_an_appointment_cannot_be_moved_to_somebody_who_is_no_vet_of_the_clinic(own_clinic: Clinic, vet: int) -> None:
    assert own_clinic.patch("/api/appointments/1", {"slot": slot(13, 9, vet=vet)}).status == 404
    assert row(own_clinic, 1) == (1, 8, "2026-01-05T08:00:00+00:00", "scheduled")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "slot"),
        ({"slot": {}}, "slot.vet_id"),
        ({"slot": {"vet_id": "8", "starts_at": "2026-03-02T09:00:00Z"}}, "slot.vet_id"),
        ({"slot": {"vet_id": 8}}, "slot.starts_at"),
        ({"slot": {"vet_id": 8, "starts_at": "2026-03-02T09:00:00"}}, "slot.starts_at"),
        ({"slot": {"vet_id": 8, "starts_at": "2026-03-02T09:07:00Z"}}, "slot.starts_at"),
        ({"slot": {"vet_id": 8, "starts_at": "2025-03-02T09:00:00Z"}}, "slot.starts_at"),
        ({"slot": {"vet_id": 8, "starts_at": "9999-12-31T23:30:00-12:00"}}, "slot.starts_at"),
        ({"slot": {"vet_id": 8, "starts_at": "0001-01-01T00:00:00+12:00"}}, "slot.starts_at"),
        ([], ""),
    ],
)
def test_a_422_says_where_the_wrong_value_is(own_clinic: Clinic, body: Any, where: str) -> None:
    found = own_clinic.patch("/api/appointments/1", body)
    assert (found.status, found.body["details"][0]["where"]) == (422, where)
    assert found.body["details"][0]["what"] in found.body["error"]
