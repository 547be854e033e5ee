"""`tenantry generate DATASET`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tenantry.cli import options


@click.command()
@click.argument("dataset")
@click.option("--tenants", type=int, help="Number of tenants.  [default: the dataset's]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files, one folder per table.  [default: NAME-dataset]")
@click.option("--show", type=click.IntRange(1, 1000), metavar="N", help="Print the first N rows of each table instead.")
@click.option("--rng-seed", type=int, help="The number that all values depend on.  [default: the dataset's]")
@options.result_json
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    dataset: str, tenants: int | None, out: Path | None, show: int | None, rng_seed: int | None, as_json: bool, quiet: bool
) -> None:
    """Write DATASET (FILE.py:NAME or MODULE:NAME) as Parquet files.

    The same dataset, number of tenants and rng-seed give the same rows on
    every machine.
    """
    import msgspec

    from tenantry.cli.progress import Steps
    from tenantry.datasets.find import load_dataset
    from tenantry.datasets.generate import generate
    from tenantry.datasets.population import Population

    population = Population(load_dataset(dataset), tenants, rng_seed)
    if show:
        samples = {table: [row._asdict() for row in population.rows(table, 0, show)] for table in population.tables()}
        if as_json:
            click.echo(msgspec.json.encode({"schema": 1, "tenants": population.tenants, "rows": samples}))
        else:
            _print_samples(samples, {table: population.count(table) for table in samples})
        return
    with Steps(quiet=quiet) as steps:
        result = generate(population, out or Path(f"{population.name}-dataset"), on_progress=steps.show)
    if as_json:
        click.echo(msgspec.json.encode({"schema": 1, **msgspec.to_builtins(result)}))
    else:
        click.echo(f"{sum(result.rows.values()):,} rows of {result.tenants:,} tenants in {result.folder}")


def _print_samples(samples: dict[str, list[dict[str, Any]]], counts: dict[str, int]) -> None:
    for table, rows in samples.items():
        click.echo(f"{table} ({counts[table]:,} rows)")
        for row in rows:
            click.echo("  " + "  ".join(f"{name}={value}" for name, value in row.items()))
        click.echo()
