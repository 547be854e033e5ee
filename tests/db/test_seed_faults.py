"""Whatever stops a load: one message that says so, and a database that is as it was, and takes the same rows once the fault is gone."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from commandline import Shell, wait_until
from fingerprint import catalog, contents
from running_clinic import Database
from test_seed import refused

from tenantry.datasets.database import OnProgress, quiet
from tenantry.datasets.load import seed
from tenantry.datasets.population import Population
from tenantry.engine import Database as Connection
from tenantry.postgres import Postgres
from tenantry_clinic.dataset import clinic

TENANTS = 100
DATASET = "tenantry_clinic.dataset:clinic"
# Somebody else's clinic, and a trigger of theirs, which must live through all of it.
BEFORE = """
    INSERT INTO clinics VALUES (900000, 'san-jose', 'n', 'c', 'p', '2020-01-01', '2020-01-01');
    CREATE FUNCTION upper_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.city := upper(NEW.city); RETURN NEW; END $$;
    CREATE TRIGGER upper_name BEFORE UPDATE ON clinics FOR EACH ROW EXECUTE FUNCTION upper_name();
"""

HOLDS_LOCK = """SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND d.datname = current_database())"""


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    """The clinic's tables, keys and policies, with a row of somebody else."""
    assert clinic.schema and clinic.constraints
    database = Database(new_database())
    database.run(clinic.schema.read_text(), clinic.constraints.read_text(), BEFORE, "SELECT 1")
    return database


@pytest.fixture(scope="module")
def expected(new_database: Callable[[], str]) -> dict[str, str]:
    """The rows of an undisturbed load."""
    assert clinic.schema and clinic.constraints
    database = Database(new_database())
    database.run(clinic.schema.read_text(), clinic.constraints.read_text(), BEFORE, "SELECT 1")
    seed(Population(clinic, TENANTS), database.dsn)
    return contents(database)


class CuttingProxy:
    """Passes everything on to a server, until so many bytes went there; then both sides see the connection end."""

    def __init__(self, server: tuple[str, int], after_bytes: int) -> None:
        self._server, self._left = server, after_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError), self._listener:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._server)
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()
            self._pass_on(client, server, True)

    def _pass_on(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError), source, sink:
            while self._left > 0 and (data := source.recv(65536)):
                self._left -= len(data) if counted else 0
                sink.sendall(data)
            for side in (source, sink):
                side.shutdown(socket.SHUT_RDWR)


Fault = Callable[[Database, Postgres], "Iterator[tuple[str, OnProgress]]"]


def raising_trigger(database: Database, server: Postgres) -> Iterator[tuple[str, OnProgress]]:
    database.run(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no invoices today'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON invoices FOR EACH ROW EXECUTE FUNCTION no()",
        "SELECT 1",
    )
    yield database.dsn, quiet
    database.run("DROP TRIGGER no ON invoices", "DROP FUNCTION no", "SELECT 1")


def full_disk(database: Database, server: Postgres) -> Iterator[tuple[str, OnProgress]]:
    """The file of a table is /dev/full, to which the kernel answers ENOSPC: no mount, so no privilege, is needed for a full disk."""
    assert server.folder is not None
    file = server.folder / "data" / database.value("SELECT pg_relation_filepath('medical_records')")
    owner = file.stat()
    file.unlink()
    file.symlink_to("/dev/full")
    yield database.dsn, quiet
    file.unlink()
    file.touch(mode=0o600)
    with suppress(PermissionError):
        os.chown(file, owner.st_uid, owner.st_gid)


def killed_backend(database: Database, server: Postgres) -> Iterator[tuple[str, OnProgress]]:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tenantry'"

    def cut(title: str, done: int, total: int) -> None:
        if title == "medical_records":
            database.run(kill)

    yield database.dsn, cut


def cut_connection(database: Database, server: Postgres) -> Iterator[tuple[str, OnProgress]]:
    address = urlsplit(database.dsn)
    proxy = CuttingProxy((str(address.hostname), address.port or 5432), after_bytes=500_000)
    yield database.dsn.replace(f":{address.port}/", f":{proxy.port}/"), quiet


def conflicting_row(database: Database, server: Postgres) -> Iterator[tuple[str, OnProgress]]:
    database.run("INSERT INTO clinics VALUES (777, 'loadtest-00002', 'n', 'c', 'p', '2020-01-01')", "SELECT 1")
    yield database.dsn, quiet
    database.run("DELETE FROM clinics WHERE id = 777", "SELECT 1")


def locked_table(database: Database, server: Postgres) -> Iterator[tuple[str, OnProgress]]:
    database.run(f"ALTER DATABASE {database.dsn.rpartition('/')[2]} SET lock_timeout = '200ms'", "SELECT 1")
    other = Connection(database.dsn)
    other.execute("BEGIN; LOCK TABLE invoices IN SHARE ROW EXCLUSIVE MODE")
    yield database.dsn, quiet
    other.close()
    database.run(f"ALTER DATABASE {database.dsn.rpartition('/')[2]} RESET lock_timeout", "SELECT 1")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (raising_trigger, ("no invoices today", "P0001")),
        (full_disk, ("No space left on device", "free disk space on the server")),
        (killed_backend, ("127.0.0.1", "terminating connection", "what was not complete is undone")),
        (cut_connection, ("no connection to Postgres", "connection closed", "lost on the way")),
        (conflicting_row, ("clinics_slug_key", "loadtest-00002", "tenantry clean")),
        (locked_table, ("lock timeout", "another session holds a lock")),
    ],
)
def test_a_fault_is_told_and_leaves_the_database_as_it_was(
    fault: Fault, told: tuple[str, ...], database: Database, postgres: Postgres, expected: dict[str, str]
) -> None:
    with contextmanager(fault)(database, postgres) as (dsn, on_progress):
        before = catalog(database), contents(database)
        with refused(*told):
            seed(Population(clinic, TENANTS), dsn, on_progress=on_progress)
        wait_until(lambda: not database.value(HOLDS_LOCK))
        if fault is not full_disk:
            assert (catalog(database), contents(database)) == before
    assert not database.value("SELECT to_regclass('tenantry.datasets')")
    seed(Population(clinic, TENANTS), database.dsn)
    assert contents(database) == expected


WAITS = "SELECT pg_advisory_xact_lock(42)"
BEFORE_ROWS = """
    CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;
    CREATE TRIGGER waits BEFORE INSERT ON appointments EXECUTE FUNCTION waits();
"""
IN_AN_INDEX = """
    CREATE FUNCTION waits(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN $1; END $$;
    CREATE INDEX waiting ON invoices (waits(id));
"""


@pytest.mark.parametrize(
    ("step", "made", "held"),
    [
        ("pets: ", BEFORE_ROWS, WAITS),
        ("invoices: ", IN_AN_INDEX, WAITS),
        ("verify: ", "SELECT 1", "CREATE SCHEMA tenantry"),
    ],
    ids=["rows", "indexes", "note"],
)
def test_a_load_killed_at_any_moment_and_begun_again_ends_with_the_same_rows(
    step: str, made: str, held: str, database: Database, expected: dict[str, str], shell: Shell
) -> None:
    """Another session holds what the load wants next, so it is killed there and nowhere else."""
    database.run(made, "SELECT 1")
    before = catalog(database), contents(database)
    arguments = ("seed", DATASET, "--tenants", str(TENANTS))
    holder = Connection(database.dsn)
    holder.execute(f"BEGIN; {held}")
    with shell.start(*arguments, environment={"DATABASE_URL": database.dsn}) as running:
        running.wait_for(step)
        running.process.kill()
        assert running.done().code == -9
    holder.close()
    wait_until(lambda: not database.value(HOLDS_LOCK))
    assert (catalog(database), contents(database)) == before
    assert shell.run(*arguments, environment={"DATABASE_URL": database.dsn}).code == 0
    assert contents(database) == expected
