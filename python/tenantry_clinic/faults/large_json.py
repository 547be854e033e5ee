"""A list that selects a large JSON document with each row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.routes.shop import OfClinic
from tenantry_clinic.web import Problem, Visit, answer

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

# Four paragraphs are a kilobyte.
CREATE = """
CREATE TABLE brochures (clinic_id bigint, service_id bigint, document jsonb NOT NULL, PRIMARY KEY (clinic_id, service_id));
INSERT INTO brochures
WITH document AS MATERIALIZED (
    SELECT jsonb_agg(jsonb_build_object('heading', i, 'text', repeat(md5(i::text), 7))) AS whole FROM generate_series(1, {paragraphs}) AS i
)
SELECT clinic_id, id, whole FROM services, document;
ALTER TABLE brochures ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON brochures TO clinic_app
    USING (clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::bigint));
GRANT SELECT ON brochures TO clinic_app;
ANALYZE brochures;
"""
DROP = "DROP TABLE IF EXISTS brochures"
WHOLE = """
SELECT s.id, s.name, s.price, s.minutes, b.document
FROM services s JOIN brochures b ON b.clinic_id = s.clinic_id AND b.service_id = s.id ORDER BY s.name, s.id
"""


async def services(call: Visit, query: OfClinic) -> Response:
    """A clinic's services, for everybody, with their brochures."""
    clinic_id = await call.db.clinic_by_slug(query.clinic, call.timing)
    if clinic_id is None:
        raise Problem(404, "unknown clinic")
    async with call.reading_of(clinic_id) as session:
        rows = await session.fetch(WHOLE)
    found = [{**row, "document": msgspec.json.decode(row["document"])} for row in rows]
    return answer({"clinic": query.clinic, "services": found})


def _create(value: float) -> str:
    return CREATE.format(paragraphs=max(int(value * 4), 1))


def _select_all(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/services"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=services)


fault = Fault(
    summary="the list of services selects each one's brochure, a large JSON document",
    parameter="kilobytes per brochure",
    default=150,
    least=1,
    most=2000,
    symptom="answers of a megabyte; time in the app and in reading TOAST grows with their size, while the statement itself is cheap",
    remedy="select the columns that the page shows, as routes/shop.py does; serve brochures one by one",
    shown=Show("services", "40/s"),
    app=_select_all,
    lay=_create,
    mend=DROP,
)
