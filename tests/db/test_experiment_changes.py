"""Changes of experiments in a real Postgres: what each does, that nothing of it is left however it ends, and what is refused."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest
from fingerprint import catalog
from running_clinic import Database
from test_overrides import RATE, plan

from tenantry.diagnose.model import Finding, Fix
from tenantry.errors import UnsafeTarget, UsageError
from tenantry.experiment.changes import change_for
from tenantry.experiment.ledger import SCHEMA, opened
from tenantry.experiment.model import Change, NotTried, Site
from tenantry.postgres import Postgres, find_postgres, start_postgres
from tenantry.prepare import Prepared
from tenantry.scenario.workload import Workload

INDEX = "CREATE INDEX CONCURRENTLY pets_name_idx ON public.pets (clinic_id, name)"
PETS = (
    "CREATE TABLE pets (id int PRIMARY KEY, clinic_id int NOT NULL, name text NOT NULL)",
    "ALTER TABLE pets SET (autovacuum_enabled = off)",
    "INSERT INTO pets SELECT n, n % 10, 'pet ' || n FROM generate_series(1, 5000) AS n",
    "ANALYZE pets",
)
BASE = Prepared(Workload.__new__(Workload), plan(a=RATE), ())


def finding(name: str, statement: str = "", **subject: str) -> Finding:
    return Finding(name, 0.5, 0.8, "slow", (), Fix("repair it", statement), subject=subject)


@contextmanager
def tried(site: Site, what: Finding) -> Iterator[None]:
    """The change for a finding, for the length of the block."""
    with opened(site) as ledger, ledger.changed(change_for(what, ledger.link, site, BASE)):
        yield


def change(site: Site, what: Finding) -> Change:
    with opened(site) as ledger:
        return change_for(what, ledger.link, site, BASE)


@asynccontextmanager
async def at_work(dsn: str, **settings: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A session with these settings."""
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


def as_role(database: Database, name: str) -> str:
    """The DSN of another role."""
    return database.dsn.replace(database.dsn.split("//")[1].split("@")[0], name)


@pytest.fixture
def database(new_database: Callable[[], str]) -> Database:
    made = Database(new_database())
    made.run(*PETS, "SELECT 1")
    return made


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database.dsn)


def indexes(database: Database) -> list[str]:
    return [row[0] for row in database.run("SELECT indexname FROM pg_indexes WHERE tablename = 'pets' ORDER BY 1")]


def schemas(database: Database) -> int:
    found: int = database.value("SELECT count(*) FROM pg_namespace WHERE nspname = $$" + SCHEMA + "$$")
    return found


def test_an_index_is_there_for_the_block_and_what_undoes_it_is_written_down(database: Database, site: Site) -> None:
    before = catalog(database)
    with opened(site) as ledger:
        with ledger.changed(change_for(finding("missing_index", INDEX), ledger.link, site, BASE)):
            assert indexes(database) == ["pets_pkey", "tenantry_experiment"]
            assert "(clinic_id, name)" in database.value("SELECT indexdef FROM pg_indexes WHERE indexname = 'tenantry_experiment'")
            assert database.value(f"SELECT statement FROM {SCHEMA}.undo") == "DROP INDEX IF EXISTS public.tenantry_experiment"
        assert catalog(database) == before
        assert schemas(database) == 0


def test_an_index_of_a_foreign_key_needs_no_name(site: Site) -> None:
    made = change(site, finding("unindexed_fk", "CREATE INDEX CONCURRENTLY ON public.pets (clinic_id)"))
    assert made.do == ("CREATE INDEX tenantry_experiment ON public.pets (clinic_id)",)


def test_after_an_exception_it_is_undone(database: Database, site: Site) -> None:
    before = catalog(database)
    with pytest.raises(ZeroDivisionError), tried(site, finding("missing_index", INDEX)):
        raise ZeroDivisionError
    assert catalog(database) == before
    assert schemas(database) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_is_undone_waits_until_it_is(number: signal.Signals, database: Database, site: Site) -> None:
    before = catalog(database)
    with opened(site) as ledger:
        made = change_for(finding("missing_index", INDEX), ledger.link, site, BASE)
        undo = ledger._undo

        def interrupted(statements: list[str]) -> None:
            os.kill(os.getpid(), number)
            undo(statements)

        ledger._undo = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt), ledger.changed(made):
            pass
    assert catalog(database) == before


def test_what_a_killed_experiment_has_left_is_undone_by_the_next(database: Database, site: Site) -> None:
    before = catalog(database)
    with opened(site) as killed:
        made = change_for(finding("missing_index", INDEX), killed.link, site, BASE)
        killed._write_down(made)
        killed.link.execute(made.do[0])
    assert indexes(database) == ["pets_pkey", "tenantry_experiment"]
    with opened(site) as ledger:
        assert ledger.was_left == ["DROP INDEX IF EXISTS public.tenantry_experiment"]
        assert catalog(database) == before
    with opened(site) as ledger:
        assert ledger.was_left == []


def test_what_postgres_refuses_is_not_tried_and_leaves_nothing(database: Database, site: Site) -> None:
    with opened(site) as ledger:
        made = change_for(finding("missing_index", INDEX.replace("name)", "nickname)")), ledger.link, site, BASE)
        with pytest.raises(NotTried, match='column "nickname" does not exist'), ledger.changed(made):
            raise AssertionError("it has not been made")
    assert schemas(database) == 0


def statistics(database: Database) -> list[str]:
    """All that the planner knows of the pets and their indexes."""
    sizes = "SELECT (relname, relpages, reltuples, relallvisible)::text FROM pg_class"
    own = "relname = 'pets' OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relname = 'pets'))"
    rows = database.run(f"SELECT s::text FROM pg_stats s WHERE tablename = 'pets' UNION ALL {sizes} WHERE {own} ORDER BY 1")
    return [row[0] for row in rows]


def test_statistics_are_those_of_now_for_the_block_and_those_of_before_after_it(database: Database, site: Site) -> None:
    database.run("INSERT INTO pets SELECT n, 7, 'new' FROM generate_series(5001, 50000) AS n", "SELECT 1")
    before, definitions = statistics(database), catalog(database)
    with opened(site) as ledger:
        with ledger.changed(change_for(finding("stale_statistics", table="public.pets"), ledger.link, site, BASE)):
            assert database.value("SELECT reltuples FROM pg_class WHERE relname = 'pets'") == 50_000
            assert statistics(database) != before
        assert statistics(database) == before
    assert catalog(database) == definitions
    assert schemas(database) == 0


def test_the_plan_follows_the_statistics_there_and_back(database: Database, site: Site) -> None:
    database.run("INSERT INTO pets SELECT n, 7, 'new' FROM generate_series(5001, 50000) AS n", "SELECT 1")

    async def expected_rows(connection: asyncpg.Connection[asyncpg.Record]) -> str:
        plan = await connection.fetch("EXPLAIN SELECT * FROM pets WHERE clinic_id = 7")
        return str(plan[0][0])

    async def looked() -> list[str]:
        async with at_work(database.dsn) as connection:
            seen = [await expected_rows(connection)]
            with tried(site, finding("stale_statistics", table="public.pets")):
                seen.append(await expected_rows(connection))
            return [*seen, await expected_rows(connection)]

    first, changed, last = asyncio.run(looked())
    assert first == last != changed, "in a session that has read the statistics before"


def test_a_policy_calls_its_function_once_and_then_for_each_row_again(database: Database, site: Site) -> None:
    database.run(
        "CREATE FUNCTION my_clinic() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN 7; END $$",
        "ALTER TABLE pets ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY tenant ON pets USING (clinic_id = my_clinic()) WITH CHECK (clinic_id = my_clinic())",
        "CREATE POLICY mine ON pets USING (clinic_id = (SELECT my_clinic()))",
        "SELECT 1",
    )
    before = catalog(database)
    with opened(site) as ledger:
        made = change_for(finding("rls_per_row_function", table="public.pets", function="my_clinic"), ledger.link, site, BASE)
        assert len(made.do) == 1
        with ledger.changed(made):
            using, check = database.run("SELECT qual, with_check FROM pg_policies WHERE policyname = 'tenant'")[0]
            assert "( SELECT my_clinic() AS my_clinic)" in using and "( SELECT my_clinic() AS my_clinic)" in check
    assert catalog(database) == before


def test_a_function_that_gets_values_of_the_row_stays_as_it_is(database: Database, site: Site) -> None:
    database.run("CREATE POLICY tenant ON pets USING (clinic_id = abs(id))", "SELECT 1")
    with pytest.raises(NotTried, match="without arguments"):
        change(site, finding("rls_per_row_function", table="public.pets", function="abs"))


SECURED = (
    "CREATE TABLE owners (id int PRIMARY KEY, clinic_id int NOT NULL)",
    "INSERT INTO owners SELECT n, n % 10 FROM generate_series(1, 100) AS n",
    "CREATE INDEX pets_pattern_idx ON pets (clinic_id, name text_pattern_ops)",
    "CREATE ROLE bound LOGIN",
    "GRANT SELECT (id, clinic_id, name), INSERT, DELETE ON pets TO bound",
    "GRANT SELECT ON owners TO bound",
    "ALTER TABLE pets ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE owners ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON pets TO bound USING (clinic_id = current_setting('app.clinic')::int)",
    "CREATE POLICY tenant ON owners TO bound USING (clinic_id = current_setting('app.clinic')::int)",
)
SEVENTH = {"app.clinic": "7"}
SEARCH = finding("rls_non_leakproof", table="public.pets", tables="public.pets, public.owners")
FOUND = """SELECT p.id FROM pets p JOIN owners o ON o.clinic_id = p.clinic_id AND o.id = p.clinic_id
    WHERE p.name LIKE 'pet 10%' ORDER BY p.id"""


@pytest.fixture
def bound(database: Database) -> Iterator[str]:
    """The DSN of a role that sees the pets and owners of its clinic only."""
    database.run(*SECURED, "SELECT 1")
    yield as_role(database, "bound")
    database.run("DROP OWNED BY bound", "DROP ROLE bound", "SELECT 1")


def own_settings(database: Database) -> list[str]:
    return [str(row) for row in database.run("SELECT setrole, setdatabase, setconfig FROM pg_db_role_setting ORDER BY 1, 2")]


@pytest.mark.parametrize("path", ["", "public, pg_temp"])
def test_without_policies_the_same_rows_come_by_the_index_that_they_kept_from(
    path: str, database: Database, site: Site, bound: str
) -> None:
    if path:
        database.run(f"ALTER ROLE bound IN DATABASE {database.dsn.rpartition('/')[2]} SET search_path = {path}", "SELECT 1")
    before, settings = catalog(database), own_settings(database)

    async def seen(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[list[int], bool]:
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON, COSTS OFF) {FOUND}")
        return [row["id"] for row in await connection.fetch(FOUND)], "name ~>=~" in plan

    async def looked() -> list[tuple[list[int], bool]]:
        async with at_work(bound, **SEVENTH) as first:
            told = [await seen(first)]
            with tried(site, SEARCH):
                async with asyncio.timeout(10), at_work(bound, **SEVENTH) as anew:
                    while not first.is_closed():
                        await asyncio.sleep(0.01)
                    told.append(await seen(anew))
                    with pytest.raises(asyncpg.WithCheckOptionViolationError):
                        await anew.execute("INSERT INTO pets VALUES (9999, 8, 'of another clinic')")
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await anew.execute("UPDATE pets SET name = 'renamed'")
                    assert await anew.execute("DELETE FROM pets") == "DELETE 500"
            async with at_work(site.dsn) as owner:
                assert await owner.fetchval("SELECT count(*) FROM pets") == 4500
                await owner.execute("INSERT INTO pets SELECT n, 7, 'pet ' || n FROM generate_series(7, 4997, 10) AS n")
            async with at_work(bound, **SEVENTH) as last:
                return [*told, await seen(last)]

    rows = [107, 1007, 1017, 1027, 1037, 1047, 1057, 1067, 1077, 1087, 1097]
    assert asyncio.run(looked()) == [(rows, False), (rows, True), (rows, False)]
    assert catalog(database) == before
    assert own_settings(database) == settings
    assert schemas(database) == 0


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("CREATE POLICY more ON pets FOR UPDATE TO bound USING (clinic_id = 1)", "differ by what is done, or by who does it"),
        ("CREATE POLICY more ON pets USING (clinic_id = 1)", "differ by what is done, or by who does it"),
        ("CREATE POLICY more ON pets TO bound USING (id = 1) WITH CHECK (id = 2)", "differ by what is done, or by who does it"),
        ("CREATE POLICY more ON pets TO bound USING (EXISTS (SELECT FROM owners o WHERE o.id = pets.id))", "reads other tables"),
        (
            "CREATE FUNCTION every_pet() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM pets'",
            "every_pet works as another",
        ),
    ],
)
def test_policies_stay_where_a_condition_would_not_answer_the_same(more: str, why: str, database: Database, site: Site, bound: str) -> None:
    database.run(more, "SELECT 1")
    with pytest.raises(NotTried, match=why):
        change(site, SEARCH)


def test_policies_stay_where_nobody_is_at_work_whom_they_bind_or_a_view_would_not_be_found(site: Site, bound: str) -> None:
    with pytest.raises(NotTried, match="there are 0"):
        change(site, SEARCH)
    with pytest.raises(NotTried, match=r"does not name public\.pets, or with its schema"):
        change(site, finding("rls_non_leakproof", table="public.pets", tables="public.owners"))


def test_two_experiments_do_not_meet_in_a_database(site: Site) -> None:
    with opened(site), pytest.raises(UsageError, match="another experiment is at work"), opened(site):
        pass


def test_a_database_that_looks_like_production_is_never_changed(new_database: Callable[[], str]) -> None:
    dsn = new_database().rpartition("/")[0] + "/shop_prod"
    with pytest.raises(UnsafeTarget, match="looks like production"), opened(Site(dsn)):
        pass


def test_who_is_no_superuser_is_told_what_that_takes(database: Database) -> None:
    database.run("CREATE ROLE plain LOGIN", "SELECT 1")
    try:
        plain = Site(as_role(database, "plain"))
        with pytest.raises(NotTried, match="only a superuser can put the old statistics"):
            change(plain, finding("stale_statistics", table="public.pets"))
        with pytest.raises(NotTried, match="only a superuser can change settings"):
            change(plain, finding("wal_checkpoints", "ALTER SYSTEM SET max_wal_size = '4GB'"))
    finally:
        database.run("DROP ROLE plain", "SELECT 1")


def test_findings_without_a_change_say_why(site: Site) -> None:
    with pytest.raises(NotTried, match="in the code or the surroundings of the app"):
        change(site, finding("n_plus_one"))
    with pytest.raises(NotTried, match="only `tenantry demo` starts it itself"):
        change(site, finding("app_pool_small"))


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server whose settings nobody else lives by."""
    with start_postgres(find_postgres(), settings={"synchronous_commit": "on"}) as server:
        yield server


def auto_conf(server: Postgres) -> str:
    assert server.folder is not None
    return Path(server.folder / "data" / "postgresql.auto.conf").read_text()


def test_a_setting_reaches_sessions_that_are_there_and_is_gone_afterwards(own_server: Postgres) -> None:
    site, before = Site(own_server.dsn), auto_conf(own_server)

    async def looked() -> list[str]:
        async with at_work(own_server.dsn) as connection:
            with opened(site) as ledger:
                with ledger.changed(change_for(finding("hot_row_lock"), ledger.link, site, BASE)):
                    during = await connection.fetchval("SHOW synchronous_commit")
                await asyncio.sleep(0.3)
                return [during, await connection.fetchval("SHOW synchronous_commit")]

    assert asyncio.run(looked()) == ["off", "on"]
    assert auto_conf(own_server) == before


def test_what_alter_system_had_set_is_put_back(own_server: Postgres) -> None:
    database, site = Database(own_server.dsn), Site(own_server.dsn)
    database.run("ALTER SYSTEM SET max_wal_size = '96MB'", "SELECT pg_reload_conf()")
    before = auto_conf(own_server)
    statement = "ALTER SYSTEM SET max_wal_size = '4GB'; ALTER SYSTEM SET checkpoint_timeout = '15min'; SELECT pg_reload_conf()"
    with opened(site) as ledger:
        made = change_for(finding("wal_checkpoints", statement), ledger.link, site, BASE)
        with ledger.changed(made):
            assert database.value("SHOW max_wal_size") == "4GB"
            assert database.value("SHOW checkpoint_timeout") == "15min"
    assert auto_conf(own_server) == before


def test_settings_are_left_alone_while_others_work_on_the_server_or_have_their_own(own_server: Postgres) -> None:
    database, site = Database(own_server.dsn), Site(own_server.dsn)
    database.run("CREATE DATABASE other", "SELECT 1")
    database.run("ALTER DATABASE other SET synchronous_commit = local", "SELECT 1")
    with pytest.raises(NotTried, match="is set for a database or a role"):
        change(site, finding("hot_row_lock"))
    database.run("ALTER DATABASE other RESET synchronous_commit", "SELECT 1")

    async def with_a_neighbour() -> None:
        async with at_work(own_server.dsn.rpartition("/")[0] + "/other"):
            with pytest.raises(NotTried, match="other databases of this server are in use"):
                change(site, finding("advisory_lock"))

    asyncio.run(with_a_neighbour())
