"""Products, checkout, and the public list of services."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenantry_clinic.db import Database
from tenantry_clinic.web import Call, Id, Problem, answer, signed_in

if TYPE_CHECKING:
    from tenantry_clinic.db import Connection

PRODUCTS = "SELECT id, sku, name, price, stock, reserved FROM products ORDER BY id"
# All buyers lock in the order of the ids, so that two baskets never wait for each other in a circle.
LOCK = "SELECT id, price, stock - reserved AS available FROM products WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"
RESERVE = """
UPDATE products p SET reserved = p.reserved + b.quantity
FROM unnest($1::bigint[], $2::int[]) AS b (id, quantity) WHERE p.id = b.id
"""
ORDER = """
INSERT INTO orders (clinic_id, owner_id, status, total)
SELECT clinic_id, id, 'pending', $2 FROM users WHERE id = $1 RETURNING id
"""
ITEMS = """
INSERT INTO order_items (clinic_id, order_id, product_id, quantity, price)
SELECT p.clinic_id, $1, p.id, b.quantity, p.price
FROM unnest($2::bigint[], $3::int[]) AS b (id, quantity) JOIN products p ON p.id = b.id
"""
PAY = "INSERT INTO payments (clinic_id, order_id, amount, method) VALUES ($1, $2, $3, 'card')"
TAKE_STOCK = """
UPDATE products p SET stock = p.stock - b.quantity, reserved = p.reserved - b.quantity
FROM unnest($1::bigint[], $2::int[]) AS b (id, quantity) WHERE p.id = b.id
"""
CLOSE = "UPDATE orders SET status = 'paid' WHERE id = $1"
SERVICES = "SELECT id, name, price, minutes FROM services ORDER BY name, id"


class Item(msgspec.Struct):
    """A product and how many of it."""

    product_id: Id
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Basket(msgspec.Struct):
    """Body of a checkout."""

    owner_id: Id
    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=50)]


async def products(call: Call) -> Response:
    """What the clinic sells, with its stock."""
    async with call.reading() as connection:
        return answer({"products": await connection.fetch(PRODUCTS)})


async def checkout(call: Call) -> Response:
    """Reserve, order, pay and take from stock, all or nothing: 409 when stock is short, 404 for an unknown product or owner."""
    basket = await call.body(Basket)
    wanted: dict[int, int] = {}
    for item in basket.items:
        wanted[item.product_id] = wanted.get(item.product_id, 0) + item.quantity
    async with call.writing() as connection:
        prices = await _reserve(connection, wanted)
        total = sum((prices[product] * quantity for product, quantity in wanted.items()), Decimal(0))
        order_id = await connection.fetchval(ORDER, basket.owner_id, total)
        if order_id is None:
            raise Problem(404, "unknown owner")
        await connection.execute(ITEMS, order_id, list(wanted), list(wanted.values()))
        await connection.execute(PAY, call.identity.clinic_id, order_id, total)
        await connection.execute(TAKE_STOCK, list(wanted), list(wanted.values()))
        await connection.execute(CLOSE, order_id)
    items = [{"product_id": product, "quantity": quantity, "price": prices[product]} for product, quantity in wanted.items()]
    return answer({"id": order_id, "status": "paid", "total": total, "items": items}, 201)


async def _reserve(connection: Connection, wanted: dict[int, int]) -> dict[int, Any]:
    """Lock and reserve; the price of each product."""
    locked = await connection.fetch(LOCK, list(wanted))
    if len(locked) < len(wanted):
        raise Problem(404, "unknown product")
    for product in locked:
        if product["available"] < wanted[product["id"]]:
            raise Problem(409, f"of product {product['id']} only {product['available']} are left")
    await connection.execute(RESERVE, list(wanted), list(wanted.values()))
    return {product["id"]: product["price"] for product in locked}


async def services(request: Request) -> Response:
    """A clinic's services, for everybody."""
    slug = request.query_params.get("clinic")
    if not slug:
        raise Problem(422, "clinic must name a clinic")
    db: Database = request.app.state.db
    clinic_id = await db.clinic_by_slug(slug)
    if clinic_id is None:
        raise Problem(404, "unknown clinic")
    async with db.tenant(clinic_id) as connection:
        return answer({"clinic": slug, "services": await connection.fetch(SERVICES)})


routes = [
    Route("/api/products", signed_in(products)),
    Route("/api/checkout", signed_in(checkout), methods=["POST"]),
    Route("/api/services", services),
]
