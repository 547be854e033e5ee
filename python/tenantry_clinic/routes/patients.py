"""Patients and their medical records."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.web import Call, Problem, answer, signed_in

PATIENTS = """
SELECT p.id, p.name, p.species, p.breed, p.sex, p.born_on, p.weight_kg, p.owner_id, o.full_name AS owner
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
"""
PAGE = PATIENTS + " ORDER BY p.name, p.id LIMIT $1 OFFSET $2"
ONE = PATIENTS + " WHERE p.id = $1"
NEXT_APPOINTMENTS = """
SELECT id, vet_id, starts_at, minutes, status, reason FROM appointments
WHERE pet_id = $1 AND status IN ('scheduled', 'confirmed') ORDER BY starts_at LIMIT 10
"""
RECORDS = """
SELECT r.id, r.pet_id, r.vet_id, v.full_name AS vet, r.visited_at, r.diagnosis, r.treatment, r.notes, r.weight_kg
FROM medical_records r JOIN users v ON v.clinic_id = r.clinic_id AND v.id = r.vet_id
"""
RECORDS_OF_ALL = RECORDS + " ORDER BY r.visited_at DESC, r.id DESC LIMIT $1 OFFSET $2"
RECORDS_OF_ONE = RECORDS + " WHERE r.pet_id = $3 ORDER BY r.visited_at DESC, r.id DESC LIMIT $1 OFFSET $2"
RECORDS_PER_PAGE = 20
LAST_PAGE = 100_000


async def page(call: Call) -> Response:
    """Patients by name."""
    number, limit = call.number("page", 1, most=LAST_PAGE), call.number("limit", 20, most=100)
    async with call.reading() as connection:
        total = await connection.fetchval("SELECT count(*) FROM pets")
        patients = await connection.fetch(PAGE, limit, (number - 1) * limit)
    return answer({"page": number, "limit": limit, "total": total, "patients": patients})


async def one(call: Call) -> Response:
    """A patient with its next appointments and latest records."""
    wanted = call.id()
    async with call.reading() as connection:
        patient = await connection.fetchrow(ONE, wanted)
        if patient is None:
            raise Problem(404, "unknown patient")
        appointments = await connection.fetch(NEXT_APPOINTMENTS, wanted)
        records = await connection.fetch(RECORDS_OF_ONE, 5, 0, wanted)
    return answer({**patient, "appointments": appointments, "medical_records": records})


async def medical_records(call: Call) -> Response:
    """Medical records, latest first; those of one patient with `pet_id`."""
    number = call.number("page", 1, most=LAST_PAGE)
    pet_id = call.number("pet_id", 0)
    window = RECORDS_PER_PAGE, (number - 1) * RECORDS_PER_PAGE
    async with call.reading() as connection:
        if pet_id == 0:
            records = await connection.fetch(RECORDS_OF_ALL, *window)
        else:
            records = await connection.fetch(RECORDS_OF_ONE, *window, pet_id)
            if not records and not await connection.fetchval("SELECT EXISTS (SELECT FROM pets WHERE id = $1)", pet_id):
                raise Problem(404, "unknown patient")
    return answer({"page": number, "medical_records": records})


routes = [
    Route("/api/patients", signed_in(page)),
    Route("/api/patients/{id:int}", signed_in(one)),
    Route("/api/medical-records", signed_in(medical_records)),
]
