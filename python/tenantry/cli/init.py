"""`tenantry init --from-db`, `tenantry init --ci`."""

from __future__ import annotations

from pathlib import Path

import click

from tenantry.errors import UsageError


@click.command()
@click.option("--from-db", "from_db", is_flag=True, help="Draft a dataset from the schema of a database.")
@click.option("--ci", type=click.Choice(["github", "gitlab"]), help="Write a CI job that runs `tenantry ci` every week, and by hand.")
@click.option("--dsn", help="A URL of the database.  [default: the environment variable DATABASE_URL]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("dataset.py"), show_default=True, help="The file to write.")
@click.option("--tenant-table", metavar="TABLE", help="The table with one row per tenant.  [default: what most tables refer to]")
@click.option("--tenant-column", metavar="COLUMN", help="The column by which others say whose a row is.  [default: the one they refer by]")
@click.option("--measure", is_flag=True, help="Count the rows of each tenant, so that sizes are as they are there.")
@click.option("--yes-production", metavar="HOST", help="Confirm a host that looks like production, by typing it in full.")
def command(
    from_db: bool,
    ci: str | None,
    dsn: str | None,
    out: Path,
    tenant_table: str | None,
    tenant_column: str | None,
    measure: bool,
    yes_production: str | None,
) -> None:
    """Write a first dataset file for your own schema (--from-db), or a CI job (--ci), to be adjusted by hand.

    --from-db reads the catalog: tables, columns, types, keys, checks, policies, and which
    column is the tenant's. No row is read, except values of small tables that
    others refer to, and, with --measure, numbers of rows. Nothing is written to
    the database.
    """
    if not (from_db or ci):
        raise UsageError(
            "there is nothing to begin from",
            where="init",
            hint="give --from-db, with the database in DATABASE_URL or --dsn, or --ci github",
        )
    if from_db and out.exists():
        raise UsageError("the file is there already, and was left alone", where=str(out), hint="give another with --out, or remove it")
    if ci:
        _write_job(ci)
    if from_db:
        _write_dataset(out, dsn, yes_production, tenant_table=tenant_table, tenant_column=tenant_column, measure=measure)


def _write_job(system: str) -> None:
    from tenantry.cli.workflows import PLACES, secrets, workflow
    from tenantry.config import load_config

    config, path = load_config(), Path(PLACES[system])
    if path.exists():
        raise UsageError("the file is there already, and was left alone", where=str(path), hint="remove it, or change it by hand")
    _write(path, workflow(system, config))
    click.echo(f"{path}: `tenantry ci` every week, and by hand")
    if config.workload is None:
        click.echo('to do: workload = "FILE.py:NAME" in tenantry.toml')
    if config.target is None:
        click.echo("to do: the variable TENANTRY_TARGET in the settings of the repository, and its host in [safety] allow")
    for name in secrets(config):
        click.echo(f"to do: the secret {name} in the settings of the repository")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"it cannot be written: {error.strerror}", where=str(path), hint="give another place with --out") from None


def _write_dataset(
    out: Path, dsn: str | None, confirm: str | None, *, tenant_table: str | None, tenant_column: str | None, measure: bool
) -> None:
    from datetime import UTC, datetime
    from functools import partial

    from tenantry.cli.dsn import find_dsn
    from tenantry.datasets import discover
    from tenantry.datasets.database import connect, transaction
    from tenantry.datasets.draft import draft

    address, allow = find_dsn(dsn)
    with connect(address, allow=allow, confirm=confirm) as link, transaction(link, "BEGIN READ ONLY"):
        schema = discover.discover(link, tenant_table=tenant_table, tenant_column=tenant_column)
        found = draft(
            schema,
            name=link.place.rpartition("/")[2],
            anchor=datetime.now(UTC).date(),
            values=partial(discover.values, link),
            occupied=discover.has_tenants(link, schema),
            sizes=partial(discover.sizes, link, schema) if measure else None,
        )
    _write(out, found.text)
    click.echo(f"{out}: {len(schema.tables)} tables, tenants in {schema.tenant_table}, by {schema.tenant_column}")
    for note in found.notes:
        click.echo(f"to do: {note}")
    click.echo(f"next: tenantry generate {out} --show 3")
