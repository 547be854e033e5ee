"""The heavy page: a practice in figures over months."""

from __future__ import annotations

import datetime
from typing import Annotated, TypedDict

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.web import Call, answer, midnight

area = Area("reports")


class Month(TypedDict):
    """A month's invoices."""

    month: datetime.date
    invoices: int
    invoiced: float
    paid: float


class Visits(TypedDict):
    """A month's visits to a vet with one species."""

    month: datetime.date
    vet: str
    species: str
    visits: int
    patients: int
    mean_weight_kg: float


class Diagnosis(TypedDict):
    """How often something was found."""

    diagnosis: str
    cases: int
    recent: int
    rank: int


class Debtor(TypedDict):
    """Who owes how much."""

    owner_id: int
    owner: str
    unpaid: int
    owed: float
    oldest_due_on: datetime.date


class Weekday(TypedDict):
    """A vet's appointments on one day of the week, Monday being 1."""

    vet: str
    weekday: int
    appointments: int
    cancelled_percent: float


Practice = TypedDict(
    "Practice",
    {
        "from": datetime.date,
        "to": datetime.date,
        "revenue": list[Month],
        "visits": list[Visits],
        "diagnoses": list[Diagnosis],
        "debtors": list[Debtor],
        "utilisation": list[Weekday],
    },
)

REVENUE = """
SELECT date_trunc('month', i.issued_on)::date AS month, count(*) AS invoices, sum(i.total) AS invoiced,
    coalesce(sum(i.total) FILTER (WHERE i.status = 'paid'), 0) AS paid
FROM invoices i WHERE i.status <> 'draft' AND i.issued_on >= $1 AND i.issued_on < $2 GROUP BY 1 ORDER BY 1
"""
VISITS = """
SELECT date_trunc('month', r.visited_at AT TIME ZONE 'UTC')::date AS month, v.full_name AS vet, p.species, count(*) AS visits,
    count(DISTINCT r.pet_id) AS patients, round(avg(r.weight_kg), 2) AS mean_weight_kg
FROM medical_records r
JOIN pets p ON p.clinic_id = r.clinic_id AND p.id = r.pet_id
JOIN users v ON v.clinic_id = r.clinic_id AND v.id = r.vet_id
WHERE r.visited_at >= $1 AND r.visited_at < $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
DIAGNOSES = """
SELECT diagnosis, count(*) AS cases, count(*) FILTER (WHERE visited_at >= $2::timestamptz - interval '30 days') AS recent,
    rank() OVER (ORDER BY count(*) DESC) AS rank
FROM medical_records WHERE visited_at >= $1 AND visited_at < $2 GROUP BY diagnosis ORDER BY cases DESC, diagnosis LIMIT 10
"""
DEBTORS = """
SELECT o.id AS owner_id, o.full_name AS owner, count(*) AS unpaid, sum(i.total) AS owed, min(i.due_on) AS oldest_due_on
FROM invoices i JOIN users o ON o.clinic_id = i.clinic_id AND o.id = i.owner_id
WHERE i.status IN ('sent', 'overdue') GROUP BY 1, 2 ORDER BY owed DESC, 1 LIMIT 10
"""
UTILISATION = """
SELECT v.full_name AS vet, extract(isodow FROM a.starts_at AT TIME ZONE 'UTC')::int AS weekday, count(*) AS appointments,
    round(100.0 * count(*) FILTER (WHERE a.status = 'cancelled') / count(*), 1) AS cancelled_percent
FROM appointments a JOIN users v ON v.clinic_id = a.clinic_id AND v.id = a.vet_id GROUP BY 1, 2 ORDER BY 1, 2
"""


class Span(msgspec.Struct):
    """How many months back from today."""

    months: Annotated[int, msgspec.Meta(ge=1, le=60)] = 12


@area.get("/api/reports/practice", answers=Practice)
async def practice(call: Call, query: Span) -> Response:
    """Revenue, visits, diagnoses, debtors and the vets' time."""
    today = call.settings.today()
    first = _months_back(today, query.months)
    span = midnight(first), midnight(today, 1)
    async with call.reading() as session:
        revenue = await session.fetch(REVENUE, first, today + datetime.timedelta(1))
        visits = await session.fetch(VISITS, *span)
        diagnoses = await session.fetch(DIAGNOSES, *span)
        debtors = await session.fetch(DEBTORS)
        utilisation = await session.fetch(UTILISATION)
    found = {"revenue": revenue, "visits": visits, "diagnoses": diagnoses, "debtors": debtors, "utilisation": utilisation}
    return answer({"from": first, "to": today, **found})


def _months_back(day: datetime.date, months: int) -> datetime.date:
    """The first day of the month that lies `months` before that of `day`."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return datetime.date(years, month + 1, 1)
