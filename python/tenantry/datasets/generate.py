"""A population as Parquet files, one folder per table, and the way back from there."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from tenantry.datasets.database import OnProgress, quiet
from tenantry.datasets.manifest import spec_hash
from tenantry.datasets.population import Population
from tenantry.datasets.spec import Dataset
from tenantry.errors import EnvironmentFault, UsageError

MANIFEST = "dataset.json"
_AGAIN = "generate it again: tenantry generate --out"


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written where; `files` has the SHA-256 of each file by its path in the folder."""

    dataset: str
    spec_hash: str
    tenants: int
    rng_seed: int
    folder: str
    rows: dict[str, int]
    files: dict[str, str]

    def of_table(self, table: str) -> list[Path]:
        """The files of a table, in the order of their rows."""
        return [Path(self.folder, name) for name in sorted(self.files) if Path(name).parent.name == table]


def generate(population: Population, folder: Path, *, on_progress: OnProgress = quiet) -> Generated:
    """Write every table to `folder/TABLE/part-NNNNN.parquet`, and `dataset.json` beside them when all are complete.

    The same spec, number of tenants and rng_seed give the same rows everywhere. Raises EnvironmentFault when the disk refuses.
    """
    rows = {}
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for table in population.tables():
            rows[table] = _write(population, table, folder / table, on_progress)
        files = {str(file.relative_to(folder)): _checksum(file) for table in rows for file in _parts(folder, table)}
        declared = spec_hash(population.dataset)
        generated = Generated(population.name, declared, population.tenants, population.rng_seed, str(folder), rows, files)
        (folder / MANIFEST).write_text(json.dumps(asdict(generated), indent=2) + "\n")
    except OSError as error:
        full = error.errno == errno.ENOSPC
        hint = "free some space, or give another folder with --out" if full else "give a folder that can be written to with --out"
        what = "the disk is full" if full else error.strerror or str(error)
        raise EnvironmentFault(what, where=str(error.filename or folder), hint=hint) from None
    return generated


def generated_in(folder: Path, dataset: Dataset, *, tenants: int | None = None, rng_seed: int | None = None) -> Generated:
    """What `generate` wrote into a folder of this very dataset, after a look at every byte of it.

    Raises UsageError with all that is wrong: another dataset, declaration, seed or number of tenants; files that are missing or damaged.
    """
    found = _manifest(folder)
    wanted_seed = dataset.rng_seed if rng_seed is None else rng_seed
    faults = []
    if found.dataset != dataset.name:
        faults.append(f"it holds the dataset {found.dataset}, not {dataset.name}")
    elif found.spec_hash != spec_hash(dataset):
        faults.append(f"the dataset {dataset.name} was declared otherwise when it was generated")
    if found.rng_seed != wanted_seed:
        faults.append(f"it was generated with the rng_seed {found.rng_seed}, not {wanted_seed}")
    if tenants is not None and found.tenants != tenants:
        faults.append(f"it holds {found.tenants:,} tenants, not {tenants:,}")
    faults = faults or list(_damages(found, folder))
    if faults:
        raise UsageError("\n  ".join(["these files cannot be loaded:", *faults]), where=str(folder), hint=f"{_AGAIN} {folder}")
    return replace(found, folder=str(folder))


def _manifest(folder: Path) -> Generated:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Generated)
    except FileNotFoundError:
        what = f"there is no {MANIFEST}: `tenantry generate` writes it last, when all files are complete"
        raise UsageError(what, where=str(folder), hint=f"give the folder of a dataset, or {_AGAIN} {folder}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"it cannot be read: {error}", where=str(folder / MANIFEST), hint=f"{_AGAIN} {folder}") from None


def _damages(found: Generated, folder: Path) -> Iterator[str]:
    for name, checksum in found.files.items():
        try:
            if _checksum(folder / name) != checksum:
                yield f"{name} is damaged, or was changed since"
        except OSError as error:
            yield f"{name}: {(error.strerror or str(error)).lower()}"


def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _parts(folder: Path, table: str) -> list[Path]:
    return sorted((folder / table).glob("part-*.parquet"))


def _write(population: Population, table: str, folder: Path, on_progress: OnProgress) -> int:
    for old in _parts(folder.parent, table):
        old.unlink()
    count = population.count(table)

    def progress(rows: int) -> None:
        on_progress(table, rows, count)

    progress(0)
    done = population.write_parquet(table, folder, progress)
    progress(done)
    return done
