"""`tenantry generate`, `seed` and `clean` as their users call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_clinic import Database

DATASET = "tenantry_clinic.dataset:clinic"


@pytest.fixture
def fresh(new_database: Callable[[], str]) -> Database:
    return Database(new_database())


def tenantry(*arguments: str, dsn: str | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | ({"DATABASE_URL": dsn} if dsn else {})
    command = [str(Path(sys.executable).with_name("tenantry")), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_seed_and_clean_print_one_json_document_each(fresh: Database) -> None:
    seeded = document(tenantry("seed", DATASET, "--tenants", "3", "--json", dsn=fresh.dsn))
    assert seeded["rows"]["pets"] == fresh.value("SELECT count(*) FROM pets") == 300
    counted = document(tenantry("clean", DATASET, "--json", dsn=fresh.dsn))
    assert (counted["dry_run"], counted["found"]["pets"], fresh.value("SELECT count(*) FROM pets")) == (True, 300, 300)
    removed = document(tenantry("clean", DATASET, "--json", "--yes", dsn=fresh.dsn))
    assert (removed["dry_run"], removed["removed"]["pets"], fresh.value("SELECT count(*) FROM clinics")) == (False, 300, 0)


def test_results_go_to_stdout_and_progress_to_stderr(fresh: Database) -> None:
    done = tenantry("seed", DATASET, "--tenants", "2", dsn=fresh.dsn)
    assert "1,098 rows of 2 tenants" in done.stdout and "isolation in tenants 1, 2" in done.stdout
    assert done.stderr.splitlines()[1].startswith("clinics: 2 in ")
    assert tenantry("clean", DATASET, "--quiet", dsn=fresh.dsn).stderr == ""


def test_a_password_in_a_flag_is_refused_and_not_repeated(fresh: Database) -> None:
    done = tenantry("seed", DATASET, "--dsn", fresh.dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert "export DATABASE_URL" in done.stderr
    assert fresh.dsn.partition("@")[0].rpartition(":")[2] not in done.stderr


def test_another_seed_than_the_declared_one_is_told(fresh: Database) -> None:
    done = tenantry("seed", DATASET, "--tenants", "1", "--rng-seed", "9", dsn=fresh.dsn)
    assert "declare rng_seed=9" in done.stderr


def test_a_refusal_is_one_message_with_exit_code_2(fresh: Database) -> None:
    tenantry("seed", DATASET, "--tenants", "2", dsn=fresh.dsn)
    done = tenantry("seed", DATASET, "--tenants", "2", "--quiet", dsn=fresh.dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 127.0.0.1:") and "remove them first: tenantry clean --yes" in done.stderr
    assert fresh.dsn.partition("@")[0].rpartition(":")[2] not in done.stderr


def test_no_database_is_told_with_its_variable() -> None:
    done = tenantry("seed", DATASET)
    assert done.returncode == 2 and "DATABASE_URL" in done.stderr


def test_generate_shows_rows_or_writes_files(tmp_path: Path) -> None:
    shown = document(tenantry("generate", DATASET, "--show", "2", "--json"))
    assert [row["slug"] for row in shown["rows"]["clinics"]] == ["loadtest-00001", "loadtest-00002"]
    assert shown["rows"]["services"][1]["price"] == "12.50"
    written = document(tenantry("generate", DATASET, "--tenants", "2", "--out", str(tmp_path / "x"), "--json"))
    assert written["rows"]["invoices"] == 200
    assert json.loads((tmp_path / "x" / "dataset.json").read_text())["rng_seed"] == 1
    assert sorted(file.parent.name for file in (tmp_path / "x").glob("*/part-00000.parquet")) == sorted(written["rows"])


def test_another_seed_gives_other_rows_with_the_same_keys() -> None:
    one, two = (document(tenantry("generate", DATASET, "--show", "20", "--json", "--rng-seed", seed))["rows"] for seed in ("1", "2"))
    assert [row["id"] for row in one["pets"]] == [row["id"] for row in two["pets"]]
    assert [row["name"] for row in one["pets"]] != [row["name"] for row in two["pets"]]
