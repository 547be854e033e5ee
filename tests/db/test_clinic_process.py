"""The clinic app as a process: its commands, its bad starts, and its database going away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tenantry.postgres import find_postgres, start_postgres
from tenantry.processes import answers_http, free_port, start
from tenantry_clinic.files import can_be_written

if TYPE_CHECKING:
    from running_clinic import Clinic

APP = [sys.executable, "-m", "tenantry_clinic"]


def run(*arguments: str, **env: str) -> tuple[int, str]:
    done = subprocess.run([*APP, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **env}, timeout=30)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_schema_refuses_a_database_that_has_one(new_database: Callable[[], str]) -> None:
    dsn = new_database()
    assert run("schema", "--dsn", dsn) == (0, "")
    code, message = run("schema", "--dsn", dsn)
    assert (code, message.startswith("error: the database is not empty")) == (2, True)


@pytest.mark.parametrize("dsn", ["postgresql://postgres@127.0.0.1:1/postgres", "nonsense", "postgresql://no.such.host.invalid/x"])
def test_a_database_that_cannot_be_reached_is_one_line_and_exit_code_2(dsn: str) -> None:
    for command in ("schema", "serve", "sweep"):
        code, message = run(command, CLINIC_DSN=dsn)
        assert (code, message.count("\n"), message.startswith("error: the database cannot be used: ")) == (2, 1, True)


def test_serve_names_the_command_that_makes_the_missing_schema(new_database: Callable[[], str]) -> None:
    code, message = run("serve", CLINIC_DSN=new_database())
    assert code == 2
    assert "python -m tenantry_clinic schema" in message


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CLINIC_TODAY", "someday", "someday"),
        ("CLINIC_SECRET", "short", "CLINIC_SECRET"),
        ("CLINIC_INVOICING", "there", "CLINIC_INVOICING"),
    ],
)
def test_a_variable_that_is_not_understood_is_named(new_database: Callable[[], str], variable: str, value: str, told: str) -> None:
    code, message = run("serve", CLINIC_DSN=new_database(), **{variable: value})
    assert code == 2
    assert "CLINIC_*" in message
    assert told in message


def test_the_help_of_each_command_is_short_and_fits_a_terminal() -> None:
    for arguments in ([], ["schema"], ["serve"], ["sweep"], ["faults"], ["mend"]):
        text = subprocess.run([*APP, *arguments, "--help"], capture_output=True, text=True, check=True).stdout
        assert all(len(line) <= 80 for line in text.splitlines())
        assert "..." not in text.replace("[ARGS]...", "").replace("[NAME[=VALUE]]...", "")


def test_a_taken_port_ends_the_app(clinic: Clinic) -> None:
    code, message = run("serve", "--port", str(clinic.port), CLINIC_DSN=clinic.database.dsn)
    assert code != 0
    assert "address already in use" in message


def test_workers_end_with_their_server(clinic: Clinic, tmp_path: Path) -> None:
    port = free_port()
    command = [*APP, "serve", "--port", str(port), "--workers", "2", "--pool", "2"]
    with start(command, name="the app", log=tmp_path / "log", env={**os.environ, "CLINIC_DSN": clinic.database.dsn}) as app:
        app.wait_until(partial(answers_http, port, "/api/health"))
        family = psutil.Process(app.process.pid).children(recursive=True)
        assert len(family) >= 2
    psutil.wait_procs(family, timeout=10)
    assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("below", ["", "a/b/c"])
def test_a_folder_for_uploads_is_made_by_the_first_of_them_and_not_by_looking(tmp_path: Path, below: str) -> None:
    folder, file = tmp_path / "files", tmp_path / "file"
    file.touch()
    assert can_be_written(folder / below)
    assert not can_be_written(file / below)
    assert not folder.exists()


def test_health_and_pages_answer_503_while_the_database_is_away(tmp_path: Path) -> None:
    import http.client
    import json

    from running_clinic import SECRET

    from tenantry_clinic.auth import Identity, issue_token

    def get(path: str) -> tuple[int, object]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path, headers={"authorization": f"Bearer {issue_token(Identity(1, 1, 'owner'), SECRET.encode())}"})
        response = connection.getresponse()
        found = response.status, json.loads(response.read())
        connection.close()
        return found

    with start_postgres(find_postgres()) as postgres:
        assert run("schema", CLINIC_DSN=postgres.dsn) == (0, "")
        port = free_port()
        env = {**os.environ, "CLINIC_DSN": postgres.dsn, "CLINIC_SECRET": SECRET, "CLINIC_TODAY": "2026-01-05"}
        app = start([*APP, "serve", "--port", str(port), "--pool", "2"], name="the app", log=tmp_path / "log", env=env)
        try:
            app.wait_until(partial(answers_http, port, "/api/health"))
        except BaseException:
            app.stop()
            raise
    with app:
        assert get("/api/health") == (
            503,
            {
                "status": "unavailable",
                "today": "2026-01-05",
                "dependencies": {"database": "unavailable", "files": "ok", "invoicing": "none"},
            },
        )
        assert get("/api/dashboard") == (503, {"error": "the database is not available"})
