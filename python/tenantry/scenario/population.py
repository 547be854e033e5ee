"""Who a virtual user is: a tenant and one of its users, drawn from the seeded population."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple, Protocol

from tenantry.plan.tenants import Draw


class Row(Protocol):
    """One row of the population; its columns are attributes."""

    def __getattr__(self, column: str, /) -> Any: ...

    def _asdict(self) -> dict[str, Any]: ...


class Dataset(Protocol):
    """The declaration of a population; a workload only needs its name."""

    @property
    def name(self) -> str: ...


class Population(Protocol):
    """The rows of a dataset for a number of tenants, by arithmetic; tenants count from 0."""

    @property
    def name(self) -> str: ...

    @property
    def tenants(self) -> int: ...

    def tenant(self, index: int, /) -> Row: ...

    def user(self, tenant: int, rng: Random, /) -> Row: ...

    def pick(self, tenant: int, table: str, rng: Random, /, **where: Any) -> Row: ...

    def identity(self, tenant: Row, user: Row, /) -> Mapping[str, str]: ...


class Identity(NamedTuple):
    """The tenant and user that a virtual user acts as, and the headers that prove it."""

    tenant_index: int
    tenant: Row
    user: Row
    headers: Mapping[str, str]


def draw_identity(
    population: Population, rng_seed: int, number: int, *, draw: Draw | None = None, iteration: int | None = None
) -> Identity:
    """The identity of virtual user `number`, or of one of its iterations: the same for the same seed and numbers.

    `draw` chooses the tenant, by default any; the user is any of its users.
    """
    rng = Random(f"identity {rng_seed} {number}" if iteration is None else f"identity {rng_seed} {number} {iteration}")
    index = draw(rng) if draw is not None else rng.randrange(population.tenants)
    tenant = population.tenant(index)
    user = population.user(index, rng)
    return Identity(index, tenant, user, population.identity(tenant, user))
