"""Every supported version of Postgres is observed by a role with no more than the documented grants: what it counts, plans, and its log."""

from __future__ import annotations

import asyncio
import json
import platform
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from running_clinic import Database
from test_observe_postgres import Kept, opened, read_until, role_of, wait_for
from test_versions import INSTALLED

from tenantry.observe import planlog
from tenantry.observe.activity import Activity
from tenantry.observe.catalog import catalog
from tenantry.observe.counters import Counters
from tenantry.observe.planlog import NEEDED, PlanLog, is_on
from tenantry.observe.postgres import Session
from tenantry.observe.settings import Observing
from tenantry.observe.statements import plans, texts
from tenantry.postgres import Source, find_postgres, start_postgres

pytestmark = [
    pytest.mark.versions,
    pytest.mark.skipif((platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="no binaries of other versions"),
]
# How each writes its log: the destination, and the format of plans in it. `own` is the machine's server.
LOGS = {
    "14": ("csvlog", "json"),
    "own": ("stderr", "text"),
    "16": ("jsonlog", "text"),
    "17": ("stderr", "json"),
    "18": ("csvlog", "text"),
}
SCHEMA = (
    "CREATE EXTENSION pg_stat_statements",
    "CREATE ROLE app",
    "CREATE TABLE pets (id int PRIMARY KEY, clinic_id int NOT NULL, name text NOT NULL)",
    "INSERT INTO pets SELECT n, n % 7, 'Rex ' || n FROM generate_series(1, 500) n",
    "ALTER TABLE pets ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY own ON pets USING (clinic_id = current_setting('app.clinic')::int)",
    "CREATE TABLE visits (day int) PARTITION BY LIST (day)",
    "CREATE TABLE visits_1 PARTITION OF visits FOR VALUES IN (1)",
    "CREATE TABLE visits_2 PARTITION OF visits FOR VALUES IN (2)",
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2 * n; END'",
    "GRANT SELECT ON pets, visits TO app",
    "ANALYZE",
)
QUERY = "SELECT id FROM pets WHERE name LIKE $1 AND id < 400"
BY_DAY = "SELECT day FROM visits WHERE day = $1"
# The views whose columns are read, by the first version that has them.
VIEWS = [
    *((14, "database", "pg_stat_database"), (14, "wal", "pg_stat_wal"), (14, "bgwriter", "pg_stat_bgwriter")),
    *((14, "table", "pg_stat_user_tables"), (14, "table", "pg_statio_user_tables"), (14, "function", "pg_stat_user_functions")),
    *((14, "index", "pg_stat_user_indexes"), (14, "index", "pg_statio_user_indexes")),
    *((14, "statement", "pg_stat_statements"), (14, "statements", "pg_stat_statements_info")),
    *((16, "io", "pg_stat_io"), (17, "checkpointer", "pg_stat_checkpointer")),
]
IDS = {"datid", "relid", "indexrelid", "funcid", "userid", "dbid", "queryid"}
# What was renamed or moved: the first version that has it, and the first that has it no longer.
SPANS = {
    "bgwriter.checkpoints_req": (14, 17),
    "checkpointer.num_requested": (17, 99),
    "statement.blk_read_time": (14, 17),
    "statement.shared_blk_read_time": (17, 99),
    "wal.wal_sync": (14, 18),
    "wal.wal_fpi": (14, 99),
    "io.op_bytes": (16, 18),
    "io.read_bytes": (18, 99),
}


@pytest.fixture(scope="module", params=LOGS)
def server(request: pytest.FixtureRequest) -> Iterator[Database]:
    destination, form = LOGS[request.param]
    source = find_postgres()
    if request.param != "own":
        source = Source("wheel", bin=INSTALLED / f"postgres-{request.param}" / "native" / "bin", version=request.param)
    settings = {
        "shared_preload_libraries": "'pg_stat_statements, auto_explain'",
        "auto_explain.log_min_duration": "0",
        "auto_explain.log_format": form,
        "auto_explain.log_analyze": "on",
        "logging_collector": "on",
        "log_destination": destination,
        "track_functions": "pl",
    }
    with start_postgres(source, settings=settings) as postgres:
        database = Database(postgres.dsn)
        database.run(*SCHEMA, "SELECT 1")
        yield database


@pytest.fixture(scope="module")
def watcher(server: Database) -> str:
    """The DSN of the observing role."""
    dsn = role_of(server, "watcher", "pg_monitor", "app")
    server.run(f"GRANT EXECUTE ON FUNCTION {', '.join(NEEDED)} TO watcher", "SELECT 1")
    return dsn


def version_of(server: Database) -> int:
    return int(server.value("SHOW server_version_num")) // 10_000


def work(server: Database, *, name: str = "Rex 1%") -> None:
    """What an app does: queries with parameters, as its role, within its tenant's context."""

    async def execute() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("SET ROLE app; SET app.clinic = '3'; SET plan_cache_mode = force_custom_plan")
        for _ in range(7):
            await connection.fetch(QUERY, name)
            await connection.fetch(BY_DAY, 1)
        await connection.execute("SELECT twice(4)")
        await connection.close()

    asyncio.run(execute())


def columns_with_values(server: Database, view: str) -> set[str]:
    numbers = "('int4'::regtype, 'int8'::regtype, 'float8'::regtype, 'numeric'::regtype)"
    rows = server.run(f"SELECT attname FROM pg_attribute WHERE attrelid = '{view}'::regclass AND attnum > 0 AND atttypid IN {numbers}")
    counts = ", ".join(f'count("{row["attname"]}") AS "{row["attname"]}"' for row in rows)
    (found,) = server.run(f"SELECT {counts} FROM {view}")
    return {
        name for name, count in found.items() if count and name not in IDS and not name.startswith(("min_", "max_", "mean_", "stddev_"))
    }


def test_all_that_the_version_counts_is_read(server: Database, watcher: str) -> None:
    version, kept = version_of(server), Kept()
    with opened(Counters(Observing(watcher), kept)) as probe:
        probe.read()
        work(server)
        read_until(probe, lambda: 7 in probe.grown("statement.calls").values() and probe.grown("function.calls"))
        assert (probe.missing, probe.notes) == (set(), [])
    metrics = {row[2] for row in kept.rows["readings"]}
    for since, kind, view in VIEWS:
        expected = {f"{kind}.{column}" for column in columns_with_values(server, view)} if version >= since else set()
        assert expected <= metrics, view
        assert expected or version < since, view
    assert {name for name, (first, gone) in SPANS.items() if first <= version < gone} == SPANS.keys() & metrics


def test_sessions_are_seen_with_their_statements(server: Database, watcher: str) -> None:
    kept = Kept()

    async def sleep_and_look() -> None:
        connection = await asyncpg.connect(server.dsn, server_settings={"application_name": "GET /slow clinic=3"})
        sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(0.5)"))
        with opened(Activity(Observing(watcher), kept)) as probe:
            await asyncio.to_thread(read_until, probe, lambda: "SELECT pg_sleep(0.5)" in probe.texts.values())
        await sleeping
        await connection.close()

    asyncio.run(sleep_and_look())
    assert ("active", "Timeout", "PgSleep", "GET /slow", "3") in {(*row[2:5], *row[6:8]) for row in kept.rows["activity"]}


def explained(session: Session, query: str) -> dict[str, Any]:
    (found,) = plans(session, {"1": query}, ["1"], role="app", setting="app.clinic", tenant="3")
    return found


def test_the_catalog_and_generic_plans_are_those_that_the_app_meets(server: Database, watcher: str) -> None:
    session = Session(watcher)
    facts, unread = catalog(session)
    assert unread == []
    assert [(policy["table"], policy["name"]) for policy in facts["policies"]] == [("pets", "own")]
    assert {table["name"] for table in facts["tables"] if table["rows"] == 500} == {"pets"}
    assert {index["name"] for index in facts["indexes"]} == {"pets_pkey"}
    assert is_on(facts)
    plan = explained(session, QUERY)["plan"]
    assert plan["Relation Name"] == "pets"
    assert "app.clinic" in plan["Filter"]
    assert "$1" in plan["Filter"]
    # A plan that was made for nulls has no partitions.
    by_day = json.dumps(explained(session, BY_DAY)["plan"])
    assert ("visits_1" in by_day and "visits_2" in by_day) is (session.version >= 16)
    session.close()


def test_plans_of_the_log_are_those_of_the_slowest_execution(server: Database, watcher: str) -> None:
    session = Session(watcher)
    facts, _ = catalog(session)
    log = PlanLog.opened(session, facts)
    assert log.why == ""
    work(server, name="s3cret%")
    number, text = next((number, text) for number, text in texts(session, {}).items() if text.startswith("SELECT id FROM pets"))
    (found,) = wait_for(lambda: list(log.plans(session, {number: text}, [number], facts["tables"])))
    session.close()
    assert (found["query_id"], found["source"]) == (number, "auto_explain")
    assert found["duration_ms"] > 0
    plan = found["plan"]
    assert (plan["Schema"], plan["Relation Name"]) == ("public", "pets")
    assert plan["Node Type"] in ("Seq Scan", "Bitmap Heap Scan", "Index Scan")
    assert "~~" in plan["Filter"]
    assert "s3cret" not in json.dumps(found)
    assert "$1" not in plan["Filter"], "it was planned with the value"
    assert plan["Actual Rows"] == 0, "and carried out"


def test_of_a_log_of_several_files_the_last_bytes_are_searched(server: Database, watcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(watcher)
    facts, _ = catalog(session)

    def found(log: PlanLog) -> list[Any]:
        return list(log.plans(session, {"1": "SELECT twice($1)"}, ["1"], ()))

    before = PlanLog.opened(session, facts)
    work(server)
    wait_for(lambda: found(before))
    log = PlanLog.opened(session, facts)
    files = server.value("SELECT count(*) FROM pg_ls_logdir()")
    assert found(log) == [], "it was logged before"
    wait_for(
        lambda: server.value("SELECT pg_rotate_logfile(), pg_sleep(0.2)") and server.value("SELECT count(*) FROM pg_ls_logdir()") > files
    )
    work(server)
    wait_for(lambda: found(log))
    assert log.left_out == 0
    monkeypatch.setattr(planlog, "MOST_BYTES", 2_000)
    server.run(*["SELECT 1"] * 50)
    wait_for(lambda: found(log) == [] and log.left_out > 2_000)
    session.close()


def test_a_log_that_may_not_be_read_is_told_with_the_grants_that_lack(server: Database) -> None:
    everything = ", ".join(NEEDED)
    lacking = NEEDED[2] if version_of(server) >= 17 else ", ".join(NEEDED[1:])
    for role, grants, expected in (("stranger", (), everything), ("monitor", ("pg_monitor",), lacking)):
        session = Session(role_of(server, role, *grants))
        log = PlanLog.opened(session, {"settings": {}, "role_settings": []})
        session.close()
        assert f"GRANT EXECUTE ON FUNCTION {expected} TO the observing role" in log.why
