"""`tenantry verify DATASET`."""

from __future__ import annotations

import click

from tenantry.cli import options


@click.command()
@click.argument("dataset")
@click.option("--dsn", help="The owner's URL of the database.  [default: the environment variable DATABASE_URL]")
@click.option("--tenants", type=click.IntRange(min=1), help="How many should be there.  [default: as many as were seeded]")
@click.option("--rng-seed", type=int, help="The number that all values depend on.  [default: the dataset's]")
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@options.result_json
def command(dataset: str, dsn: str | None, tenants: int | None, rng_seed: int | None, yes_production: str | None, as_json: bool) -> None:
    """Check that a database holds what was seeded of DATASET (FILE.py:NAME or MODULE:NAME).

    Counts, references, and isolation as the app's role sees it. Nothing is
    written. What an app makes beside these rows does not matter.
    """
    import msgspec

    from tenantry.cli.dsn import find_dsn
    from tenantry.cli.seed import print_verification
    from tenantry.datasets.find import load_dataset
    from tenantry.datasets.load import check

    address, allow = find_dsn(dsn)
    result = check(load_dataset(dataset), address, tenants=tenants, rng_seed=rng_seed, allow=allow, confirm=yes_production)
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, **msgspec.to_builtins(result)}))
        return
    click.echo(f"{result.dataset}: {sum(result.verification.rows.values()):,} rows of {result.tenants:,} tenants")
    print_verification(result.verification)
