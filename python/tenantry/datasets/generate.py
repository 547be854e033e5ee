"""A population as Parquet files: one folder per table."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tenantry.datasets.database import OnProgress, quiet
from tenantry.datasets.population import Population
from tenantry.errors import EnvironmentFault

MANIFEST = "dataset.json"


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written where."""

    dataset: str
    tenants: int
    rng_seed: int
    folder: str
    rows: dict[str, int]


def generate(population: Population, folder: Path, *, on_progress: OnProgress = quiet) -> Generated:
    """Write every table to `folder/TABLE/part-NNNNN.parquet`, and `dataset.json` beside them when all are complete.

    The same spec, number of tenants and rng_seed give the same rows everywhere. Raises EnvironmentFault when the disk refuses.
    """
    rows = {}
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for table in population.tables():
            rows[table] = _write(population, table, folder / table, on_progress)
        generated = Generated(population.name, population.tenants, population.rng_seed, str(folder), rows)
        (folder / MANIFEST).write_text(json.dumps(asdict(generated), indent=2) + "\n")
    except OSError as error:
        full = error.errno == errno.ENOSPC
        hint = "free some space, or give another folder with --out" if full else "give a folder that can be written to with --out"
        what = "the disk is full" if full else error.strerror or str(error)
        raise EnvironmentFault(what, where=str(error.filename or folder), hint=hint) from None
    return generated


def _write(population: Population, table: str, folder: Path, on_progress: OnProgress) -> int:
    for old in folder.glob("part-*.parquet"):
        old.unlink()
    count = population.count(table)

    def progress(rows: int) -> None:
        on_progress(table, rows, count)

    progress(0)
    done = population.write_parquet(table, folder, progress)
    progress(done)
    return done
