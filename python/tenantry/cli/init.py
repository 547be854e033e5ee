"""`tenantry init --from-db`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.errors import UsageError


@click.command()
@click.option("--from-db", "from_db", is_flag=True, help="Draft a dataset from the schema of a database.")
@click.option("--dsn", help="A URL of the database.  [default: the environment variable DATABASE_URL]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("dataset.py"), show_default=True, help="The file to write.")
@click.option("--tenant-table", metavar="TABLE", help="The table with one row per tenant.  [default: what most tables refer to]")
@click.option("--tenant-column", metavar="COLUMN", help="The column by which others say whose a row is.  [default: the one they refer by]")
@click.option("--measure", is_flag=True, help="Count the rows of each tenant, so that sizes are as they are there.")
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
def command(
    from_db: bool,
    dsn: str | None,
    out: Path,
    tenant_table: str | None,
    tenant_column: str | None,
    measure: bool,
    yes_production: str | None,
) -> None:
    """Write a first dataset file for your own schema, to be adjusted by hand.

    Reads the catalog: tables, columns, types, keys, checks, policies, and which
    column is the tenant's. No row is read, except values of small tables that
    others refer to, and, with --measure, numbers of rows. Nothing is written to
    the database.
    """
    from datetime import UTC, datetime
    from functools import partial

    from tenantry.cli.dsn import find_dsn
    from tenantry.datasets import discover
    from tenantry.datasets.database import connect, transaction
    from tenantry.datasets.draft import draft

    if not from_db:
        raise UsageError("there is nothing to begin from", where="init", hint="give --from-db, with the database in DATABASE_URL or --dsn")
    if out.exists():
        raise UsageError("the file is there already, and was left alone", where=str(out), hint="give another with --out, or remove it")
    address, allow = find_dsn(dsn)
    with connect(address, allow=allow, confirm=yes_production) as link, transaction(link, "BEGIN READ ONLY"):
        schema = discover.discover(link, tenant_table=tenant_table, tenant_column=tenant_column)
        found = draft(
            schema,
            name=link.place.rpartition("/")[2],
            anchor=datetime.now(UTC).date(),
            values=partial(discover.values, link),
            occupied=discover.has_tenants(link, schema),
            sizes=partial(discover.sizes, link, schema) if measure else None,
        )
    try:
        out.write_text(found.text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"it cannot be written: {error.strerror}", where=str(out), hint="give another place with --out") from None
    click.echo(f"{out}: {len(schema.tables)} tables, tenants in {schema.tenant_table}, by {schema.tenant_column}")
    for note in found.notes:
        click.echo(f"to do: {note}")
    click.echo(f"next: tenantry generate {out} --show 3")
