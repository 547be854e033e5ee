"""`tenantry clean DATASET`."""

from __future__ import annotations

import click

from tenantry.cli import options


@click.command()
@click.argument("dataset")
@click.option("--dsn", help="The owner's URL of the database.  [default: the environment variable DATABASE_URL]")
@click.option("--tenants", type=click.IntRange(min=1), help="Only the first so many tenants.  [default: all that are there]")
@click.option("--yes", is_flag=True, help="Remove the rows; without it they are only counted.")
@click.option("--only-made", is_flag=True, help="Only what the app made for those tenants; the population stays.")
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    dataset: str, dsn: str | None, tenants: int | None, yes: bool, only_made: bool, yes_production: str | None, as_json: bool, quiet: bool
) -> None:
    """Remove what seeding DATASET put in, and what the app made for those tenants.

    Shows what would go, and removes nothing without --yes. A tenant is ours if
    its key and its mark belong together; all other rows stay.
    """
    import msgspec

    from tenantry.cli.dsn import find_dsn
    from tenantry.cli.progress import Steps
    from tenantry.datasets.clean import clean
    from tenantry.datasets.find import load_dataset

    address, allow = find_dsn(dsn)
    spec = load_dataset(dataset)
    with Steps(quiet=quiet) as steps:
        result = clean(
            spec, address, tenants=tenants, yes=yes, only_made=only_made, allow=allow, confirm=yes_production, on_progress=steps.show
        )
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, "dry_run": not yes, **msgspec.to_builtins(result)}))
        return
    rows = result.removed if yes else result.found
    click.echo(f"{result.dataset}: {sum(rows.values()):,} rows of {result.tenants:,} tenants {'removed' if yes else 'would be removed'}")
    for table, count in rows.items():
        click.echo(f"  {table:<20}{count:>12,}")
    if not yes and result.tenants:
        click.echo("nothing was changed; --yes removes them")
