"""A new database connection for every transaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tenantry_clinic.db import Database
from tenantry_clinic.faults._model import Fault, Show

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint


def _churn(blueprint: Blueprint, value: float) -> None:
    blueprint.open_database = partial(Database.connect, max_queries=int(value))


fault = Fault(
    summary="a database connection is closed after its first transaction, and another one opened",
    parameter="queries after which a connection is closed",
    default=1,
    least=1,
    symptom="Postgres starts as many sessions as there are transactions; the pool part of Server-Timing is the time to connect",
    remedy="keep connections open: leave out max_queries of asyncpg.create_pool",
    shown=Show("mixed", "60/s"),
    app=_churn,
)
