"""Faults are laid before the app starts and undone however it ends; what cannot be laid is one message."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from commandline import wait_until
from running_clinic import Database

from tenantry.postgres import Postgres
from tenantry.processes import Child, answers_http, free_port, start
from tenantry_clinic import faults
from tenantry_clinic.db import create_schema
from tenantry_clinic.faults._model import background

APP = [sys.executable, "-m", "tenantry_clinic"]
INDEX = "SELECT to_regclass('medical_records_pet_idx') IS NOT NULL"
TRACE = "SELECT count(*) FROM pg_namespace WHERE nspname = 'tenantry_clinic_faults'"


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    dsn = new_database()
    asyncio.run(create_schema(dsn))
    return Database(dsn)


def command(*arguments: str, dsn: str, **env: str) -> tuple[int, str]:
    environment = {**os.environ, "CLINIC_DSN": dsn, **env}
    done = subprocess.run([*APP, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=30)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@contextmanager
def app(database: Database, log: Path, *arguments: str, port: int | None = None) -> Iterator[Child]:
    """The app, once it answers."""
    port = port or free_port()
    serve = [*APP, "serve", "--port", str(port), "--pool", "2", *arguments]
    with start(serve, name="the app", log=log / f"{port}.log", env={**os.environ, "CLINIC_DSN": database.dsn}) as child:
        child.wait_until(partial(answers_http, port, "/api/health"))
        yield child


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_fault_lies_while_the_app_runs_and_is_undone_when_it_is_told_to_end(
    database: Database, tmp_path: Path, number: signal.Signals, workers: str
) -> None:
    with app(database, tmp_path, "--fault", "missing_index", "--workers", workers) as child:
        assert not database.value(INDEX)
        os.killpg(child.process.pid, number)
        assert child.process.wait(20) == 0
        assert (database.value(INDEX), database.value(TRACE)) == (True, 0)
        assert child.tail() == ""


def test_a_port_that_is_taken_leaves_no_fault_behind(database: Database, tmp_path: Path) -> None:
    port = free_port()
    with app(database, tmp_path, port=port):
        for workers in ("1", "2"):
            code, told = command("serve", "--port", str(port), "--workers", workers, "--fault", "missing_index", dsn=database.dsn)
            assert code != 0
            assert "address already in use" in told.lower()
            assert (database.value(INDEX), database.value(TRACE)) == (True, 0)


def test_who_does_not_own_the_database_is_told_so_before_the_app_starts(database: Database) -> None:
    dsn = re.sub(r"//.*@", "//clinic_app@", database.dsn)
    code, told = command("serve", "--fault", "missing_index", dsn=dsn)
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith("error: ")
    assert "permission denied" in told or "must be owner" in told
    assert database.value(INDEX)


def test_interrupted_while_a_fault_is_laid_the_app_does_not_start_and_nothing_is_changed(database: Database, tmp_path: Path) -> None:
    async def interrupt_while_somebody_reads() -> int:
        holder = await asyncpg.connect(database.dsn)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'medical_records'::regclass"
        serve = [*APP, "serve", "--port", str(free_port()), "--fault", "missing_index"]
        try:
            await holder.execute("BEGIN; LOCK TABLE medical_records IN ACCESS SHARE MODE")
            with start(serve, name="the app", log=tmp_path / "log", env={**os.environ, "CLINIC_DSN": database.dsn}) as child:
                async with asyncio.timeout(20):
                    while not await holder.fetchval(waiting):
                        await asyncio.sleep(0.02)
                child.process.send_signal(signal.SIGTERM)
                return child.process.wait(20)
        finally:
            await holder.close()

    assert asyncio.run(interrupt_while_somebody_reads()) == 0
    assert (tmp_path / "log").read_text() == "stopped before the app had started\n"
    assert (database.value(INDEX), database.value(TRACE)) == (True, 0)


def kill(database: Database, log: Path) -> None:
    """An app with a fault that never comes to undo it."""
    with app(database, log, "--fault", "missing_index") as child:
        child.process.kill()
        child.process.wait()
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenantry_clinic faults' AND datname = current_database()"
    wait_until(lambda: database.value(ours) == 0)
    assert not database.value(INDEX)


def test_what_a_killed_app_left_is_mended_by_the_next_start(database: Database, tmp_path: Path) -> None:
    kill(database, tmp_path)
    with app(database, tmp_path) as child:
        assert (database.value(INDEX), database.value(TRACE)) == (True, 0)
        assert "mended the faults that a killed app had left: missing_index" in child.tail()


def test_what_a_killed_app_left_is_mended_by_a_start_with_other_faults(database: Database, tmp_path: Path) -> None:
    kill(database, tmp_path)
    with app(database, tmp_path, "--fault", "hot_row_lock"):
        assert database.value(INDEX)
    assert database.value(TRACE) == 0


def test_what_a_killed_app_left_is_mended_on_command(database: Database, tmp_path: Path) -> None:
    kill(database, tmp_path)
    assert command("mend", dsn=database.dsn) == (0, "mended: missing_index\n")
    assert (database.value(INDEX), database.value(TRACE)) == (True, 0)
    assert command("mend", dsn=database.dsn) == (0, "there is nothing to mend\n")


def test_faults_of_a_running_app_are_left_alone(database: Database, tmp_path: Path) -> None:
    with app(database, tmp_path, "--fault", "missing_index"):
        code, told = command("serve", "--port", str(free_port()), "--fault", "missing_index", dsn=database.dsn)
        assert (code, told.count("another app has laid faults in this database; end it first")) == (2, 1)
        assert command("mend", dsn=database.dsn)[0] == 2
        with app(database, tmp_path) as healthy:
            assert "another app has laid faults in this database" in healthy.tail()
        assert not database.value(INDEX)
    assert database.value(INDEX)


def test_several_faults_lie_together(database: Database, tmp_path: Path) -> None:
    with app(database, tmp_path, "--fault", "missing_index", "--fault", "unindexed_fk=50", "--fault", "n_plus_one"):
        assert not database.value(INDEX)
        assert database.value("SELECT count(*) FROM slot_hold_notices") == 50
    assert database.value("SELECT to_regclass('slot_hold_notices') IS NULL")
    assert (database.value(INDEX), database.value(TRACE)) == (True, 0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("missing_indx", "there is no fault 'missing_indx'; did you mean missing_index"),
        ("xyz", "there is no fault 'xyz'; the faults are: advisory_lock, "),
        ("app_pool_small=0", "app_pool_small: 0 is not 1 or more: connections per worker"),
        ("app_pool_small=many", "app_pool_small: 'many' is not a number: connections per worker"),
        ("app_pool_small=inf", "app_pool_small: inf is not 1 or more"),
        ("none=1", "none: it has no value, not even 1"),
    ],
)
def test_a_choice_that_is_not_understood_is_named(given: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        faults.parse([given])


def test_all_that_is_wrong_is_told_at_once_before_anything_is_done(database: Database) -> None:
    code, told = command("serve", "--fault", "mising_index", dsn=database.dsn, TENANTRY_CLINIC_FAULTS="none")
    assert (code, "did you mean missing_index" in told) == (2, True)
    with pytest.raises(ValueError, match=r"missing_index.*; app_pool_small: 0 is not"):
        faults.parse(["mising_index", "app_pool_small=0"])


def test_choices_survive_the_way_to_the_workers() -> None:
    chosen = faults.parse(["app_pool_small=2", "missing_index", "none"])
    assert faults.parse(faults.text(chosen).split(",")) == chosen


def test_settings_that_postgres_was_not_started_with_are_named(database: Database) -> None:
    code, told = command("serve", "--fault", "small_shared_buffers", dsn=database.dsn)
    assert (code, told.count("\n")) == (2, 1)
    assert "-c shared_buffers=" in told
    assert f"shared_buffers is {database.value('SHOW shared_buffers')}" in told


def test_the_list_tells_what_each_fault_needs() -> None:
    code, told = command("faults", "--json", dsn="")
    known = {each["name"]: each for each in json.loads(told)}
    assert (code, list(known)) == (0, faults.names())
    assert known["small_shared_buffers"]["server"].keys() == {"shared_buffers"}
    code, told = command("faults", "small_shared_buffers=2", "--json", dsn="")
    assert json.loads(told)[0]["server"] == {"shared_buffers": "2MB"}


async def test_background_work_that_ends_before_the_app_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        raise OSError("the disk is gone")

    async with background("bloat", work()):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert capsys.readouterr().err == "error: the fault bloat is over before the app, its background work has ended: the disk is gone\n"


async def test_background_work_that_is_ended_with_the_app_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with background("bloat", asyncio.sleep(60)):
        pass
    assert capsys.readouterr().err == ""


def test_the_server_settings_of_every_fault_are_those_that_postgres_shows(postgres: Postgres) -> None:
    shown = {
        row["name"]: row["value"] for row in Database(postgres.dsn).run("SELECT name, current_setting(name) AS value FROM pg_settings")
    }
    for name in faults.names():
        for setting in faults.server({name: faults.fault(name).default}):
            assert setting in shown, f"{name} wants {setting}"
