"""Seeding from the Parquet files of `generate`: the same rows; files that do not fit are told before anything is written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fingerprint import contents
from running_clinic import Database
from test_seed_commands import DATASET, document, tenantry
from test_seed_types import dataset as every_type

from tenantry.datasets.generate import generate, generated_in
from tenantry.datasets.load import check, seed
from tenantry.datasets.population import Population
from tenantry.errors import EnvironmentFault, UsageError
from tenantry_clinic.dataset import clinic

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clinics as files."""
    folder = tmp_path_factory.mktemp("files") / "clinic"
    generate(Population(clinic, 3), folder)
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same files, to be damaged."""
    for file in (file for file in folder.rglob("*") if file.is_file()):
        (tmp_path / file.relative_to(folder)).parent.mkdir(exist_ok=True)
        (tmp_path / file.relative_to(folder)).write_bytes(file.read_bytes())
    return tmp_path


def test_files_make_the_same_rows_as_arithmetic(folder: Path, new_database: Callable[[], str]) -> None:
    direct, loaded = Database(new_database()), Database(new_database())
    seed(Population(clinic, 3), direct.dsn)
    told = document(tenantry("seed", DATASET, "--from", str(folder), "--json", dsn=loaded.dsn))
    assert (told["tenants"], told["rows"]["pets"]) == (3, 300)
    assert contents(loaded) == contents(direct)
    assert check(clinic, loaded.dsn).tenants == 3


def test_every_type_comes_back_from_a_file(tmp_path: Path, new_database: Callable[[], str]) -> None:
    dataset, databases = every_type(tmp_path), [Database(new_database()) for _ in range(2)]
    population = Population(dataset, 40)
    generate(population, tmp_path / "files")
    seed(population, databases[0].dsn)
    seed(population, databases[1].dsn, files=generated_in(tmp_path / "files", dataset, tenants=40))
    direct, loaded = (contents(database, tuple(dataset.tables)) for database in databases)
    assert direct == loaded and all(direct.values())


def test_several_files_of_a_table_are_loaded_in_their_order(tmp_path: Path, new_database: Callable[[], str]) -> None:
    small = dataclasses.replace(clinic.tables["medical_records"], per_tenant=600_000)
    dataset = dataclasses.replace(clinic, tables={**clinic.tables, "medical_records": small})
    population, database = Population(dataset, 2), Database(new_database())
    generate(population, tmp_path)
    files = generated_in(tmp_path, dataset)
    assert [file.name for file in files.of_table("medical_records")] == ["part-00000.parquet", "part-00001.parquet"]
    result = seed(population, database.dsn, files=files)
    assert result.rows["medical_records"] == database.value("SELECT count(DISTINCT id) FROM medical_records") == 1_200_000


def another_name(folder: Path) -> None:
    change(folder, dataset="vets")


def another_declaration(folder: Path) -> None:
    change(folder, spec_hash="0123")


def another_seed(folder: Path) -> None:
    generate(Population(clinic, 3, rng_seed=9), folder)


def no_manifest(folder: Path) -> None:
    (folder / "dataset.json").unlink()


def half_a_manifest(folder: Path) -> None:
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text[: len(text) // 2])


def a_missing_file(folder: Path) -> None:
    (folder / "pets" / "part-00000.parquet").unlink()


def one_flipped_bit(folder: Path) -> None:
    file = folder / "users" / "part-00000.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def a_cut_file(folder: Path) -> None:
    file = folder / "invoices" / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:-100])


def change(folder: Path, **values: str) -> None:
    manifest = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps({**manifest, **values}))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (another_name, "it holds the dataset vets, not clinic"),
        (another_declaration, "the dataset clinic was declared otherwise when it was generated"),
        (another_seed, "it was generated with the rng_seed 9, not 1"),
        (no_manifest, "there is no dataset.json"),
        (half_a_manifest, "dataset.json: it cannot be read"),
        (a_missing_file, "pets/part-00000.parquet: no such file"),
        (one_flipped_bit, "users/part-00000.parquet is damaged"),
        (a_cut_file, "invoices/part-00000.parquet is damaged"),
    ],
)
def test_files_that_do_not_fit_are_told_before_anything_is_written(
    damage: Callable[[Path], None], told: str, copy: Path, new_database: Callable[[], str]
) -> None:
    database = Database(new_database())
    damage(copy)
    done = tenantry("seed", DATASET, "--from", str(copy), dsn=database.dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and str(copy) in done.stderr and "tenantry generate" in done.stderr, done.stderr
    assert database.value(TABLES) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tenants", "4"), "it holds 3 tenants, not 4"),
        (("--rng-seed", "5"), "it was generated with the rng_seed 1, not 5"),
        (("--add-tenants", "2"), "--from and --add-tenants together"),
    ],
)
def test_flags_that_contradict_the_files_are_told(
    options: tuple[str, str], told: str, folder: Path, new_database: Callable[[], str]
) -> None:
    done = tenantry("seed", DATASET, "--from", str(folder), *options, dsn=new_database())
    assert done.returncode == 2 and told in done.stderr


def test_a_file_that_breaks_under_the_load_undoes_it(copy: Path, new_database: Callable[[], str]) -> None:
    database, found = Database(new_database()), generated_in(copy, clinic)
    a_cut_file(copy)
    with pytest.raises(EnvironmentFault, match=r"invoices/part-00000.parquet: .*\n.*nothing was loaded"):
        seed(Population(clinic, 3), database.dsn, files=found)
    assert database.value(TABLES) == 0


def test_files_of_other_columns_are_not_taken(copy: Path, new_database: Callable[[], str]) -> None:
    found = generated_in(copy, clinic)
    (copy / "users" / "part-00000.parquet").write_bytes((copy / "pets" / "part-00000.parquet").read_bytes())
    with pytest.raises(EnvironmentFault, match="its columns are not those of the table"):
        seed(Population(clinic, 3), new_database(), files=found)


def test_a_folder_may_have_moved_since(folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "moved")
    try:
        found = generated_in(tmp_path / "moved", clinic)
        assert found.of_table("pets") == [tmp_path / "moved" / "pets" / "part-00000.parquet"]
    finally:
        (tmp_path / "moved").rename(folder)
    with pytest.raises(UsageError, match=r"there is no dataset\.json"):
        generated_in(tmp_path / "moved", clinic)
