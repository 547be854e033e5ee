"""A search whose operator is not leakproof, so that row-level security keeps it from its index."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.faults._rows import DROP_PETS, more_pets
from tenantry_clinic.routes.dashboard import _BEHIND_ALL, FOUND_INVOICES, PEOPLE, Wanted
from tenantry_clinic.web import Call, Problem, answer

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

PATIENTS = """
SELECT p.id, p.name, p.species, p.breed, p.owner_id, o.full_name AS owner
FROM pets p JOIN users o ON o.clinic_id = p.clinic_id AND o.id = p.owner_id
WHERE lower(p.name) LIKE lower($1) ORDER BY p.name_key, p.id LIMIT 20
"""


async def search(call: Call, query: Wanted) -> Response:
    """As in routes/dashboard.py, but for how patients are found."""
    wanted = query.q.strip()
    if len(wanted) < 2:
        raise Problem(422, "q must have 2 to 100 characters")
    number = wanted.upper()
    pattern = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    async with call.reading() as session:
        patients = await session.fetch(PATIENTS, pattern)
        people = await session.fetch(PEOPLE, wanted)
        invoices = await session.fetch(FOUND_INVOICES, number, number + _BEHIND_ALL)
    return answer({"q": wanted, "patients": patients, "people": people, "invoices": invoices})


def _like(blueprint: Blueprint, value: float) -> None:
    name = "GET /api/search"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=search)


def _lay(value: float) -> str:
    return f"CREATE INDEX pets_lower_idx ON pets (clinic_id, lower(name) text_pattern_ops); {more_pets(value)}"


fault = Fault(
    summary="search compares with LIKE, which is not leakproof: row-level security keeps it from the index that was made for it",
    parameter="patients of each clinic, beside those that are seeded",
    default=20_000,
    most=1_000_000,
    symptom="search is slow for the app's role, the slower the more patients a clinic has, and fast for the owner, whom no policy binds",
    remedy="WHERE p.name_key >= $1 AND p.name_key < $2, as routes/dashboard.py does",
    shown=Show("search", "30/s", tenants=10),
    app=_like,
    scene=more_pets,
    lay=_lay,
    mend=f"DROP INDEX IF EXISTS pets_lower_idx; {DROP_PETS}",
)
