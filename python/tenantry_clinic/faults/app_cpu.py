"""Work in Python for every answer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from tenantry_clinic.faults._model import Fault, Show
from tenantry_clinic.operations import JSON

if TYPE_CHECKING:
    from tenantry_clinic.app import Blueprint

_UNSIGNED = ("/api/health", "/metrics")
_TRIED, _TRIES = 1000, 9


def signature(body: bytes, rounds: int) -> str:
    """A hash of hashes, which nobody can compute faster than one after the other."""
    digest = hashlib.sha256(body).digest()
    for _ in range(rounds):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


def rounds_within(seconds: float) -> int:
    """How many hashes a core computes in this time: as many as it did in the quickest of some tries."""

    def tried_s() -> float:
        begun = time.thread_time()
        signature(b"", _TRIED)
        return time.thread_time() - begun

    return round(seconds * _TRIED / min(tried_s() for _ in range(_TRIES)))


def signed(endpoint: Callable[..., Awaitable[Response]], rounds: int) -> Callable[..., Awaitable[Response]]:
    """The endpoint; its answers carry a signature."""

    @wraps(endpoint)
    async def sign(*values: Any, **named: Any) -> Response:
        response = await endpoint(*values, **named)
        response.headers["x-signature"] = signature(bytes(response.body), rounds)
        return response

    return sign


def _sign(blueprint: Blueprint, value: float) -> None:
    rounds = rounds_within(value / 1000)
    for name, operation in blueprint.operations.items():
        if operation.path not in _UNSIGNED and operation.content == JSON:
            blueprint.operations[name] = replace(operation, endpoint=signed(operation.endpoint, rounds))


fault = Fault(
    summary="every answer is signed with a chain of hashes, in Python",
    parameter="milliseconds of a core per answer",
    default=5,
    symptom="a worker keeps a core busy, the app part of Server-Timing leads, pool and database are idle; more load brings no more answers",
    remedy="one round with a key (hmac), or work of this kind in other processes; more workers help as far as there are cores",
    shown=Show("mixed", "60/s"),
    app=_sign,
)
