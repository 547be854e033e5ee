"""`tenantry seed DATASET`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tenantry.cli import options
from tenantry.errors import UsageError

if TYPE_CHECKING:
    from tenantry.datasets.load import Seeded
    from tenantry.datasets.verify import Verification


@click.command()
@click.argument("dataset")
@click.option("--dsn", help="The owner's URL of the database.  [default: the environment variable DATABASE_URL]")
@click.option("--tenants", type=int, help="Number of tenants.  [default: the dataset's]")
@click.option("--add-tenants", metavar="N", type=click.IntRange(min=1), help="Load so many more, beside those that are there.")
@click.option("--resume", is_flag=True, help="Load what is missing of them: all, some, or nothing.")
@click.option("--from", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Load the files that `generate --out DIR` wrote.")
@click.option("--rng-seed", type=int, help="The number that all values depend on.  [default: the dataset's]")
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    dataset: str,
    dsn: str | None,
    tenants: int | None,
    add_tenants: int | None,
    resume: bool,
    folder: Path | None,
    rng_seed: int | None,
    yes_production: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Load DATASET (FILE.py:NAME or MODULE:NAME) into Postgres and verify it.

    All or nothing: one transaction makes the tables if they are missing, loads
    the rows, adds the constraints, and checks counts, references and isolation.
    """
    import msgspec

    from tenantry.cli.dsn import find_dsn
    from tenantry.cli.progress import Steps
    from tenantry.datasets import load
    from tenantry.datasets.find import load_dataset
    from tenantry.datasets.generate import generated_in
    from tenantry.datasets.population import Population

    if tenants is not None and add_tenants is not None:
        raise UsageError("--tenants and --add-tenants together", hint="give --add-tenants alone: so many more than are there")
    if folder is not None and add_tenants is not None:
        raise UsageError("--from and --add-tenants together", hint="the files hold whole datasets: load them into an empty one")
    spec = load_dataset(dataset)
    if resume and add_tenants is not None:
        raise UsageError("--resume and --add-tenants together", hint="give --tenants with --resume: so many as are to be there")
    found = None if folder is None else generated_in(folder, spec, tenants=tenants, rng_seed=rng_seed)
    population = Population(spec, tenants if found is None else found.tenants, rng_seed)
    declared = population.dataset.rng_seed
    if population.rng_seed != declared:
        click.echo(f"note: runs pick rows with the dataset's rng_seed, {declared}: declare rng_seed={population.rng_seed} there", err=True)
    address, allow = find_dsn(dsn)
    with Steps(quiet=quiet) as steps:
        how: Any = {"allow": allow, "confirm": yes_production, "on_progress": steps.show}
        if add_tenants is None:
            result = (load.resume if resume else load.seed)(population, address, files=found, **how)
        else:
            result = load.add_tenants(population.dataset, add_tenants, address, rng_seed=rng_seed, **how)
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, **msgspec.to_builtins(result)}))
    else:
        _print(result)


def _print(result: Seeded) -> None:
    from tenantry.units import show_duration

    rows, seconds = sum(result.rows.values()), sum(result.seconds.values())
    click.echo(f"{result.dataset}: {rows:,} rows of {result.tenants:,} tenants in {show_duration(seconds)}")
    for table, count in result.rows.items():
        click.echo(f"  {table:<20}{count:>12,}  {show_duration(result.seconds[table]):>9}")
    for step, took in result.seconds.items():
        if step not in result.rows:
            click.echo(f"  {step:<20}{'':>12}  {show_duration(took):>9}")
    print_verification(result.verification)


def print_verification(found: Verification) -> None:
    """Tell what was verified, and what could not be."""
    seen = f", isolation in tenants {', '.join(found.isolation)}" if found.isolation else ""
    references = f"{len(found.orphans)} reference{'s' * (len(found.orphans) != 1)}"
    click.echo(f"verified: row counts, {references} without orphans{seen}")
    for text in found.not_checked:
        click.echo(f"not checked: {text}")
