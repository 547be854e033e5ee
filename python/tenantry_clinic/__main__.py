"""`python -m tenantry_clinic schema|serve`: create the schema, run the app."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any

import asyncpg
import click

from tenantry_clinic.db import check, create_schema
from tenantry_clinic.settings import Settings

# Longer than any think time: a virtual user's connection must not be closed under it.
KEEP_ALIVE_S = 75


@click.group()
def clinic() -> None:
    """The reference app of tenantry: a veterinary clinic SaaS on Postgres with row-level security."""


@clinic.command()
@click.option("--dsn", envvar="CLINIC_DSN", required=True, help="The owner's URL of an empty database.")
def schema(dsn: str) -> None:
    """Create the role, tables, keys and policies."""
    _database(create_schema(dsn, os.environ.get("CLINIC_DB_PASSWORD")))


@clinic.command()
@click.option("--dsn", envvar="CLINIC_DSN", required=True, help="URL of the database; the app itself signs in as clinic_app.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--pool", default=10, show_default=True, type=click.IntRange(1), help="Database connections per worker.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--fault", "choices", multiple=True, metavar="NAME[=VALUE]", help="Build in a bottleneck; may be repeated. `faults` lists them."
)
def serve(dsn: str, host: str, port: int, pool: int, workers: int, choices: tuple[str, ...]) -> None:
    """Run the app until SIGTERM or Ctrl-C."""
    from tenantry_clinic import faults
    from tenantry_clinic.faults._life import beside
    from tenantry_clinic.faults._model import Ground

    os.environ.update(CLINIC_DSN=dsn, CLINIC_POOL=str(pool))
    try:
        settings = Settings.from_environment()
        laid = faults.chosen() | faults.parse(choices)
    except ValueError as error:
        raise click.UsageError(f"an environment variable CLINIC_* or a fault is not understood: {error}") from error
    os.environ[faults.VARIABLE] = faults.text(laid)
    _database(check(settings))
    with beside(laid, Ground(dsn, port)) as environment:
        os.environ.update(environment)
        _run(host, port, workers)


@clinic.command("faults")
def list_faults() -> None:
    """List the bottlenecks that `serve --fault` can build in."""
    from tenantry_clinic import faults

    for name in faults.names():
        fault = faults.fault(name)
        click.echo(f"{name:24} {fault.summary}")
        if fault.parameter:
            click.echo(f"{'':24} VALUE: {fault.parameter} (default {fault.default:g})")


def _run(host: str, port: int, workers: int) -> None:
    import uvicorn

    uvicorn.run(
        "tenantry_clinic.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
    )


def _database(work: Coroutine[Any, Any, None]) -> None:
    """Run `work`; its database errors become one line and exit code 2."""
    try:
        asyncio.run(work)
    except asyncpg.DuplicateTableError as error:
        _fail(f"the database is not empty: {error}")
    except LookupError as error:
        _fail(f"{error}; create it with: python -m tenantry_clinic schema --dsn DSN")
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        _fail(f"{error}; set the password of clinic_app in CLINIC_DB_PASSWORD, for `schema` and for `serve`")
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _fail(f"the database cannot be used: {error or type(error).__name__}")


def _fail(message: str) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    clinic(prog_name="python -m tenantry_clinic")
