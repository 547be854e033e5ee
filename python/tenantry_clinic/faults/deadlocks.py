"""Rows that are locked in the order of the basket."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tenantry_clinic.faults._model import SLOW_COMMIT, Fault, Show
from tenantry_clinic.routes import shop
from tenantry_clinic.routes.shop import Basket
from tenantry_clinic.web import Call

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint
    from tenantry_clinic.db import Database, Session

LOCK = "SELECT price FROM products WHERE id = $1 FOR UPDATE"


class _LocksFirst:
    """A database whose transactions begin with the locks of these products, one by one."""

    def __init__(self, database: Database, products: list[int]) -> None:
        self._database, self._products = database, products

    @asynccontextmanager
    async def tenant(self, *arguments: Any, **options: Any) -> AsyncIterator[Session]:
        async with self._database.tenant(*arguments, **options) as session:
            for product in self._products:
                await session.execute(LOCK, product)
            yield session


def _unsorted(blueprint: Blueprint, value: float) -> None:
    async def checkout(call: Call, body: Basket) -> Response:
        """Reserve, order, pay and take from stock; baskets as they were filled, which the load has sorted."""
        products = [item.product_id for item in body.items]
        if random.random() < value:
            random.shuffle(products)
        database: Any = _LocksFirst(call.db, products)
        return await shop.checkout(replace(call, db=database), body)

    name = "POST /api/checkout"
    blueprint.operations[name] = replace(blueprint.operations[name], endpoint=checkout)


fault = Fault(
    summary="checkout locks products in the order of the basket in place of that of their ids",
    parameter="share of the baskets that are in an order of their own",
    default=1,
    most=1,
    symptom="checkouts fail with status 503 after a second (deadlock detected, SQLSTATE 40P01), and others wait behind them",
    remedy="SELECT ... ORDER BY id FOR UPDATE, as routes/shop.py does",
    # Found sooner than after the second that is the default: else the app hardly recovers from the first.
    shown=Show("full_baskets", "40/s", moves="failures", tenants=1, server=SLOW_COMMIT | {"deadlock_timeout": "200ms"}),
    app=_unsorted,
)
