"""`tenantry doctor` on this machine, and on machines that lack something."""

from __future__ import annotations

import importlib.util
import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tenantry.cli import doctor
from tenantry.errors import UsageError
from tenantry.postgres import Postgres, find, installed


def results(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = CliRunner().invoke(doctor.command, [*arguments, "--json"], standalone_mode=False, catch_exceptions=False)
    document = json.loads(done.stdout)
    assert document["exit"] == done.return_value
    return done.return_value, {check["name"]: check for check in document["checks"]}


def test_it_tells_which_postgres_it_would_use_and_whether_statements_are_there() -> None:
    code, found = results()
    first = next(installed())
    assert found["Postgres"]["result"] == "ok"
    assert f"PostgreSQL {first.version} in {first.bin}" in found["Postgres"]["detail"]
    assert found["statements"]["result"] == ("ok" if first.has_pg_stat_statements else "warn")
    assert code == (2 if any(check["result"] == "fail" for check in found.values()) else 0)


def test_every_line_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "_VERSIONED", ())
    monkeypatch.setattr(find, "WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", "/nowhere")
    output = CliRunner().invoke(doctor.command, [], standalone_mode=False).stdout
    assert "fail  Postgres" in output
    assert "fix: apt-get install postgresql" in output
    assert [line for line in output.splitlines() if len(line) > 80] == []


def test_a_missing_postgres_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "_VERSIONED", ())
    monkeypatch.setattr(find, "WHEEL", "no_such_wheel")
    monkeypatch.setenv("PATH", "/nowhere")
    code, found = results()
    assert (code, found["Postgres"]["result"]) == (2, "fail")


def test_a_named_server_is_asked_itself(postgres: Postgres, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", new_database())
    found = results()[1]
    assert found["Postgres"]["result"] == "ok"
    assert f"PostgreSQL {postgres.source.version}" in found["Postgres"]["detail"]
    assert found["statements"]["result"] == "warn"
    assert "CREATE EXTENSION pg_stat_statements" in found["statements"]["fix"]


def test_a_named_server_that_is_away_is_exit_code_2() -> None:
    code, found = results("--dsn", "postgresql://me@127.0.0.1:1/x")
    assert (code, found["Postgres"]["result"]) == (2, "fail")
    with pytest.raises(UsageError):
        results("--dsn", "nonsense")


def test_missing_packages_and_assets_come_with_their_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor, "STATIC", tmp_path)
    (demo,) = doctor.demo_packages()
    (assets,) = doctor.web_assets()
    assert (demo.result, demo.fix) == ("warn", "pip install 'tenantry[demo]'")
    assert (assets.result, assets.fix) == ("fail", "make web")


def test_the_limit_of_open_files_is_told_in_vus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))
    (check,) = doctor.file_descriptors()
    assert (check.result, check.detail, check.fix) == ("warn", "a limit of 1024 allows about 924 VUs", "ulimit -n 4096")
