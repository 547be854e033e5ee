"""What goes wrong while Postgres is watched: the observation goes on, and says what it did not see."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
import pytest
from runfolder import RunFolder
from running_clinic import Database
from test_observe_postgres import Kept, observed, opened, read_until, role_of, wait_for

from tenantry.diagnose.answer import diagnose
from tenantry.observe import catalog as learning
from tenantry.observe.activity import Activity
from tenantry.observe.catalog import catalog
from tenantry.observe.counters import _GAUGES, Counters
from tenantry.observe.postgres import Session
from tenantry.observe.settings import Observing
from tenantry.observe.statements import LONGEST, plans
from tenantry.observe.summary import summary
from tenantry.postgres import Postgres, find_postgres, start_postgres
from tenantry.processes import Account, run_as
from tenantry.results import open_run

EXTENSION = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"
PEOPLE = (
    "CREATE TABLE people (id int, email text, token text)",
    "INSERT INTO people SELECT n, 'p' || n || '@example.com', n FROM generate_series(1, 100) n",
    "ANALYZE people",
)
SECRETS = ("eve@example.com", "tok_live_4711", "hunter2")
WITH_SECRETS = f"SELECT id, pg_sleep(0.25) FROM people WHERE email = '{SECRETS[0]}' OR (token = '{SECRETS[1]}' OR token = '99')"


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    made = Database(new_database())
    made.run(*PEOPLE, "SELECT 1")
    return made


def rows(folder: Path, query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.sql(query.replace("readings", f"'{folder}/probes/readings-*.parquet'")).fetchall()


def test_views_that_a_role_may_not_read_are_named_and_all_others_are_read(database: Database, tmp_path: Path) -> None:
    database.run(
        EXTENSION,
        "REVOKE SELECT ON pg_stat_wal, pg_statio_user_indexes, pg_policies FROM PUBLIC",
        "REVOKE EXECUTE ON FUNCTION pg_stat_statements(boolean) FROM PUBLIC",
        "SELECT 1",
    )
    dsn = role_of(database, "narrow", "pg_monitor")
    facts, notes = observed(Observing(dsn, loads=False, counters_s=0.2), tmp_path, lambda: time.sleep(0.3))
    refused = "cannot be read: permission denied for"
    for view, what in {
        "policies of the database": "view pg_policies",
        "pg_stat_wal": "view pg_stat_wal",
        "pg_stat_user_indexes": "view pg_statio_user_indexes",
        "pg_stat_statements": "function pg_stat_statements",
    }.items():
        assert len([note for note in notes if note.startswith(f"{view} {refused} {what}")]) == 1, (view, notes)
    assert len(notes) == 4
    assert facts["notes"] == notes
    assert facts["postgres"]["missing"] == ["pg_stat_statements", "pg_stat_user_indexes", "pg_stat_wal"]
    assert facts["probes"]["postgres.counters"]["failures"] == 0
    assert facts["postgres"]["tables"][0]["name"] == "people"
    assert rows(tmp_path, "SELECT value FROM readings WHERE metric = 'table.n_tup_ins' AND subject = 'public.people'") == [(100.0,)]


def test_an_unknown_version_is_read_as_far_as_it_is_like_those_that_are_known(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.run(
        "SET allow_system_table_mods = on",
        "ALTER VIEW pg_stat_bgwriter RENAME TO pg_stat_writer",
        "ALTER VIEW pg_stat_user_functions RENAME COLUMN funcname TO function_name",
        "ALTER VIEW pg_statio_user_indexes RENAME COLUMN indexrelid TO index_id",
        "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2 * n; END'",
        "ALTER ROLE CURRENT_USER SET track_functions = pl",
        "SELECT 1",
    )
    database.run("SELECT twice(1)")
    kept = Kept()
    with opened(Counters(Observing(database.dsn), kept)) as probe:
        read_until(probe, lambda: len(probe.missing) == 4)
    database.run("ALTER ROLE CURRENT_USER RESET track_functions", "SELECT 1")
    told = sorted(probe.notes)
    assert told[0].startswith("pg_stat_bgwriter cannot be read: Postgres ")
    assert told[0].endswith(" does not have it")
    assert told[1] == "pg_stat_user_functions cannot be read: it has no column 'funcname'"
    assert told[2].startswith('pg_stat_user_indexes cannot be read: column "indexrelid"')
    assert kept.last("table.n_tup_ins")["public.people"] == 100
    monkeypatch.setattr(learning, "NEWEST", 13)
    session = Session(database.dsn)
    facts, unread = catalog(session)
    session.close()
    assert len(unread) == 1
    assert " is newer than 13, " in unread[0]
    assert facts["tables"][0]["name"] == "people"


def snapshots(database: Database) -> int:
    """How often the observer has read the counters."""
    read = "query LIKE '%pg_stat_statements_info AS observed%'"
    return int(database.value(f"SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE {read}"))


def test_a_database_that_crashes_in_the_middle_goes_on_being_counted(tmp_path: Path) -> None:
    with start_postgres(find_postgres()) as server:
        database = Database(server.dsn)
        database.run(EXTENSION, *PEOPLE, "SELECT 1")

        def load() -> None:
            calls = ["SELECT count(*) FROM people"] * 20
            wait_for(lambda: snapshots(database))
            database.run(*calls)
            before = snapshots(database)
            wait_for(lambda: snapshots(database) >= before + 2)
            # One backend that dies makes Postgres end all sessions and recover, without what it has counted.
            os.kill(database.value("SELECT pid FROM pg_stat_activity WHERE application_name = 'tenantry observe' LIMIT 1"), signal.SIGKILL)

            def answers() -> bool:
                with suppress(OSError, asyncpg.PostgresError):
                    return bool(database.run("SELECT 1"))
                return False

            wait_for(answers)
            database.run(*calls)

        facts, notes = observed(Observing(server.dsn, loads=False, counters_s=0.1), tmp_path, load)
    for part in ("postgres.activity failed", "postgres.counters failed", "Postgres has lost its counters"):
        assert len([note for note in notes if note.startswith(part)]) == 1, (part, notes)
    assert facts["notes"] == notes
    counted = {statement["text"]: statement["calls"] for statement in summary(tmp_path)["statements"]}
    assert counted["SELECT count(*) FROM people"] == 40
    commits = rows(tmp_path, "SELECT value FROM readings WHERE metric = 'database.xact_commit' ORDER BY at_ns")
    assert commits == sorted(commits)


@contextmanager
def restarted(server: Postgres) -> Iterator[None]:
    """The server, ended and started anew as its administrator does it; the new one, which is nobody's child, ends with the block."""
    assert server.folder is not None and server.pid is not None
    data = server.folder / "data"
    program = Path(f"/proc/{server.pid}/exe").readlink().with_name("pg_ctl")
    owner = pwd.getpwuid(data.stat().st_uid)
    account = Account(owner.pw_name, owner.pw_uid, owner.pw_gid) if os.geteuid() == 0 else None

    def control(*arguments: str) -> None:
        command: list[str | Path] = [program, "--silent", "--wait", "--pgdata", data, *arguments]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, **run_as(account))

    control("restart", "--mode=fast", "--log", str(data / "anew.log"))
    try:
        yield
    finally:
        control("stop", "--mode=immediate")


def test_a_server_that_is_started_anew_in_the_middle_is_watched_again_and_has_counted_on(tmp_path: Path) -> None:
    raw = RunFolder()
    raw.elapsed_s = 10.0
    raw.write(tmp_path)
    with ExitStack() as stack:
        server = stack.enter_context(start_postgres(find_postgres()))
        database = Database(server.dsn)
        database.run(EXTENSION, *PEOPLE, "SELECT 1")

        anew_ns = []

        def load() -> None:
            begun_ns = time.monotonic_ns()
            calls = ["SELECT count(*) FROM people"] * 20
            wait_for(lambda: snapshots(database))
            database.run(*calls)
            stack.enter_context(restarted(server))
            anew_ns.append(time.monotonic_ns() - begun_ns)
            database.run(*calls)
            both = "SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name = 'tenantry observe'"
            wait_for(lambda: database.value(both))
            before = snapshots(database)
            wait_for(lambda: snapshots(database) >= before + 10)

        _, notes = observed(Observing(server.dsn, loads=False, counters_s=0.1), tmp_path, load)
    for part in ("postgres.activity failed", "postgres.counters failed"):
        assert len([note for note in notes if note.startswith(part)]) == 1, (part, notes)
    assert not [note for note in notes if "lost its counters" in note], "a server that ends in peace keeps them"
    counted = {statement["text"]: statement["calls"] for statement in summary(tmp_path)["statements"]}
    assert counted["SELECT count(*) FROM people"] == 40
    fell = """SELECT DISTINCT metric, subject FROM (SELECT *, lag(value) OVER (PARTITION BY metric, subject ORDER BY at_ns) AS before
              FROM readings WHERE probe = 'postgres.counters' AND metric <> 'snapshot') WHERE value < before"""
    assert [found for found in rows(tmp_path, fell) if found[0] not in _GAUGES] == []
    looks = [row[0] for row in rows(tmp_path, "SELECT at_ns FROM readings WHERE metric = 'sessions' AND subject = ''")]
    assert sum(at_ns > anew_ns[0] for at_ns in looks) >= 3, "it is watched again"
    with open_run(tmp_path) as run:
        assert {*notes} <= {*diagnose(run).unseen}


def test_clocks_that_are_set_move_no_reading(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of the server here, whose clock goes back and forth by an hour from one look to the next.
    name = database.dsn.rpartition("/")[2]
    database.run(
        "CREATE SCHEMA stepped",
        "CREATE FUNCTION stepped.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS"
        " $$SELECT pg_catalog.clock_timestamp() + CASE WHEN random() < 0.5 THEN interval '1 hour' ELSE interval '-1 hour' END$$",
        f"ALTER DATABASE {name} SET search_path = stepped, pg_catalog, public",
        "SELECT 1",
    )
    jumps = itertools.count()
    now_s, now_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now_s() + 3600 * (-1) ** next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + 3600 * 10**9 * (-1) ** next(jumps))
    kept, begun = Kept(), time.monotonic()

    async def look() -> None:
        connection = await asyncpg.connect(database.dsn)
        async with connection.transaction():
            with opened(Activity(Observing(database.dsn), kept)) as probe, opened(Counters(Observing(database.dsn), kept)) as counters:
                for _ in range(20):
                    await asyncio.to_thread(probe.read)
                    await asyncio.to_thread(counters.read)
        await connection.close()

    asyncio.run(look())
    at_ns = [row[0] for row in kept.rows["readings"]]
    assert at_ns == sorted(at_ns)
    assert 0 <= at_ns[0] <= at_ns[-1] <= (time.monotonic() - begun) * 1e9
    ages = {row[-2] for row in kept.rows["activity"] if row[2] == "idle in transaction"}
    assert min(ages) == 0
    assert max(ages) > 3000, "the clock did go forward"


def test_ten_thousand_different_statements_are_bounded_and_what_is_forgotten_is_counted(database: Database, tmp_path: Path) -> None:
    columns = [f"c{number}" for number in range(10)]
    database.run(EXTENSION, f"CREATE TABLE wide ({', '.join(f'{name} int' for name in columns)})", "SELECT 1")
    texts = [f"SELECT {', '.join(four)} FROM wide" for four in itertools.product(columns, repeat=4)]
    batches = [";".join(texts[at : at + 500]) for at in range(0, len(texts), 500)]
    facts, notes = observed(Observing(database.dsn, loads=False, counters_s=0.5), tmp_path, lambda: database.run(*batches, "SELECT 1"))
    assert notes == []
    told = facts["postgres"]
    assert 100 < len(told["statements"]) <= 1_000
    assert len(told["plans"]) <= 12
    assert facts["observer"]["lost_rows"] == 0
    (forgotten,) = rows(tmp_path, "SELECT max(value) - min(value) FROM readings WHERE metric = 'statements.dealloc'")
    assert forgotten[0] > 0, "pg_stat_statements.max is 5000"
    ((most,),) = rows(tmp_path, "SELECT max(n) FROM (SELECT count(*) AS n FROM readings WHERE metric = 'statement.calls' GROUP BY at_ns)")
    assert most <= 500


def test_a_statement_of_megabytes_is_cut_and_not_explained(database: Database, tmp_path: Path) -> None:
    huge = f"SELECT id, /* {'long ' * 800_000} */ pg_sleep(0.3) FROM people LIMIT 1"
    database.run(EXTENSION, "SELECT 1")
    facts, notes = observed(Observing(database.dsn, loads=False), tmp_path, lambda: database.run(huge))
    assert notes == []
    texts = {number: text for number, text in facts["postgres"]["statements"].items() if text.startswith("SELECT id,")}
    (number,) = texts
    assert len(texts[number]) <= LONGEST
    assert [plan["why"] for plan in facts["postgres"]["plans"] if plan["query_id"] == number] == ["it is no query, or cut off"]
    assert len(json.dumps(facts)) < 1_000_000


@pytest.mark.parametrize("extension", [EXTENSION, "DROP EXTENSION IF EXISTS pg_stat_statements"], ids=["counted", "seen at work only"])
def test_values_in_statements_are_stored_nowhere(database: Database, tmp_path: Path, extension: str) -> None:
    name = database.dsn.rpartition("/")[2]
    database.run(extension, f"ALTER DATABASE {name} SET app.jwt_secret = '{SECRETS[2]}'", "SELECT 1")
    settings = Observing(database.dsn, loads=False)
    long = f"{WITH_SECRETS} OR email = '{'x' * 2000}{SECRETS[2]}'"
    change = f"ALTER ROLE CURRENT_USER SET app.password = '{SECRETS[2]}'"
    facts, notes = observed(settings, tmp_path, lambda: database.run(change, WITH_SECRETS, long))
    database.run("ALTER ROLE CURRENT_USER RESET app.password", "SELECT 1")
    assert notes == []
    found = facts["postgres"]
    conditions = {plan["plan"]["Filter"] for plan in found["plans"] if "email" in json.dumps(plan.get("plan", {}))}
    assert any(condition.startswith("((people.email = ") for condition in conditions), found["plans"]
    assert {entry["setting"] for entry in found["role_settings"]} >= {"app.jwt_secret=?"}
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in SECRETS if secret.encode() in content], path


def test_what_postgres_says_of_a_statement_quotes_none_of_its_values(database: Database) -> None:
    statements = {
        "1": f"SELECT '{SECRETS[2]}'::int",
        "2": f"SELECT id FROM people WHERE token = '{SECRETS[1]}",
        "3": "SELECT nowhere FROM people",
    }
    session = Session(database.dsn)
    told = [plan["why"] for plan in plans(session, statements, list(statements), role=None, setting=None, tenant=None)]
    session.close()
    assert told == [
        "invalid input syntax for type integer",
        "unterminated quoted string",
        'column "nowhere" does not exist (SQLSTATE 42703)',
    ]
