"""The invoicing service takes its time, and a transaction stays open meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from starlette.responses import Response

from tenantry_clinic.faults import slow_external_call
from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.routes import shop
from tenantry_clinic.web import Call, Problem, answer

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


async def checkout(call: Call, body: shop.Basket) -> Response:
    """Reserve, order, pay, take from stock and register the sale, all or nothing."""
    wanted: Counter[int] = Counter()
    for item in body.items:
        wanted[item.product_id] += item.quantity
    async with call.writing() as session:
        prices = await shop.reserve(session, wanted)
        total = sum((prices[product] * quantity for product, quantity in wanted.items()), Decimal(0))
        order_id = await session.fetchval(shop.ORDER, body.owner_id, total)
        if order_id is None:
            raise Problem(404, "unknown owner")
        await session.execute(shop.ITEMS, order_id, list(wanted), list(wanted.values()))
        await session.execute(shop.PAY, call.identity.clinic_id, order_id, total)
        await session.execute(shop.TAKE_STOCK, list(wanted), list(wanted.values()))
        await session.execute(shop.CLOSE, order_id)
        await call.invoicing.register(order_id, total, call.timing)
    items = [{"product_id": product, "quantity": quantity, "price": prices[product]} for product, quantity in wanted.items()]
    return answer({"id": order_id, "status": "paid", "total": total, "items": items}, 201)


def _call_within(blueprint: Blueprint, value: float) -> None:
    name = "POST /api/checkout"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=checkout)


fault = Fault(
    summary="checkout calls a slow outside service before it commits",
    parameter="milliseconds per call",
    default=400,
    symptom="sessions are idle in transaction for as long as a call takes; requests wait for a connection, until the load ends",
    remedy="call the service after COMMIT, as routes/shop.py does",
    shown=Show("checkout", "40/s"),
    app=_call_within,
    beside=slow_external_call.fault.beside,
)
