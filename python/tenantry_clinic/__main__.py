"""`python -m tenantry_clinic schema|serve|sweep|faults|mend`: create the schema, run the app, healthy or not, tidy up after it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any, NoReturn, TypeVar

import asyncpg
import click

from tenantry_clinic.db import check, create_schema
from tenantry_clinic.settings import Settings
from tenantry_clinic.sweep import sweep as sweep_files

# Longer than any think time: a virtual user's connection must not be closed under it.
KEEP_ALIVE_S = 75
T = TypeVar("T")


# What click wraps, line by line.
VARIABLES = """\b
Variables of the environment:
  CLINIC_DSN          the database, as --dsn
  CLINIC_DB_PASSWORD  the password of the role clinic_app
  CLINIC_SECRET       signs the tokens; at least 32 bytes
  CLINIC_FILES        the folder of uploads, one for each database
  CLINIC_INVOICING    URL of the service that registers sales
  CLINIC_TODAY        the app's present day, as 2026-01-05
"""


@click.group(epilog=VARIABLES)
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
    from tenantry_clinic.faults._ledger import mend_what_is_left
    from tenantry_clinic.faults._life import beside
    from tenantry_clinic.faults._model import Ground, NotPossible

    os.environ.update(CLINIC_DSN=dsn, CLINIC_POOL=str(pool))
    settings = _settings()
    try:
        laid = faults.chosen() | faults.parse(choices)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    os.environ[faults.VARIABLE] = faults.text(laid)
    _database(check(settings))
    if left := _database(mend_what_is_left(settings)):
        click.echo(left, err=True)
    try:
        with beside(laid, Ground(dsn, port)) as environment:
            os.environ.update(environment)
            _run(host, port, workers)
    except NotPossible as error:
        _fail(str(error))
    except KeyboardInterrupt:
        click.echo("stopped before the app had started", err=True)


@clinic.command("faults")
@click.argument("choices", metavar="[NAME[=VALUE]]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print what a start with them needs, as JSON: values, settings of Postgres, loads.")
def list_faults(choices: tuple[str, ...], as_json: bool) -> None:
    """List the bottlenecks that `serve` can build in."""
    from tenantry_clinic import faults

    try:
        chosen = faults.parse(choices or faults.names())
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps([_needs(name, value) for name, value in chosen.items()]))
    for name in () if as_json else chosen:
        fault = faults.fault(name)
        click.echo(f"{name:24} {fault.summary}")
        if fault.parameter:
            click.echo(f"{'':24} VALUE: {fault.parameter}, {fault.range} (default {fault.default:g})")


def _needs(name: str, value: float) -> dict[str, object]:
    from tenantry_clinic import faults

    fault = faults.fault(name)
    shown = asdict(fault.shown) | {"workload": f"{faults.LOADS}:{fault.shown.workload}"}
    return {"name": name, "value": value, "server": {**fault.shown.server, **fault.server(value)}, "shown": shown}


@clinic.command("mend")
@click.option("--dsn", envvar="CLINIC_DSN", required=True, help="The owner's URL of the database.")
def mend_faults(dsn: str) -> None:
    """Undo the faults that a killed app has left.

    `serve` does the same when it starts.
    """
    from tenantry_clinic.faults._ledger import mend
    from tenantry_clinic.faults._model import Ground

    mended = _database(mend(Ground(dsn, 0)))
    if mended is None:
        _fail("an app with faults is running on this database; end it first")
    click.echo(f"mended: {', '.join(mended)}" if mended else "there is nothing to mend")


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


@clinic.command()
@click.option("--dsn", envvar="CLINIC_DSN", required=True, help="URL of the database whose rows name the files to keep.")
@click.option("--age", default=3600, show_default=True, type=click.IntRange(0), help="Seconds; younger files stay, they may be arriving.")
@click.option("--yes", is_flag=True, help="Remove them; without, only count them.")
def sweep(dsn: str, age: int, yes: bool) -> None:
    """Remove uploads that no row knows.

    Such are left by `tenantry clean`, which empties tables, and by processes that were killed while a file arrived.
    """
    os.environ.update(CLINIC_DSN=dsn)
    settings = _settings()
    files, size = _database(sweep_files(settings, time.time() - age, remove=yes))
    click.echo(f"{'removed' if yes else 'to remove (with --yes)'}: {files} files, {size} bytes, in {settings.files}")


def _settings() -> Settings:
    try:
        return Settings.from_environment()
    except ValueError as error:
        raise click.UsageError(f"an environment variable CLINIC_* is not understood: {error}") from error


def _database(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; its database errors become one line and exit code 2."""
    try:
        return asyncio.run(work)
    except asyncpg.DuplicateTableError as error:
        _fail(f"the database is not empty: {error}")
    except LookupError as error:
        _fail(f"{error}; create it with: python -m tenantry_clinic schema --dsn DSN")
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        _fail(f"{error}; set the password of clinic_app in CLINIC_DB_PASSWORD, for `schema` and for `serve`")
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _fail(f"the database cannot be used: {error or type(error).__name__}")


def _fail(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    clinic(prog_name="python -m tenantry_clinic")
