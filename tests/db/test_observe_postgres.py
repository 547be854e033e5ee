"""The probes of Postgres on a real server: who waits for whom, what grows, what a role may not see, and that nothing is written."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from fingerprint import catalog as schema_of
from fingerprint import contents
from running_clinic import Database

from tenantry.engine import DatabaseError
from tenantry.observe.activity import Activity
from tenantry.observe.catalog import catalog as learnt
from tenantry.observe.counters import Counters
from tenantry.observe.observer import Observer
from tenantry.observe.planlog import NEEDED, PlanLog
from tenantry.observe.postgres import Session
from tenantry.observe.probe import Watch
from tenantry.observe.recorder import Recorder
from tenantry.observe.settings import Observing
from tenantry.observe.statements import own_statements, plans
from tenantry.observe.summary import summary
from tenantry.postgres import find_postgres, start_postgres
from tenantry.processes import free_port
from tenantry_clinic.settings import APP_ROLE

SECRET = "s3cret-of-a-customer"
TENANT_QUERY = "/*route='GET /pets',tenant='1'*/ SELECT id, name FROM pets WHERE name LIKE 'Rex%'"


class Kept(Recorder):
    """Keeps the rows in memory."""

    def __init__(self) -> None:
        super().__init__(Path(), time.monotonic_ns())
        self.rows: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def _add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self.rows[table] += rows

    def last(self, metric: str) -> dict[str, float]:
        return {subject: value for _, _, name, subject, value in self.rows["readings"] if name == metric}


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    made = Database(new_database())
    made.run(
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements",
        "CREATE TABLE stock (id int PRIMARY KEY, left_over int)",
        "INSERT INTO stock SELECT n, 5 FROM generate_series(1, 100) n",
        "SELECT 1",
    )
    return made


@pytest.fixture
def without_extension(new_database: Callable[[], str]) -> Database:
    made = Database(new_database())
    made.run("CREATE TABLE stock (id int PRIMARY KEY, left_over int)", "SELECT 1")
    return made


@contextmanager
def opened(probe: Activity | Counters) -> Iterator[Any]:
    probe.open()
    try:
        yield probe
    finally:
        probe.close()


def wait_for(holds: Callable[[], Any], what: str = "it never came", timeout_s: float = 20.0) -> Any:
    give_up = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < give_up, what
        time.sleep(0.02)
    return found


def read_until(probe: Any, holds: Callable[[], Any]) -> None:
    """Take readings until it holds."""

    def reads() -> Any:
        probe.read()
        return holds()

    wait_for(reads)


def test_sessions_that_wait_for_a_lock_are_seen_with_who_blocks_them(database: Database) -> None:
    kept = Kept()
    update = "UPDATE stock SET left_over = left_over - 1 WHERE id = 1"

    async def work() -> None:
        first = await asyncpg.connect(database.dsn, server_settings={"application_name": "POST /checkout clinic=7"})
        others = [await asyncpg.connect(database.dsn, server_settings={"application_name": "POST /checkout"}) for _ in range(2)]
        transaction = first.transaction()
        await transaction.start()
        await first.execute(update)
        waiting = [asyncio.create_task(other.execute(f"/*tenant='{place}'*/ {update}")) for place, other in enumerate(others)]
        await asyncio.to_thread(watch_until_both_wait)
        await transaction.rollback()
        await asyncio.gather(*waiting)
        for connection in (first, *others):
            await connection.close()

    def watch_until_both_wait() -> None:
        with opened(Activity(Observing(database.dsn), kept)) as probe:
            read_until(probe, lambda: {row[6] for row in kept.rows["blocking"]} >= {"0", "1"})

    asyncio.run(work())
    rows = kept.rows["blocking"]
    assert {row[5] for row in rows} == {"POST /checkout"}
    # At the end of each chain is the one that is idle in its transaction, also for the one that waits for the other waiting one.
    assert {(row[8], row[11 + 1], row[13]) for row in rows} == {("idle in transaction", "POST /checkout", "7")}
    assert {row[1] for row in rows} <= {"transactionid", "tuple"}
    assert all(row[-3] == 1 and row[-1] >= row[-2] - 0.1 >= -0.1 for row in rows), "held at least as long as waited for"
    waits = {(row[2], row[3], row[4]) for row in kept.rows["activity"]}
    assert ("idle in transaction", "Client", "ClientRead") in waits
    assert {kind for state, kind, _ in waits if state == "active"} >= {"Lock"}


def test_a_sample_without_sessions_is_a_sample(database: Database) -> None:
    kept = Kept()
    with opened(Activity(Observing(database.dsn), kept)) as probe:
        probe.read()
    assert kept.last("sessions") == {"": 0.0, "elsewhere": 0.0}


def test_counters_grow_by_what_was_executed(database: Database) -> None:
    kept = Kept()
    with opened(Counters(Observing(database.dsn), kept)) as probe:
        probe.read()
        before = kept.last("table.n_tup_ins")["public.stock"]
        database.run(*["INSERT INTO stock SELECT max(id) + 1, 0 FROM stock"] * 7, "SELECT 1")
        read_until(probe, lambda: kept.last("table.n_tup_ins")["public.stock"] > before)
        assert kept.last("table.n_tup_ins")["public.stock"] == before + 7
        assert 7 in probe.grown("statement.calls").values()
        assert (probe.missing, probe.notes) == (set(), [])
    assert kept.last("database.xact_commit")[""] > 0


def test_a_value_that_has_not_changed_is_written_once(database: Database) -> None:
    kept = Kept()
    with opened(Counters(Observing(database.dsn), kept)) as probe:
        for _ in range(3):
            probe.read()
    sizes = [row for row in kept.rows["readings"] if row[2:4] == ("table.n_tup_ins", "public.stock")]
    assert len(sizes) == 1
    assert len([row for row in kept.rows["readings"] if row[2] == "snapshot"]) == 3


def test_without_the_extension_it_is_told_and_the_rest_is_counted(without_extension: Database) -> None:
    kept = Kept()
    with opened(Counters(Observing(without_extension.dsn), kept)) as probe:
        probe.read()
        assert probe.missing == {"pg_stat_statements"}
    assert kept.last("table.n_tup_ins") == {"public.stock": 0.0}
    session = Session(without_extension.dsn)
    assert own_statements(session) is None
    session.close()


def test_a_session_of_ours_cannot_write(database: Database) -> None:
    session = Session(database.dsn)
    for statement in ("CREATE TABLE ours (id int)", "DELETE FROM stock", "CREATE INDEX ON stock (left_over)"):
        with pytest.raises(DatabaseError, match="read-only"):
            session.execute(statement)
    session.close()


def test_what_our_statements_cost_the_server_is_counted(database: Database) -> None:
    session = Session(database.dsn)
    before = own_statements(session)
    for _ in range(5):
        session.rows("SELECT pg_sleep(0.01)")
    after = own_statements(session)
    session.close()
    assert before is not None
    assert after is not None
    assert after["calls"] - before["calls"] >= 5
    assert after["exec_s"] - before["exec_s"] >= 0.05


def test_only_single_queries_are_explained_and_nothing_is_carried_out(database: Database) -> None:
    database.run("CREATE SEQUENCE numbers", "SELECT 1")
    statements = {
        "1": "SELECT nextval('numbers')",
        "2": "SELECT 1; SELECT nextval('numbers')",
        "3": "SELECT 1; COMMIT; DROP TABLE stock",
        "4": "DELETE FROM stock WHERE id = $1;",
        "5": "VACUUM stock",
        "6": "SELECT nonsense FROM stock",
    }
    session = Session(database.dsn)
    found = {plan["query_id"]: plan for plan in plans(session, statements, list(statements), role=None, setting=None, tenant=None)}
    session.close()
    assert {number for number, plan in found.items() if "plan" in plan} == {"1", "4"}
    assert "several" in found["2"]["why"]
    assert "several" in found["3"]["why"]
    assert "nonsense" in found["6"]["why"]
    assert database.value("SELECT is_called FROM numbers") is False
    assert database.value("SELECT count(*) FROM stock") == 100


def role_of(database: Database, name: str, *grants: str) -> str:
    """The DSN of a role with these memberships, which may not do more."""
    database.run(
        f"DO $$ BEGIN CREATE ROLE {name} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        *(f"GRANT {grant} TO {name}" for grant in grants),
        "SELECT 1",
    )
    address = urlsplit(database.dsn)
    return f"postgresql://{name}@{address.hostname}:{address.port}{address.path}"


def observed(settings: Observing, folder: Path, meanwhile: Callable[[], object]) -> tuple[dict[str, Any], list[str]]:
    """What a whole observation learnt, and its notes."""
    observer = Observer(settings, folder)

    async def work() -> None:
        await observer.open()
        assert observer.watches, observer.notes
        observer.begin(time.monotonic_ns())
        await asyncio.to_thread(meanwhile)
        observer.load_ended()
        await observer.close(wait=True)

    asyncio.run(work())
    return json.loads((folder / "probes/facts.json").read_text()), observer.notes


def test_a_role_with_pg_monitor_sees_all_and_one_without_is_told(database: Database, tmp_path: Path) -> None:
    for name, grants, expected in (("watcher", ("pg_monitor",), False), ("stranger", (), True)):
        dsn = role_of(database, name, *grants)
        folder = tmp_path / name
        folder.mkdir()
        facts, notes = observed(Observing(dsn, loads=False), folder, lambda: time.sleep(0.5))
        assert any("pg_monitor" in note for note in notes) is expected, notes
        assert facts["postgres"]["role"] == name
        assert facts["probes"]["postgres.activity"]["failures"] == 0, facts["probes"]
        assert facts["probes"]["postgres.counters"]["failures"] == 0, facts["probes"]


def test_a_whole_observation_has_plans_as_the_app_sees_the_data_and_no_secrets(new_database: Callable[[], str], tmp_path: Path) -> None:
    database = Database(new_database()).with_clinics()
    database.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "SELECT 1")
    before = schema_of(database), contents(database)

    def load() -> None:
        give_up = time.monotonic() + 20
        for _ in range(40):
            assert time.monotonic() < give_up
            database.run(
                "SET app.clinic_id = '1'",
                TENANT_QUERY,
                f"SELECT '{SECRET}', pg_sleep(0.02)",
                f"/* tenant='1' */ SELECT pg_sleep(0.02) WHERE '{SECRET}' <> ''",
                user=APP_ROLE,
            )

    facts, notes = observed(Observing(database.dsn, app_role=APP_ROLE), tmp_path, load)
    assert notes == []
    told = facts["postgres"]
    assert SECRET not in json.dumps(facts)
    (number,) = [number for number, text in told["statements"].items() if text.startswith("SELECT id, name FROM pets")]
    session = Session(database.dsn)
    (plan,) = plans(session, {number: TENANT_QUERY}, [number], role=APP_ROLE, setting=told["tenant_setting"], tenant="1")
    session.close()
    assert told["tenant_setting"]
    assert told["tenant_setting"] in json.dumps(plan["plan"]), "the policy is part of the plan"
    assert told["app_role"] == APP_ROLE
    assert all("plan" in plan or plan["why"] for plan in told["plans"])
    assert told["cost"]["calls"] > 0
    assert (schema_of(database), contents(database)) == before, "nothing was written"
    seen = summary(tmp_path)
    assert seen["sessions"]["active"] > 0
    assert {wait["wait_event"] for wait in seen["sessions"]["waits"]} >= {"PgSleep"}
    assert seen["sessions"]["max_connections"] == 200
    assert all("tenantry observe" not in (statement["text"] or "") for statement in seen["statements"])
    assert {probe["name"] for probe in seen["probes"]} == {"host", "processes", "postgres.activity", "postgres.counters"}
    assert seen["cost"]["postgres_calls"] == told["cost"]["calls"]


def test_plans_that_auto_explain_has_logged_come_before_those_of_explain(tmp_path: Path) -> None:
    settings = {"logging_collector": "on", "session_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "20"}
    query = "SELECT id, pg_sleep(0.05) FROM stock WHERE left_over = 5 LIMIT 1"
    with start_postgres(find_postgres(), settings=settings) as server:
        database = Database(server.dsn)
        stock = "CREATE TABLE stock AS SELECT n AS id, 5 AS left_over FROM generate_series(1, 100) n"
        database.run("CREATE EXTENSION pg_stat_statements", stock, query)
        # The first snapshot of the counters comes before.
        work = ("SELECT pg_sleep(1)", *[query] * 3, "SELECT count(*) FROM stock")
        facts, notes = observed(Observing(server.dsn, loads=False), tmp_path, lambda: database.run(*work))
    assert notes == []
    told = facts["postgres"]
    by_text = {told["statements"][plan["query_id"]]: plan for plan in told["plans"]}
    slow = by_text["SELECT id, pg_sleep($1) FROM stock WHERE left_over = $2 LIMIT $3"]
    assert slow["source"] == "auto_explain"
    assert slow["duration_ms"] >= 50
    (scan,) = slow["plan"]["Plans"]
    assert (scan["Node Type"], scan["Schema"], scan["Filter"]) == ("Seq Scan", "public", "(left_over = ?)")
    assert by_text["SELECT count(*) FROM stock"]["source"] == "explain", "it is too quick to be logged"


def test_plans_in_a_log_that_the_server_does_not_keep_are_told_at_once(database: Database, tmp_path: Path) -> None:
    role = role_of(database, "explained", "pg_monitor")
    database.run(
        f"GRANT EXECUTE ON FUNCTION {', '.join(NEEDED)} TO explained",
        "ALTER ROLE explained SET session_preload_libraries = 'auto_explain'",
        "ALTER ROLE explained SET auto_explain.log_min_duration = '1s'",
        "SELECT 1",
    )

    async def learn() -> list[str]:
        observer = Observer(Observing(role, loads=False), tmp_path)
        await observer.open()
        await observer.close(wait=False)
        return observer.notes

    (note,) = asyncio.run(learn())
    assert note.startswith("auto_explain is on, but its plans cannot be read: ")
    assert "logging_collector = on" in note
    for setting, expected in (("yaml", "log_format is yaml"), ("text", "logging_collector")):
        database.run(f"ALTER ROLE explained SET auto_explain.log_format = '{setting}'", "SELECT 1")
        session = Session(role)
        assert expected in PlanLog.opened(session, learnt(session)[0]).why
        session.close()
    database.run("DROP OWNED BY explained", "DROP ROLE explained", "SELECT 1")


def test_a_probe_whose_connection_is_killed_comes_back(database: Database) -> None:
    kept = Kept()
    watch = Watch(Activity(Observing(database.dsn), kept))
    watch.start()
    ours = "application_name = 'tenantry observe' AND datname = current_database()"
    kill = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {ours}"
    wait_for(lambda: watch.account.readings > 0)
    assert database.value(kill) == 1
    wait_for(lambda: watch.account.failures)
    readings = watch.account.readings
    wait_for(lambda: watch.account.readings > readings, "it did not come back")
    watch.end()
    watch.join(10)
    assert [note for note in watch.told() if note.startswith("postgres.activity failed 1 times, at last: ")]


def test_a_server_that_crashes_and_recovers_is_watched_again(tmp_path: Path) -> None:
    with start_postgres(find_postgres()) as server:
        database = Database(server.dsn)
        probes = [Watch(Activity(Observing(server.dsn), Kept())), Watch(Counters(Observing(server.dsn, counters_s=0.1), Kept()))]
        for watch in probes:
            watch.start()
        wait_for(lambda: all(watch.account.readings for watch in probes))
        # One backend that dies makes Postgres end all sessions and recover.
        os.kill(database.value("SELECT pid FROM pg_stat_activity WHERE application_name = 'tenantry observe' LIMIT 1"), signal.SIGKILL)
        wait_for(lambda: all(watch.account.failures for watch in probes))
        readings = [watch.account.readings for watch in probes]
        wait_for(lambda: all(watch.account.readings > before for watch, before in zip(probes, readings, strict=True)))
        for watch in probes:
            watch.end()
        for watch in probes:
            watch.join(10)


def test_a_database_that_is_not_there_is_a_note_and_the_rest_is_watched(tmp_path: Path) -> None:
    settings = Observing(
        f"postgresql://nobody@127.0.0.1:{free_port()}/none",
        f"postgresql://nobody@127.0.0.1:{free_port()}/pgbouncer",
        (f"http://127.0.0.1:{free_port()}/metrics",),
        loads=False,
    )
    facts, notes = observed(settings, tmp_path, lambda: time.sleep(1.5))
    for part in (
        "Postgres cannot be observed: ",
        "PgBouncer cannot be observed: ",
        "postgres.activity failed",
        "pgbouncer failed",
        "app failed",
    ):
        assert any(note.startswith(part) for note in notes), (part, notes)
    assert facts["host"]["cores"] >= 1
    assert facts["probes"]["host"]["readings"] >= 1


def test_many_different_statements_are_bounded(without_extension: Database) -> None:
    kept = Kept()
    probe = Activity(Observing(without_extension.dsn), kept)
    probe.texts = {str(number): "SELECT" for number in range(10_000)}
    with opened(probe):
        probe.read()
    assert len(probe.texts) == 10_000, "no more are learnt"
