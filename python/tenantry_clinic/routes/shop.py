"""Products, checkout, and the public list of services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import asyncpg
import msgspec
from starlette.responses import Response

from tenantry_clinic.db import Session
from tenantry_clinic.operations import Area
from tenantry_clinic.rows import columns
from tenantry_clinic.web import NO_NULL, Call, Id, Problem, Visit, answer

area = Area("shop")


class Product(TypedDict):
    """A product and its stock."""

    id: int
    sku: str
    name: str
    price: float
    stock: int
    reserved: int


class Products(TypedDict):
    """What a clinic sells."""

    products: list[Product]


class Sold(TypedDict):
    """A line of an order."""

    product_id: int
    quantity: int
    price: float


class Sale(TypedDict):
    """An order that was just paid."""

    id: int
    status: Literal["pending", "paid"]
    total: float
    items: list[Sold]


class OrderHead(TypedDict):
    """An order without its lines."""

    id: int
    owner_id: int
    status: Literal["pending", "paid"]
    total: float
    created_at: datetime


class Order(OrderHead):
    """An order."""

    items: list[Sold]


class Service(TypedDict):
    """What a clinic offers."""

    id: int
    name: str
    price: float
    minutes: int


class Services(TypedDict):
    """A clinic's services."""

    clinic: str
    services: list[Service]


PRODUCTS = f"SELECT {columns(Product)} FROM products ORDER BY id"
DELIVER = f"UPDATE products SET stock = stock + $2 WHERE id = $1 RETURNING {columns(Product)}"
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
ONE = f"SELECT {columns(OrderHead)} FROM orders WHERE id = $1"
ITEMS_OF = f"SELECT {columns(Sold)} FROM order_items WHERE order_id = $1 ORDER BY product_id"
SERVICES = f"SELECT {columns(Service)} FROM services ORDER BY name, id"


class Item(msgspec.Struct):
    """A product and how many of it."""

    product_id: Id
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Basket(msgspec.Struct):
    """Who buys what."""

    owner_id: Id
    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=50)]


class Delivery(msgspec.Struct):
    """How many have come in."""

    quantity: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class OfClinic(msgspec.Struct):
    """Whose services: the clinic's short name."""

    clinic: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NO_NULL)]


@area.get("/api/products", answers=Products)
async def products(call: Call) -> Response:
    """What the clinic sells, with its stock."""
    async with call.reading() as session:
        found = await session.fetch(PRODUCTS)
    return answer({"products": found})


@area.post("/api/products/{id}/deliveries", answers=Product, problems={409: "The stock would be larger than can be counted"})
async def deliver(call: Call, key: int, body: Delivery) -> Response:
    """Put what was delivered into stock."""
    try:
        async with call.writing() as session:
            product = await session.fetchrow(DELIVER, key, body.quantity)
    except asyncpg.NumericValueOutOfRangeError:
        raise Problem(409, "the stock would be larger than can be counted") from None
    if product is None:
        raise Problem(404, "unknown product")
    return answer(product)


@area.post(
    "/api/checkout",
    status=201,
    answers=Sale,
    problems={
        404: "The clinic has no such product or owner",
        409: "The stock is short",
        503: "The database is not available; or the order is paid, but could not be registered",
    },
)
async def checkout(call: Call, body: Basket) -> Response:
    """Reserve, order, pay and take from stock, all or nothing."""
    wanted: dict[int, int] = {}
    for item in body.items:
        wanted[item.product_id] = wanted.get(item.product_id, 0) + item.quantity
    async with call.writing() as session:
        prices = await reserve(session, wanted)
        total = sum((prices[product] * quantity for product, quantity in wanted.items()), Decimal(0))
        order_id = await session.fetchval(ORDER, body.owner_id, total)
        if order_id is None:
            raise Problem(404, "unknown owner")
        await session.execute(ITEMS, order_id, list(wanted), list(wanted.values()))
        await session.execute(PAY, call.identity.clinic_id, order_id, total)
        await session.execute(TAKE_STOCK, list(wanted), list(wanted.values()))
        await session.execute(CLOSE, order_id)
    # No connection and no lock is held while the outside service takes its time.
    await call.invoicing.register(order_id, total, call.timing)
    items = [{"product_id": product, "quantity": quantity, "price": prices[product]} for product, quantity in wanted.items()]
    return answer({"id": order_id, "status": "paid", "total": total, "items": items}, 201)


async def reserve(session: Session, wanted: Mapping[int, int]) -> dict[int, Any]:
    """Lock and reserve; the price of each product."""
    locked = await session.fetch(LOCK, list(wanted))
    if len(locked) < len(wanted):
        raise Problem(404, "unknown product")
    for product in locked:
        if product["available"] < wanted[product["id"]]:
            raise Problem(409, f"of product {product['id']} only {product['available']} are left")
    await session.execute(RESERVE, list(wanted), list(wanted.values()))
    return {product["id"]: product["price"] for product in locked}


@area.get("/api/orders/{id}", answers=Order)
async def order(call: Call, key: int) -> Response:
    """An order with its items."""
    async with call.reading() as session:
        found = await session.fetchrow(ONE, key)
        if found is None:
            raise Problem(404, "unknown order")
        items = await session.fetch(ITEMS_OF, key)
    return answer({**found, "items": items})


@area.get("/api/services", public=True, answers=Services, problems={404: "There is no such clinic"})
async def services(call: Visit, query: OfClinic) -> Response:
    """A clinic's services, for everybody."""
    clinic_id = await call.db.clinic_by_slug(query.clinic, call.timing)
    if clinic_id is None:
        raise Problem(404, "unknown clinic")
    async with call.reading_of(clinic_id) as session:
        found = await session.fetch(SERVICES)
    return answer({"clinic": query.clinic, "services": found})
