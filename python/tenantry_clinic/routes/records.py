"""Medical records."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, TypedDict

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.pages import listing, page, place_of
from tenantry_clinic.rows import columns
from tenantry_clinic.web import NO_NULL, Call, Id, Problem, answer

area = Area("records")


class Written(TypedDict):
    """A medical record."""

    id: int
    pet_id: int
    vet_id: int
    visited_at: datetime.datetime
    diagnosis: str
    treatment: str
    notes: str
    weight_kg: float


class Record(Written):
    """A medical record with its vet's name."""

    vet: str


class Prescribed(TypedDict):
    """What was prescribed."""

    id: int
    number: str
    drug: str
    dose: str
    days: int
    issued_at: datetime.datetime


class WholeRecord(Record):
    """A medical record with its prescriptions."""

    prescriptions: list[Prescribed]


class Records(TypedDict):
    """A page of medical records."""

    medical_records: list[Record]
    next: str | None


RECORDS = f"""
SELECT {columns(Record, "r", vet="v.full_name")}
FROM medical_records r JOIN users v ON v.clinic_id = r.clinic_id AND v.id = r.vet_id
"""
LATEST = " ORDER BY r.visited_at DESC, r.id DESC LIMIT $1"
RECORDS_OF_ONE = RECORDS + " WHERE r.pet_id = $2" + LATEST
ONE = RECORDS + " WHERE r.id = $1"
PRESCRIPTIONS = f"SELECT {columns(Prescribed)} FROM prescriptions WHERE record_id = $1 ORDER BY id"
# As for appointments: no row unless pet and vet are of this clinic.
ADD = f"""
INSERT INTO medical_records (clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT p.clinic_id, p.id, v.id, now(), $3, $4, $5, $6
FROM pets p JOIN users v ON v.clinic_id = p.clinic_id
WHERE p.id = $1 AND v.id = $2 AND v.role = 'vet'
RETURNING {columns(Written)}
"""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=NO_NULL)]


class RecordPage(msgspec.Struct):
    """Which records; `after` is the `next` of the page before."""

    pet_id: Id | None = None
    after: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


class NewRecord(msgspec.Struct):
    """What was found and done."""

    pet_id: Id
    vet_id: Id
    diagnosis: Text
    treatment: Text
    weight_kg: Annotated[float, msgspec.Meta(ge=0.01, le=999.99)]
    notes: Annotated[str, msgspec.Meta(max_length=4000, pattern=NO_NULL)] = ""


@area.get("/api/medical-records", answers=Records, problems={404: "The clinic has no such patient"})
async def records(call: Call, query: RecordPage) -> Response:
    """Medical records, latest first; those of one patient with `pet_id`."""
    conditions: dict[str, tuple[object, ...]] = {
        "r.pet_id = {}": (query.pet_id,) if query.pet_id else (),
        "(r.visited_at, r.id) < ({}, {})": place_of(query.after, tuple[datetime.datetime, int]) if query.after else (),
    }
    statement, values = listing(RECORDS, conditions, LATEST, query.limit)
    async with call.reading() as session:
        found = await session.fetch(statement, *values)
        known = found or not query.pet_id or await session.fetchval("SELECT EXISTS (SELECT FROM pets WHERE id = $1)", query.pet_id)
    if not known:
        raise Problem(404, "unknown patient")
    return answer(page("medical_records", found, query.limit, ("visited_at", "id")))


@area.get("/api/medical-records/{id}", answers=WholeRecord)
async def one(call: Call, key: int) -> Response:
    """A record with its prescriptions."""
    async with call.reading() as session:
        found = await session.fetchrow(ONE, key)
        if found is None:
            raise Problem(404, "unknown record")
        prescriptions = await session.fetch(PRESCRIPTIONS, key)
    return answer({**found, "prescriptions": prescriptions})


@area.post("/api/medical-records", status=201, answers=Written, problems={404: "The clinic has no such pet or vet"})
async def add(call: Call, body: NewRecord) -> Response:
    """Write down a visit."""
    values = body.pet_id, body.vet_id, body.diagnosis, body.treatment, body.notes, Decimal(f"{body.weight_kg:.2f}")
    async with call.writing() as session:
        added = await session.fetchrow(ADD, *values)
    if added is None:
        raise Problem(404, "unknown pet or vet")
    return answer(added, 201)
