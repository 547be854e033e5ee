"""Before a run: whether the database that the environment names holds the tenants that the run takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.config import Config
    from tenantry.prepare import Prepared


def check_seeded(prepared: Prepared, config: Config) -> None:
    """Raise PopulationError when the database remembers fewer tenants of the dataset, or another declaration of it.

    Virtual users know their rows by arithmetic, so they would ask the app for what is not there. A database that remembers nothing, cannot
    be reached or is not allowed says nothing.
    """
    if config.dsn is None or prepared.workload.dataset is None:
        return
    from tenantry.datasets.database import connect
    from tenantry.datasets.manifest import fits, remembered
    from tenantry.errors import PopulationError, UsageError
    from tenantry.load import population_of

    population = population_of(prepared.workload, prepared.plan)
    assert population is not None
    try:
        with connect(config.dsn, allow=config.allow) as link:
            place, found = link.place, remembered(link, population.dataset)
    except (PopulationError, UsageError):
        return
    if found is not None:
        fits(found, population, place)
