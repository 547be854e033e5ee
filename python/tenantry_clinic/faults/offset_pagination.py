"""A list whose pages are found by counting the rows before them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.pages import place_of
from tenantry_clinic.routes.records import RECORDS, RecordPage
from tenantry_clinic.web import Call, answer

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

MARK = "from the archive"
# Each clinic's records, a quarter of an hour apart, before the app's day.
FILL = """
INSERT INTO medical_records (clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
SELECT p.clinic_id, p.id, v.id, timestamptz '2025-12-01 08:00Z' - n * interval '15 minutes', 'Healthy', 'None', '{mark}', 5
FROM (SELECT DISTINCT ON (clinic_id) clinic_id, id FROM pets ORDER BY clinic_id, id) p
JOIN (SELECT DISTINCT ON (clinic_id) clinic_id, id FROM users WHERE role = 'vet' ORDER BY clinic_id, id) v USING (clinic_id)
CROSS JOIN generate_series(1, {records}) AS n;
ANALYZE medical_records;
"""
EMPTY = f"DELETE FROM medical_records WHERE notes = '{MARK}'"
PAGE = " ORDER BY r.visited_at DESC, r.id DESC LIMIT $1 OFFSET $2"


async def records(call: Call, query: RecordPage) -> Response:
    """Medical records, latest first; those of one patient with `pet_id`."""
    offset = place_of(query.after, tuple[int])[0] if query.after else 0
    values: list[object] = [query.limit + 1, offset]
    where = ""
    if query.pet_id:
        values.append(query.pet_id)
        where = " WHERE r.pet_id = $3"
    async with call.reading() as session:
        found = await session.fetch(RECORDS + where + PAGE, *values)
    following = _mark(offset + query.limit) if len(found) > query.limit else None
    return answer({"medical_records": found[: query.limit], "next": following})


def _mark(offset: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([offset])).decode().rstrip("=")


def _fill(value: float) -> str:
    return FILL.format(mark=MARK, records=int(value))


def _count(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/medical-records"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=records)


fault = Fault(
    summary="the pages of medical records are found with OFFSET",
    parameter="older records in each clinic",
    default=15_000,
    least=1,
    most=200_000,
    symptom="a page takes the longer the deeper it lies, though all have as many rows; its statement reads all blocks before it",
    remedy="begin behind the last row of the page before, as pages.py does",
    shown=Show("archive", "1/s", tenants=4),
    app=_count,
    scene=_fill,
    lay=_fill,
    mend=EMPTY,
)
