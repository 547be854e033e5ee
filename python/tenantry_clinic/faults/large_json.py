"""A list that selects a large JSON document with each row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Ground, Show, run_as_owner
from tenantry_clinic.routes.shop import OfClinic
from tenantry_clinic.web import Problem, Visit, answer

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

# About 256 bytes a paragraph, so four are a kilobyte.
ADD = """
ALTER TABLE services ADD COLUMN IF NOT EXISTS brochure jsonb;
WITH brochure AS MATERIALIZED (
    SELECT jsonb_build_object('paragraphs', jsonb_agg(jsonb_build_object('heading', i, 'text', repeat(md5(i::text), 6)))) AS whole
    FROM generate_series(1, {paragraphs}) AS i
)
UPDATE services SET brochure = whole FROM brochure
"""
DROP = "ALTER TABLE services DROP COLUMN IF EXISTS brochure"
REWRITE = "VACUUM FULL services"
WHOLE = "SELECT id, name, price, minutes, brochure FROM services ORDER BY name, id"


@asynccontextmanager
async def _brochures(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    await run_as_owner(ground, ADD.format(paragraphs=max(int(value * 4), 1)))
    try:
        yield {}
    finally:
        await run_as_owner(ground, DROP)
        await run_as_owner(ground, REWRITE)


async def services(call: Visit, query: OfClinic) -> Response:
    """A clinic's services, for everybody, with their brochures."""
    clinic_id = await call.db.clinic_by_slug(query.clinic, call.timing)
    if clinic_id is None:
        raise Problem(404, "unknown clinic")
    async with call.reading_of(clinic_id) as session:
        rows = await session.fetch(WHOLE)
    found = [{**row, "brochure": row["brochure"] and msgspec.json.decode(row["brochure"])} for row in rows]
    return answer({"clinic": query.clinic, "services": found})


def _select_all(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/services"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=services)


fault = Fault(
    summary="the list of services selects each one's brochure, a large JSON document",
    parameter="kilobytes per brochure",
    default=100,
    least=1,
    symptom="answers of hundreds of kilobytes; time in the app and in reading TOAST grows with their size, the statement itself is cheap",
    remedy="select the columns that the page shows, as routes/shop.py does; serve brochures one by one",
    shown=Show("services", "40/s"),
    app=_select_all,
    beside=_brochures,
)
