"""The throwaway Postgres: found in order, started as anybody, and gone without a trace however its parent ends."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from tenantry.errors import EnvironmentFault, UsageError
from tenantry.postgres import Source, find, find_postgres, installed, server, start_postgres
from tenantry.processes import free_port

SOURCES = list(installed())
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PARENT = """
import os, signal, time
from tenantry.postgres import find_postgres, start_postgres
signal.signal(signal.SIGINT, signal.default_int_handler)
with start_postgres(find_postgres()) as postgres:
    try:
        print(postgres.pid, postgres.folder, flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        os.kill(postgres.pid, 0)
        print("still there", flush=True)
        raise
"""


def ask(dsn: str, query: str, **options: Any) -> Any:
    async def work() -> Any:
        connection = await asyncpg.connect(dsn, timeout=10, **options)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(work())


def traces(folder: Path) -> list[str]:
    """Processes that name the folder or work in it, and the folder itself. A dead process that nobody has reaped yet is no process."""
    found = [str(folder)] if folder.exists() else []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if str(folder) in " ".join(process.cmdline()) or str(folder) in process.cwd():
                found.append(str(process))
    return found


def wait_without_traces(folder: Path) -> None:
    give_up = time.monotonic() + 15
    while traces(folder):
        assert time.monotonic() < give_up, traces(folder)
        time.sleep(0.05)


@contextmanager
def parent_process(*prefix: str) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """A Python that has a server, the server's pid, and its folder."""
    command = [*prefix, sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd="/") as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if not line:
            raise AssertionError(process.communicate()[1])
        try:
            yield process, int(line[0]), Path(line[1])
        finally:
            process.kill()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.kind}-{source.version}")
def test_every_source_gives_a_server_on_loopback_alone_that_leaves_nothing(source: Source) -> None:
    with start_postgres(source, max_connections=33) as postgres:
        assert postgres.pid is not None
        assert postgres.folder is not None
        assert ask(postgres.dsn, "SHOW server_version").startswith(source.version)
        assert ask(postgres.dsn, "SHOW max_connections") == "33"
        process = psutil.Process(postgres.pid)
        assert process.uids().effective == process.uids().real != 0
        assert {connection.laddr.ip for connection in process.net_connections() if connection.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        assert len(traces(postgres.folder)) > 2
        family = [process, *process.children(recursive=True)]
    assert not postgres.folder.exists()
    assert [each for each in family if each.is_running()] == []
    assert traces(postgres.folder) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.kind}-{source.version}")
def test_pg_stat_statements_can_be_created_exactly_where_it_is_said_to_be(source: Source) -> None:
    with start_postgres(source) as postgres:
        if source.has_pg_stat_statements:
            ask(postgres.dsn, "CREATE EXTENSION pg_stat_statements")
            assert ask(postgres.dsn, "SELECT count(*) > 0 FROM pg_stat_statements")
        else:
            with pytest.raises((asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError)):
                ask(postgres.dsn, "CREATE EXTENSION pg_stat_statements")


def test_the_superuser_needs_its_password_and_another_role_needs_none() -> None:
    with start_postgres(find_postgres()) as postgres:
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(postgres.dsn, "SELECT 1", password="guess")
        ask(postgres.dsn, "CREATE ROLE anyone LOGIN")
        assert ask(postgres.dsn, "SELECT current_user::text", user="anyone", password="") == "anyone"
    assert "@" not in repr(postgres)


def test_nothing_is_left_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), start_postgres(find_postgres()) as postgres:
        _ = 1 / 0
    assert postgres.folder is not None
    assert traces(postgres.folder) == []


def test_open_connections_do_not_delay_the_stop() -> None:
    async def hold(dsn: str) -> None:
        await (await asyncpg.connect(dsn)).execute("SELECT pg_sleep(60)")

    async def work() -> float:
        with start_postgres(find_postgres()) as postgres:
            sleeping = asyncio.create_task(hold(postgres.dsn))
            while await asyncio.to_thread(ask, postgres.dsn, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0:
                pass
            begin = time.monotonic()
        took = time.monotonic() - begin
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await sleeping
        return took

    assert asyncio.run(work()) < 5


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_nothing_is_left_after_the_parent_is_killed(deadly: signal.Signals) -> None:
    with parent_process() as (process, _, folder):
        assert traces(folder)
        os.kill(process.pid, deadly)
        process.wait()
        wait_without_traces(folder)


def test_ctrl_c_reaches_our_code_before_the_server() -> None:
    with parent_process() as (process, _, folder):
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate()
        assert "still there" in output
        assert "KeyboardInterrupt" in errors
        assert traces(folder) == []


@AS_ROOT
def test_an_ordinary_user_can_start_it_as_well() -> None:
    nobody = pwd.getpwnam("nobody")
    # The capability lets it read a virtual environment in root's home; to Postgres it is nobody all the same.
    prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs setpriv of util-linux and its right to pass a capability on")
    with parent_process(*prefix) as (process, pid, folder):
        assert psutil.Process(process.pid).uids().real == psutil.Process(pid).uids().real == nobody.pw_uid
        process.terminate()
        process.wait()
        wait_without_traces(folder)


@AS_ROOT
def test_as_root_a_wheel_that_others_cannot_reach_works_too(tmp_path: Path) -> None:
    wheel = next((source for source in SOURCES if source.kind == "wheel"), None)
    if wheel is None:
        pytest.skip("the wheel is not installed")
    package = wheel.bin.parents[1]
    (tmp_path / "site").mkdir(mode=0o700)
    hidden = tmp_path / "site" / package.name / wheel.bin.parent.name
    shutil.copytree(wheel.bin.parent, hidden, ignore=shutil.ignore_patterns("include", "*.a"))
    if package.with_name(f"{package.name}.libs").exists():
        shutil.copytree(package.with_name(f"{package.name}.libs"), tmp_path / "site" / f"{package.name}.libs")
    with start_postgres(Source("wheel", bin=hidden / "bin", version=wheel.version)) as postgres:
        assert ask(postgres.dsn, "SELECT 1") == 1


def test_a_taken_port_makes_it_try_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_postgres(find_postgres()) as first:
        taken = int(first.dsn.rpartition(":")[2].partition("/")[0])
        ports = iter([taken, free_port()])
        monkeypatch.setattr(server, "free_port", lambda: next(ports))
        monkeypatch.setattr(server, "accepts_tcp", lambda port: True)
        with start_postgres(find_postgres()) as second:
            assert ask(second.dsn, "SELECT 1") == 1
            assert second.dsn.rpartition("@")[2] != first.dsn.rpartition("@")[2]


def test_a_server_that_does_not_start_tells_its_own_last_words(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    reachable = Path("/tmp") if os.geteuid() == 0 else tmp_path
    before = set(reachable.glob("tenantry-pg-*"))
    with (
        pytest.raises(EnvironmentFault, match=r'(?s)Postgres did not start.*invalid value for parameter "shared_buffers"'),
        start_postgres(find_postgres(), settings={"shared_buffers": "plenty"}, parent=reachable),
    ):
        pass
    assert set(reachable.glob("tenantry-pg-*")) <= before


def test_too_little_disk_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FREE_BYTES", 10**18)
    with pytest.raises(EnvironmentFault, match=r"MB free, a throwaway Postgres needs") as fault, start_postgres(find_postgres()):
        pass
    assert "TMPDIR" in fault.value.hint


@AS_ROOT
def test_a_disk_that_fills_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Path("/tmp") / f"tenantry-test-small-{os.getpid()}"
    small.mkdir()
    try:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", small], capture_output=True, check=False).returncode != 0:
            pytest.skip("this root may not mount")
        monkeypatch.setattr(server, "FREE_BYTES", 0)
        with pytest.raises(EnvironmentFault, match="the disk is full"), start_postgres(find_postgres(), parent=small):
            pass
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], capture_output=True, check=False)
        small.rmdir()


def test_a_dsn_comes_first_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    source = find_postgres("postgresql://me@db.example/app")
    with start_postgres(source) as postgres:
        assert (source.kind, postgres.dsn, postgres.pid) == ("dsn", "postgresql://me@db.example/app", None)


def test_a_dsn_that_is_no_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--dsn: the DSN is not a URL"):
        find_postgres("host=localhost")


def test_without_any_postgres_the_message_names_both_ways_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(find, "_VERSIONED", ())
    monkeypatch.setattr(find, "WHEEL", "no_such_wheel")
    with pytest.raises(EnvironmentFault) as fault:
        find_postgres()
    assert "apt-get install postgresql" in fault.value.hint
    assert "pip install 'tenantry[demo]'" in fault.value.hint


def fake_server(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name, script in (("postgres", f"echo 'postgres (PostgreSQL) {version} (Debian)'"), ("initdb", "exit 1")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Versions in the order found, on a machine with the given `folder=version` pairs; `path` is what lies on PATH."""

    def find_on(path: str = "", **versions: str) -> list[str]:
        folders = {name: fake_server(tmp_path / "pg" / name / "bin", version) for name, version in versions.items()}
        monkeypatch.setenv("PATH", str(folders.get(path, tmp_path)))
        monkeypatch.setattr(find, "_VERSIONED", (f"{tmp_path}/pg/*/bin",))
        monkeypatch.setattr(find, "WHEEL", "no_such_wheel")
        return [source.version for source in installed()]

    return find_on


@pytest.mark.parametrize(
    ("folders", "path", "expected"),
    [
        ({"9": "9.6.24", "15": "15.3", "17": "17.1"}, "", ["17.1", "15.3"]),
        ({"15": "15.3", "17": "17.1"}, "15", ["15.3", "17.1"]),
        ({"18": "18beta1"}, "", ["18"]),
        ({"13": "13.9"}, "13", []),
    ],
)
def test_path_comes_before_the_newest_version_and_old_ones_never(
    machine: Callable[..., list[str]], folders: dict[str, str], path: str, expected: list[str]
) -> None:
    assert machine(path, **folders) == expected
