"""Prescriptions and their files: metadata in Postgres, bytes on disk under their hash."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from starlette.responses import FileResponse, Response

from tenantry_clinic.files import keep, uploaded_file
from tenantry_clinic.operations import Answer, Area
from tenantry_clinic.rows import columns
from tenantry_clinic.web import NO_NULL, Call, Id, Problem, answer

area = Area("prescriptions")
LARGEST_FILE = 10 * 2**20
# What a file of each type begins with.
BEGINNINGS = {"application/pdf": b"%PDF-", "image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


class Issued(TypedDict):
    """A prescription."""

    id: int
    record_id: int
    pet_id: int
    vet_id: int
    number: str
    drug: str
    dose: str
    days: int
    issued_at: datetime


class Prescription(Issued):
    """A prescription with its vet's name."""

    vet: str


class File(TypedDict):
    """A file of a prescription; `sha256` in hexadecimal digits."""

    id: int
    name: str
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]
    size_bytes: int
    sha256: str


class Attached(File):
    """A file that was just uploaded."""

    prescription_id: int
    uploaded_at: datetime


class WholePrescription(Prescription):
    """A prescription with its files."""

    files: list[File]


class Prescriptions(TypedDict):
    """A patient's prescriptions."""

    prescriptions: list[Prescription]


HEX = "encode(sha256, 'hex')"
PRESCRIPTIONS = f"""
SELECT {columns(Prescription, "p", vet="v.full_name")}
FROM prescriptions p JOIN users v ON v.clinic_id = p.clinic_id AND v.id = p.vet_id
"""
OF_PET = PRESCRIPTIONS + " WHERE p.pet_id = $1 ORDER BY p.issued_at DESC, p.id DESC LIMIT 50"
ONE = PRESCRIPTIONS + " WHERE p.id = $1"
EXISTS = "SELECT EXISTS (SELECT FROM prescriptions WHERE id = $1)"
FILES = f"SELECT {columns(File, sha256=HEX)} FROM prescription_files WHERE prescription_id = $1 ORDER BY id"
FILE = f"SELECT {columns(File, sha256=HEX)} FROM prescription_files WHERE id = $1"
ISSUE = f"""
INSERT INTO prescriptions (clinic_id, record_id, pet_id, vet_id, number, drug, dose, days)
SELECT clinic_id, id, pet_id, vet_id, 'A-' || gen_random_uuid(), $2, $3, $4 FROM medical_records WHERE id = $1
RETURNING {columns(Issued)}
"""
ATTACH = f"""
INSERT INTO prescription_files (clinic_id, prescription_id, name, content_type, size_bytes, sha256)
SELECT clinic_id, id, $2, $3, $4, $5 FROM prescriptions WHERE id = $1
RETURNING {columns(Attached, sha256=HEX)}
"""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=NO_NULL)]


class OfPet(msgspec.Struct):
    """Whose prescriptions."""

    pet_id: Id


class NewPrescription(msgspec.Struct):
    """A drug for what a record says."""

    record_id: Id
    drug: Text
    dose: Text
    days: Annotated[int, msgspec.Meta(ge=1, le=365)]


@area.get("/api/prescriptions", answers=Prescriptions)
async def prescriptions(call: Call, query: OfPet) -> Response:
    """A patient's prescriptions, latest first."""
    async with call.reading() as session:
        found = await session.fetch(OF_PET, query.pet_id)
    return answer({"prescriptions": found})


@area.get("/api/prescriptions/{id}", answers=WholePrescription)
async def one(call: Call, key: int) -> Response:
    """A prescription with its files."""
    async with call.reading() as session:
        found = await session.fetchrow(ONE, key)
        if found is None:
            raise Problem(404, "unknown prescription")
        files = await session.fetch(FILES, key)
    return answer({**found, "files": files})


@area.post("/api/prescriptions", status=201, answers=Issued, problems={404: "The clinic has no such record"})
async def issue(call: Call, body: NewPrescription) -> Response:
    """Prescribe a drug; patient and vet are those of the record."""
    async with call.writing() as session:
        issued = await session.fetchrow(ISSUE, body.record_id, body.drug, body.dose, body.days)
    if issued is None:
        raise Problem(404, "unknown record")
    return answer(issued, 201)


@area.post(
    "/api/prescriptions/{id}/files",
    status=201,
    answers=Attached,
    file="A PDF, JPEG or PNG of at most 10 MiB",
    problems={
        413: "The file is too large",
        415: "Neither PDF nor JPEG nor PNG",
        503: "The database is not available, or the file cannot be kept",
    },
)
async def upload(call: Call, key: int) -> Response:
    """Attach a scan or photograph."""
    async with call.reading() as session:
        if not await session.fetchval(EXISTS, key):
            raise Problem(404, "unknown prescription")
    # No connection of the pool is held while the bytes arrive.
    async with uploaded_file(call.request, "file", LARGEST_FILE) as file:
        kind = file.content_type or ""
        if not file.begins_with(BEGINNINGS.get(kind)):
            raise Problem(415, f"a file must be one of {', '.join(BEGINNINGS)}, and look like it")
        kept = await asyncio.to_thread(keep, file.content, call.settings.files / str(call.identity.clinic_id))
    async with call.writing() as session:
        attached = await session.fetchrow(ATTACH, key, file.name, kind, kept.size, kept.sha256)
    return answer(attached, 201)


@area.get(
    "/api/prescription-files/{id}",
    answers=Any,
    content=tuple(BEGINNINGS),
    problems={
        206: Answer("The range that was asked for", Any, (*BEGINNINGS, "multipart/byteranges")),
        400: Answer("The range is malformed", str, ("text/plain",)),
        416: Answer("The file ends before the range begins", str, ("text/plain",)),
    },
)
async def download(call: Call, key: int) -> Response:
    """A file as it was uploaded."""
    async with call.reading() as session:
        found = await session.fetchrow(FILE, key)
    if found is None:
        raise Problem(404, "unknown file")
    path = call.settings.files / str(call.identity.clinic_id) / found["sha256"]
    if not path.is_file():
        raise Problem(404, "the bytes of this file are gone")
    return FileResponse(path, media_type=found["content_type"], filename=found["name"])
