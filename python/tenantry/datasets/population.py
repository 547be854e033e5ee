"""The rows of a dataset for a number of tenants, by arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from tenantry import engine
from tenantry.datasets.calls import Calls
from tenantry.datasets.spec import Dataset
from tenantry.errors import UsageError

MOST_TENANTS = 999_999_999


class Population(engine.Population):
    """A dataset of a certain size: `tenant`, `user`, `pick`, `row` and `rows` compute rows without a database.

    `tenants` and `rng_seed` default to the dataset's own. Raises UsageError with everything that is wrong with the dataset.
    """

    dataset: Dataset

    def __new__(cls, dataset: Dataset, tenants: int | None = None, rng_seed: int | None = None) -> Self:
        wanted = dataset.tenants if tenants is None else tenants
        seed = dataset.rng_seed if rng_seed is None else rng_seed
        if wanted < 1:
            raise UsageError(f"a population needs at least one tenant, not {wanted}", hint="--tenants 1 is the least")
        if wanted > MOST_TENANTS:
            raise UsageError(f"{wanted:,} tenants are more than {MOST_TENANTS:,}", hint="--tenants takes fewer")
        if not 0 <= seed < 2**64:
            raise UsageError(f"the rng_seed {seed} is not between 0 and 2^64 - 1")
        spec = dataset.as_json()
        calls = Calls(dataset) if dataset.has_functions else None
        try:
            population = super().__new__(cls, spec, tenants=wanted, rng_seed=seed, functions=calls)
        except ValueError as error:
            raise UsageError(str(error), where=f"dataset {dataset.name}", hint="correct the dataset's file") from None
        population.dataset = dataset
        if calls is not None:
            calls.check(population)
        return population

    def __init__(self, dataset: Dataset, tenants: int | None = None, rng_seed: int | None = None) -> None: ...

    def tenant_ids(self, first: int = 0) -> str:
        """The keys of the tenants from number `first` (from 0) on as the inside of an SQL condition: `BETWEEN 1 AND 9`, `= ANY (...)`."""
        if not self.dataset.has_uuid_tenants:
            return f"BETWEEN {self.dataset.first_key + first} AND {self.dataset.first_key + self.tenants - 1}"
        return f"= ANY ('{{{','.join(self.tenant_id(number) for number in range(first, self.tenants))}}}'::uuid[])"

    def tenant_id(self, number: int) -> str:
        """The key of a tenant (from 0) as text."""
        return str(getattr(self.tenant(number), self.dataset.tenant_id))

    def identity(self, tenant: Any, user: Any, /) -> Mapping[str, str]:
        """The headers of a request of this user; none when the dataset declares no identity."""
        return {} if self.dataset.identity is None else self.dataset.identity(tenant, user)

    def __reduce__(self) -> tuple[type[Self], tuple[Dataset, int, int]]:
        return type(self), (self.dataset, self.tenants, self.rng_seed)
