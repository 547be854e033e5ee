"""What seeding put into a database, as the database itself remembers it: one row per dataset in `tenantry.datasets`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from tenantry.datasets.database import Link, literal
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.errors import PopulationError

_PARTLY = "cleaned in part"
_THERE = "SELECT to_regclass('tenantry.datasets')"
_TABLE = """CREATE SCHEMA IF NOT EXISTS tenantry;
CREATE TABLE IF NOT EXISTS tenantry.datasets (
    name text PRIMARY KEY,
    spec_hash text NOT NULL,
    rng_seed numeric NOT NULL,
    tenants bigint NOT NULL,
    rows jsonb NOT NULL,
    seeded_at timestamptz NOT NULL DEFAULT now())"""


@dataclass(frozen=True, slots=True)
class Seeding:
    """A dataset as it was seeded: the hash of its declaration, the seed of its values, its tenants, its rows per table."""

    dataset: str
    spec_hash: str
    rng_seed: int
    tenants: int
    rows: Mapping[str, int]


def spec_hash(dataset: Dataset) -> str:
    """A hash of all that rows are computed from."""
    return hashlib.sha256(dataset.as_json().encode()).hexdigest()[:32]


def remembered(link: Link, dataset: Dataset) -> Seeding | None:
    """What was seeded of a dataset, None when the database knows of nothing."""
    if not link.texts(_THERE):
        return None
    columns = "spec_hash, rng_seed, tenants, rows"
    found = link.rows(f"SELECT {columns} FROM tenantry.datasets WHERE name = {literal(dataset.name)}")
    if not found:
        return None
    declared, seed, tenants, rows = (cell or "" for cell in found[0])
    return Seeding(dataset.name, declared, int(seed), int(tenants), msgspec.json.decode(rows, type=dict[str, int]))


def remember(link: Link, seeding: Seeding) -> str | None:
    """Write the row; returns why it cannot be written, if so: a role may load tables that others own, and make no schema."""
    if not link.texts(_THERE):
        if link.texts("SELECT has_database_privilege(current_database(), 'CREATE')") != ["t"]:
            database, user = link.rows("SELECT quote_ident(current_database()), quote_ident(current_user)")[0]
            return f"the role may not create the schema tenantry (GRANT CREATE ON DATABASE {database} TO {user})"
        link.execute(_TABLE)
    rows = literal(msgspec.json.encode(dict(seeding.rows)).decode())
    values = f"{literal(seeding.dataset)}, {literal(seeding.spec_hash)}, {seeding.rng_seed}, {seeding.tenants}, {rows}::jsonb"
    link.execute(
        f"INSERT INTO tenantry.datasets (name, spec_hash, rng_seed, tenants, rows) VALUES ({values}) ON CONFLICT (name) DO UPDATE"
        " SET spec_hash = excluded.spec_hash, rng_seed = excluded.rng_seed, tenants = excluded.tenants, rows = excluded.rows,"
        " seeded_at = now()"
    )
    return None


def unsettle(link: Link, dataset: Dataset) -> None:
    """Before some of it is removed: what is there is no longer what was seeded, so nothing can be added to it."""
    known = remembered(link, dataset)
    if known is not None:
        remember(link, replace(known, spec_hash=_PARTLY))


def forget(link: Link, dataset: Dataset) -> None:
    """Remove the row, if there is one."""
    if link.texts(_THERE):
        link.execute(f"DELETE FROM tenantry.datasets WHERE name = {literal(dataset.name)}")


def fits(found: Seeding, population: Population, place: str) -> None:
    """Raise PopulationError unless the rows of the population are among those that were seeded."""
    _same(found, population.dataset, population.rng_seed, place)
    if population.tenants > found.tenants:
        more = f"tenantry seed --add-tenants {population.tenants - found.tenants}"
        what = f"the database has {found.tenants:,} tenants of the dataset {found.dataset}, and {population.tenants:,} are wanted"
        raise PopulationError(what, where=place, hint=f"give --tenants {found.tenants}, or load more: {more}")


def same(link: Link, dataset: Dataset, rng_seed: int, found: Seeding | None) -> Seeding:
    """What was seeded, if it was seeded from this very declaration; raises PopulationError if not."""
    if found is None:
        hint = "seed it first: `tenantry seed` without --add-tenants"
        raise PopulationError(f"nothing was seeded of the dataset {dataset.name}", where=link.place, hint=hint)
    _same(found, dataset, rng_seed, link.place)
    return found


def _same(found: Seeding, dataset: Dataset, rng_seed: int, place: str) -> None:
    if found.spec_hash == _PARTLY:
        what = f"the dataset {dataset.name} was cleaned in part"
        raise PopulationError(what, where=place, hint="clean the rest, and seed anew")
    if found.rng_seed != rng_seed:
        what = f"the dataset {dataset.name} was seeded with the rng_seed {found.rng_seed}, not {rng_seed}"
        raise PopulationError(what, where=place, hint=f"give --rng-seed {found.rng_seed} or declare it, or clean and seed anew")
    if found.spec_hash != spec_hash(dataset):
        what = f"the dataset {dataset.name} was declared otherwise when it was seeded: its rows there are not those that it declares now"
        raise PopulationError(what, where=place, hint="clean and seed anew, or go back to that declaration")
