"""Patients."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, TypedDict

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.pages import page, place_of
from tenantry_clinic.routes.records import RECORDS_OF_ONE, Record
from tenantry_clinic.rows import columns
from tenantry_clinic.web import Call, Problem, answer

area = Area("patients")


class Patient(TypedDict):
    """A pet with its owner's name."""

    id: int
    name: str
    species: Literal["dog", "cat", "bird", "rabbit", "hamster"]
    breed: str
    sex: Literal["female", "male"]
    born_on: date
    weight_kg: float
    owner_id: int
    owner: str


class NextAppointment(TypedDict):
    """An open appointment."""

    id: int
    vet_id: int
    starts_at: datetime
    minutes: int
    status: Literal["scheduled", "confirmed"]
    reason: str


class WholePatient(Patient):
    """A pet with its next appointments and latest records."""

    appointments: list[NextAppointment]
    medical_records: list[Record]


class Patients(TypedDict):
    """A page of patients."""

    patients: list[Patient]
    next: str | None


PATIENTS = f"""
SELECT {columns(Patient, "p", owner="o.full_name")}
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
"""
BY_NAME = " ORDER BY p.name, p.id LIMIT $1"
FIRST_PAGE = PATIENTS + BY_NAME
NEXT_PAGE = PATIENTS + " WHERE (p.name, p.id) > ($2, $3)" + BY_NAME
ONE = PATIENTS + " WHERE p.id = $1"
NEXT_APPOINTMENTS = f"""
SELECT {columns(NextAppointment)} FROM appointments
WHERE pet_id = $1 AND status IN ('scheduled', 'confirmed') ORDER BY starts_at LIMIT 10
"""


class PatientPage(msgspec.Struct):
    """Which patients; `after` is the `next` of the page before."""

    after: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


@area.get("/api/patients", answers=Patients)
async def patients(call: Call, query: PatientPage) -> Response:
    """Patients by name."""
    place = place_of(query.after, tuple[str, int]) if query.after else ()
    async with call.reading() as session:
        found = await session.fetch(NEXT_PAGE if place else FIRST_PAGE, query.limit + 1, *place)
    return answer(page("patients", found, query.limit, ("name", "id")))


@area.get("/api/patients/{id}", answers=WholePatient)
async def one(call: Call, key: int) -> Response:
    """A patient with its next appointments and latest records."""
    async with call.reading() as session:
        patient = await session.fetchrow(ONE, key)
        if patient is None:
            raise Problem(404, "unknown patient")
        appointments = await session.fetch(NEXT_APPOINTMENTS, key)
        records = await session.fetch(RECORDS_OF_ONE, 5, key)
    return answer({**patient, "appointments": appointments, "medical_records": records})
