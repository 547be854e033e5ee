"""A table that refers to another one without an index on the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.routes import appointments
from tenantry_clinic.routes.appointments import BOOK, SLOT_MINUTES, Booking
from tenantry_clinic.web import Call, Problem, answer

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

HOLD = "INSERT INTO slot_holds (clinic_id, vet_id, starts_at) VALUES ($1, $2, $3) RETURNING id"
LET_GO = "DELETE FROM slot_holds WHERE id = $1"


async def book(call: Call, body: Booking) -> Response:
    """Hold the slot, book it, let the hold go."""
    starts_at = appointments._checked(body.slot, call.settings.today())
    try:
        async with call.writing() as session:
            hold = await session.fetchval(HOLD, call.identity.clinic_id, body.slot.vet_id, starts_at)
            booked = await session.fetchrow(BOOK, body.pet_id, body.slot.vet_id, starts_at, SLOT_MINUTES, body.reason)
            await session.execute(LET_GO, hold)
    except asyncpg.UniqueViolationError:
        raise Problem(409, "this slot is taken") from None
    if booked is None:
        raise Problem(404, "unknown pet or vet")
    return answer(booked, 201)


def _hold(blueprint: Blueprint, value: float) -> None:
    name = "POST /api/appointments"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=book)


def _tables(value: float) -> str:
    return f"""
CREATE TABLE slot_holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, clinic_id bigint NOT NULL, vet_id bigint NOT NULL, starts_at timestamptz NOT NULL
);
CREATE TABLE slot_hold_notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hold_id bigint NOT NULL REFERENCES slot_holds (id), sent_at timestamptz NOT NULL
);
ALTER TABLE slot_holds ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON slot_holds TO clinic_app
    USING (clinic_id = (SELECT nullif(current_setting('app.clinic_id', true), '')::bigint));
GRANT SELECT, INSERT, DELETE ON slot_holds TO clinic_app;
INSERT INTO slot_holds (clinic_id, vet_id, starts_at) SELECT 0, 0, now() FROM generate_series(1, 1000);
INSERT INTO slot_hold_notices (hold_id, sent_at) SELECT 1 + n % 1000, now() FROM generate_series(1, {value:.0f}) AS n;
ANALYZE slot_holds, slot_hold_notices;
"""


fault = Fault(
    summary="a table refers to the one that bookings delete from, and has no index on its foreign key",
    parameter="rows of the table that refers",
    default=200_000,
    least=1,
    most=10_000_000,
    symptom="bookings are slow: for each row that they delete, the check of the foreign key reads all of the other table",
    remedy="CREATE INDEX ON slot_hold_notices (hold_id)",
    shown=Show("booking", "30/s"),
    app=_hold,
    lay=_tables,
    mend="DROP TABLE IF EXISTS slot_hold_notices, slot_holds",
)
