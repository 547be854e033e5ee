"""Invoices and their payment."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, TypedDict

import msgspec
from starlette.responses import Response

from tenantry_clinic.operations import Area
from tenantry_clinic.pages import listing, page, place_of
from tenantry_clinic.rows import columns
from tenantry_clinic.web import Call, Problem, answer

area = Area("invoices")


class Invoice(TypedDict):
    """An invoice with its owner's name."""

    id: int
    number: str
    status: Literal["draft", "sent", "paid", "overdue"]
    issued_on: date
    due_on: date
    total: float
    owner_id: int
    owner: str


class Invoices(TypedDict):
    """A page of invoices."""

    status: str | None
    invoices: list[Invoice]
    next: str | None


class NewPayment(TypedDict):
    """A payment."""

    id: int
    amount: float
    method: Literal["card", "cash"]
    paid_at: datetime
    invoice_id: int


INVOICES = f"""
SELECT {columns(Invoice, "i", owner="o.full_name")}
FROM invoices i JOIN users o ON o.clinic_id = i.clinic_id AND o.id = i.owner_id
"""
LATEST = " ORDER BY i.issued_on DESC, i.id DESC LIMIT $1"
ONE = INVOICES + " WHERE i.id = $1"
EXISTS = "SELECT EXISTS (SELECT FROM invoices WHERE id = $1)"
CLOSE = "UPDATE invoices SET status = 'paid' WHERE id = $1 AND status IN ('sent', 'overdue') RETURNING total"
PAY = f"INSERT INTO payments (clinic_id, invoice_id, amount, method) VALUES ($1, $2, $3, $4) RETURNING {columns(NewPayment)}"


class InvoicePage(msgspec.Struct):
    """Which invoices; `after` is the `next` of the page before."""

    status: Literal["draft", "sent", "paid", "overdue"] | None = None
    after: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


class Payment(msgspec.Struct):
    """How it is paid."""

    method: Literal["card", "cash"] = "card"


@area.get("/api/invoices", answers=Invoices)
async def invoices(call: Call, query: InvoicePage) -> Response:
    """Invoices, latest first."""
    conditions: dict[str, tuple[object, ...]] = {
        "i.status = {}": (query.status,) if query.status else (),
        "(i.issued_on, i.id) < ({}, {})": place_of(query.after, tuple[date, int]) if query.after else (),
    }
    statement, values = listing(INVOICES, conditions, LATEST, query.limit)
    async with call.reading() as session:
        found = await session.fetch(statement, *values)
    return answer({"status": query.status, **page("invoices", found, query.limit, ("issued_on", "id"))})


@area.get("/api/invoices/{id}", answers=Invoice)
async def one(call: Call, key: int) -> Response:
    """An invoice."""
    async with call.reading() as session:
        found = await session.fetchrow(ONE, key)
    if found is None:
        raise Problem(404, "unknown invoice")
    return answer(found)


@area.post("/api/invoices/{id}/payments", status=201, answers=NewPayment, problems={409: "A draft, or paid already"})
async def pay(call: Call, key: int, body: Payment) -> Response:
    """Pay an invoice that was sent, whole."""
    async with call.writing() as session:
        total = await session.fetchval(CLOSE, key)
        if total is None:
            known = await session.fetchval(EXISTS, key)
            raise Problem(409, "this invoice is a draft, or paid already") if known else Problem(404, "unknown invoice")
        payment = await session.fetchrow(PAY, call.identity.clinic_id, key, total, body.method)
    return answer(payment, 201)
