"""One clinic asks for the heavy report again and again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tenantry_clinic.auth import Identity, issue_token
from tenantry_clinic.faults._model import Fault, Ground, NotPossible, Show, owner
from tenantry_clinic.faults._processes import module, process
from tenantry_clinic.settings import DEMO_SECRET

SOMEBODY = "SELECT clinic_id, id, role FROM users ORDER BY clinic_id, id LIMIT 1"


@asynccontextmanager
async def _noise(ground: Ground, value: float) -> AsyncIterator[Mapping[str, str]]:
    async with owner(ground) as connection:
        somebody = await connection.fetchrow(SOMEBODY)
    if somebody is None:
        raise NotPossible("the database has no clinic that could be noisy")
    token = issue_token(Identity(*somebody), (os.environ.get("CLINIC_SECRET") or DEMO_SECRET).encode())
    async with process(module("_noisy", ground.port, token, int(value)), name="the noisy tenant"):
        yield {}


fault = Fault(
    summary="one clinic asks for the heavy report on and on",
    parameter="reports at a time",
    default=8,
    least=1,
    symptom="one tenant takes most of the database's time (application_name has its clinic), all others are slower",
    remedy="a limit per tenant: so many requests at a time, reports in a queue of their own",
    shown=Show("mixed", "60/s"),
    beside=_noise,
)
