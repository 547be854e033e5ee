"""Faults of the app, of its connections and of what is around it: each has its mechanism while it lies, and is gone afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil
import pytest
from commandline import wait_until
from pooler_console import show
from running_clinic import SECRET, Clinic, Database
from starlette.applications import Starlette

from tenantry.postgres import find_postgres, start_postgres
from tenantry.processes import answers_http, free_port, start
from tenantry_clinic import faults
from tenantry_clinic.app import from_environment
from tenantry_clinic.db import Session, create_schema
from tenantry_clinic.faults._life import beside
from tenantry_clinic.faults._model import Ground
from tenantry_clinic.faults.pooler_pool_small import pgbouncer

ROWS = (Path(__file__).parent / "clinic_rows.sql").read_text()
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'clinic_app'"
BASKET = {"owner_id": 1, "items": [{"product_id": 1, "quantity": 1}]}


def filled(dsn: str) -> Database:
    asyncio.run(create_schema(dsn))
    database = Database(dsn)
    database.run(ROWS, "UPDATE products SET stock = 1000", "SELECT 1")
    return database


@pytest.fixture(scope="module")
def database(new_database: Callable[[], str]) -> Database:
    """Two clinics; tests leave it as it is, or add sales."""
    return filled(new_database())


class App:
    """The app in this process, with some faults."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, dsn: str) -> None:
        self.app, self._client, self.dsn = app, client, dsn

    async def get(self, path: str, *, clinic: int = 1) -> httpx.Response:
        return await self._client.get(path, headers={"authorization": f"Bearer {Clinic.token(clinic)}"})

    async def post(self, path: str, body: Any, *, clinic: int = 1) -> httpx.Response:
        return await self._client.post(path, json=body, headers={"authorization": f"Bearer {Clinic.token(clinic)}"})

    async def get_times(self, path: str, times: int) -> list[httpx.Response]:
        """At once."""
        return await asyncio.gather(*(self.get(path) for _ in range(times)))


@asynccontextmanager
async def app(database: Database, *choices: str, pool: int = 4) -> AsyncIterator[App]:
    """The app with these faults, as `serve` lays them; `none` is the healthy one."""
    variables = {"CLINIC_DSN": database.dsn, "CLINIC_POOL": str(pool), "CLINIC_SECRET": SECRET, "CLINIC_TODAY": "2026-01-05"}
    laid = faults.parse(choices)
    with mock.patch.dict(os.environ, variables), beside(laid, Ground(database.dsn, free_port())) as environment:
        os.environ.update({**environment, faults.VARIABLE: faults.text(laid)})
        clinic = from_environment()
        async with clinic.router.lifespan_context(clinic):
            transport = httpx.ASGITransport(app=clinic)
            async with httpx.AsyncClient(transport=transport, base_url="http://clinic", timeout=30) as client:
                yield App(clinic, client, os.environ["CLINIC_DSN"])


async def ask(database: Database, query: str) -> Any:
    """The first value, asked as the superuser without holding up the app."""
    connection = await asyncpg.connect(database.dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def becomes(database: Database, query: str, wanted: object) -> None:
    async with asyncio.timeout(20):
        while await ask(database, query) != wanted:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def largest(value: Callable[[], int]) -> AsyncIterator[Callable[[], int]]:
    """The largest value that was seen within the block."""
    seen = [value()]

    async def watch() -> None:
        while True:
            seen.append(value())
            await asyncio.sleep(0.001)

    task = asyncio.create_task(watch())
    try:
        yield lambda: max(seen)
    finally:
        task.cancel()


def server_timing(response: httpx.Response) -> dict[str, float]:
    parts = (part.split(";dur=") for part in response.headers["server-timing"].split(", "))
    return {name: float(milliseconds) for name, milliseconds in parts}


async def test_connections_that_leak_stay_in_use_and_are_idle(database: Database) -> None:
    idle = SESSIONS + " AND state = 'idle'"
    async with app(database, "connection_leak=2") as clinic:
        for used in (0, 1, 1, 2, 2, 3):
            await clinic.get("/api/products")
            assert clinic.app.state.db.in_use == used
        await becomes(database, idle, 4)
    await becomes(database, SESSIONS, 0)
    async with app(database, "none") as clinic:
        await clinic.get_times("/api/products", 6)
        assert clinic.app.state.db.in_use == 0


async def test_reading_transactions_that_are_not_ended_stay_open(database: Database) -> None:
    in_transaction = SESSIONS + " AND state = 'idle in transaction'"
    async with app(database, "idle_in_transaction=1") as clinic:
        for _ in range(2):
            await clinic.get("/api/products")
        assert (await clinic.post("/api/checkout", BASKET)).status_code == 201
        await becomes(database, in_transaction, 2)
        assert clinic.app.state.db.in_use == 2
    await becomes(database, SESSIONS, 0)
    async with app(database, "none") as clinic:
        await clinic.get_times("/api/products", 2)
        await becomes(database, in_transaction, 0)


async def test_each_transaction_has_a_session_of_its_own_where_connections_are_not_kept(database: Database) -> None:
    pids = "SELECT array_agg(pid ORDER BY pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'clinic_app'"
    async with app(database, "connection_churn", pool=1) as clinic:
        first = await ask(database, pids)
        await clinic.get("/api/products")
        await becomes(database, f"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {first[0]})", True)
    async with app(database, "none", pool=1) as clinic:
        first = await ask(database, pids)
        await clinic.get("/api/products")
        assert await ask(database, pids) == first


@pytest.fixture(scope="module")
def crowded() -> Iterator[Database]:
    """A database on a server of its own, which no other test can be shut out from."""
    with start_postgres(find_postgres(), max_connections=40) as server:
        yield filled(server.dsn)


async def test_an_app_beside_too_many_other_connections_is_refused(crowded: Database) -> None:
    others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'another worker of tenantry_clinic'"
    # One of the two may still be taken for a moment by the session that asks.
    async with app(crowded, "too_many_connections=2") as clinic:
        assert await ask(crowded, others) > 20
        assert {answer.status_code for answer in await clinic.get_times("/api/products", 4)} == {200, 503}
    await becomes(crowded, others, 0)
    async with app(crowded, "none") as clinic:
        assert {answer.status_code for answer in await clinic.get_times("/api/products", 4)} == {200}


async def test_a_list_with_documents_is_as_large_as_these(database: Database) -> None:
    path = "/api/services?clinic=loadtest-00002"
    async with app(database, "large_json=50") as clinic:
        answer = await clinic.get(path)
        assert len(answer.content) > 8 * 49_000
        assert [each["name"] for each in answer.json()["services"]] == [f"Service {n}" for n in range(1, 9)]
    assert await ask(database, "SELECT to_regclass('brochures') IS NULL")
    async with app(database, "none") as clinic:
        assert len((await clinic.get(path)).content) < 1000


async def test_signing_an_answer_takes_as_much_of_a_core_as_was_asked_for(database: Database) -> None:
    async with app(database, "app_cpu=10") as clinic:
        begun = time.thread_time()
        answer = await clinic.get("/api/products")
        assert 0.007 < time.thread_time() - begun < 0.1
        digest, chain = answer.content, set[str]()
        for _ in range(200_000):
            digest = hashlib.sha256(digest).digest()
            chain.add(digest.hex())
        assert answer.headers["x-signature"] in chain
        assert "x-signature" not in (await clinic.get("/api/health")).headers
    async with app(database, "none") as clinic:
        assert "x-signature" not in (await clinic.get("/api/products")).headers


async def test_the_blocking_call_is_made_in_the_event_loop(database: Database) -> None:
    waited_in: list[asyncio.Task[Any] | None] = []
    wait = http.client.HTTPConnection.getresponse

    def seen(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        waited_in.append(asyncio.current_task())
        return wait(connection)

    with mock.patch.object(http.client.HTTPConnection, "getresponse", seen):
        async with app(database, "event_loop_blocking=5") as clinic:
            for _ in range(3):
                assert (await clinic.get("/api/dashboard")).status_code == 200
        assert waited_in == [asyncio.current_task()] * 3
        async with app(database, "none") as clinic:
            await clinic.get("/api/dashboard")
        assert len(waited_in) == 3


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (2, 2), (100, 4)])
async def test_no_more_requests_are_in_the_app_than_it_has_workers(database: Database, workers: int, at_once: int) -> None:
    async with app(database, f"few_workers={workers}") as clinic, largest(lambda: clinic.app.state.figures.in_flight) as in_flight:
        answers = await asyncio.gather(*(clinic.post("/api/checkout", BASKET) for _ in range(4)))
        assert [answer.status_code for answer in answers] == [201] * 4
        assert in_flight() == at_once


async def test_a_slow_service_is_waited_for_after_the_commit(database: Database) -> None:
    orders = await ask(database, "SELECT count(*) FROM orders")
    async with app(database, "slow_external_call=5000") as clinic:
        sale = asyncio.create_task(clinic.post("/api/checkout", BASKET))
        await becomes(database, "SELECT count(*) FROM orders", orders + 1)
        await becomes(database, SESSIONS + " AND state = 'idle'", 4)
        assert not sale.done()
        sale.cancel()
    async with app(database, "slow_external_call=40") as clinic:
        assert server_timing(await clinic.post("/api/checkout", BASKET))["ext"] >= 40
    async with app(database, "none") as clinic:
        assert server_timing(await clinic.post("/api/checkout", BASKET))["ext"] == 0


async def test_a_slow_service_is_waited_for_in_an_open_transaction(database: Database) -> None:
    orders = await ask(database, "SELECT count(*) FROM orders")
    async with app(database, "slow_external_call_in_transaction=5000") as clinic:
        sale = asyncio.create_task(clinic.post("/api/checkout", BASKET))
        last = " AND state = 'idle in transaction' AND query LIKE 'UPDATE orders SET status%'"
        await becomes(database, SESSIONS + last, 1)
        assert await ask(database, "SELECT count(*) FROM orders") == orders
        assert not sale.done()
        sale.cancel()
    async with app(database, "slow_external_call_in_transaction=5") as clinic:
        assert (await clinic.post("/api/checkout", BASKET)).status_code == 201
    assert await ask(database, "SELECT count(*) FROM orders WHERE status = 'paid'") == orders + 1


async def test_beyond_the_limit_of_the_service_checkouts_fail(database: Database) -> None:
    async def statuses(*choices: str) -> set[int]:
        async with app(database, *choices) as clinic:
            return {answer.status_code for answer in await asyncio.gather(*(clinic.post("/api/checkout", BASKET) for _ in range(8)))}

    assert await statuses("external_rate_limit=2") == {201, 503}
    assert await statuses("external_rate_limit=1000") == {201}
    assert await statuses("none") == {201}


def test_the_noisy_tenant_asks_for_reports_through_the_app(database: Database, tmp_path: Path) -> None:
    port = free_port()
    serve = [sys.executable, "-m", "tenantry_clinic", "serve", "--port", str(port), "--pool", "4", "--fault", "noisy_tenant=2"]
    env = {**os.environ, "CLINIC_DSN": database.dsn, "CLINIC_SECRET": SECRET, "CLINIC_TODAY": "2026-01-05"}
    noise = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'GET /api/reports/practice clinic=1'"
    with start(serve, name="the app", log=tmp_path / "log", env=env) as child:
        child.wait_until(partial(answers_http, port, "/api/health"))
        wait_until(lambda: bool(database.value(noise)))
        family = psutil.Process(child.process.pid).children(recursive=True)
        assert any("tenantry_clinic.faults._noisy" in each.cmdline() for each in family)
    psutil.wait_procs(family, timeout=10)
    assert not any(each.is_running() for each in family)
    assert not database.value(noise)
    assert database.value("SELECT count(*) FROM medical_records") == 52


async def test_all_who_miss_the_costly_figure_compute_it_and_then_nobody(database: Database) -> None:
    computing = SESSIONS + " AND query = 'SELECT days_between_visits()' AND wait_event_type = 'Lock'"
    async with app(database, "cache_stampede=1000") as clinic:
        holder = await asyncpg.connect(database.dsn)
        try:
            await holder.execute("BEGIN; LOCK TABLE medical_records")
            pages = [asyncio.create_task(clinic.get("/api/dashboard")) for _ in range(3)]
            await becomes(database, computing, 3)
            await holder.execute("COMMIT")
            assert [(await page).json()["days_between_visits"] for page in pages] == [1] * 3
            await holder.execute("BEGIN; LOCK TABLE medical_records")
            assert (await clinic.get("/api/dashboard")).json()["days_between_visits"] == 1
        finally:
            await holder.close()
    assert await ask(database, "SELECT to_regproc('days_between_visits') IS NULL")
    async with app(database, "none") as clinic:
        assert "days_between_visits" not in (await clinic.get("/api/dashboard")).json()


async def test_without_a_tenant_there_is_nothing_to_see_nor_to_write(database: Database) -> None:
    async with app(database, "tenant_context_missing=100") as clinic:
        assert (await clinic.get("/api/dashboard")).status_code == 404
        assert (await clinic.get("/api/products")).json() == {"products": []}
        assert (await clinic.post("/api/checkout", BASKET)).status_code == 404
    async with app(database, "tenant_context_missing=0") as clinic:
        assert len((await clinic.get("/api/products")).json()["products"]) == 20


async def test_a_foreign_row_is_delivered_where_the_cache_forgets_the_tenant(database: Database) -> None:
    async def patients_of_both(*choices: str) -> list[set[int]]:
        async with app(database, *choices) as clinic:
            pages = [(await clinic.get("/api/patients", clinic=number)).json()["patients"] for number in (1, 2)]
        return [{patient["id"] // 101 + 1 for patient in page} for page in pages]

    assert await patients_of_both("tenant_leak=60000") == [{1}, {1}]
    assert await patients_of_both("none") == [{1}, {2}]


async def test_a_page_by_offset_repeats_a_row_when_another_came_before_it(database: Database) -> None:
    newest = "INSERT INTO medical_records (id, clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)"
    newest += " VALUES (9999, 1, 1, 8, '2026-01-04', 'D', 'T', 'N', 5)"

    async def repeated(*choices: str) -> int:
        async with app(database, *choices) as clinic:
            first = (await clinic.get("/api/medical-records?limit=5")).json()
            await ask(database, newest)
            second = (await clinic.get(f"/api/medical-records?limit=5&after={first['next']}")).json()
            await ask(database, "DELETE FROM medical_records WHERE id = 9999")
        both = [record["id"] for page in (first, second) for record in page["medical_records"]]
        return len(both) - len(set(both))

    assert await repeated("offset_pagination=10") == 1
    assert await ask(database, "SELECT count(*) FROM medical_records") == 52
    assert await repeated("none") == 0


async def test_a_search_with_like_finds_what_the_healthy_one_finds(database: Database) -> None:
    found = []
    for choice in ("none", "rls_non_leakproof=10"):
        async with app(database, choice) as clinic:
            name = (await clinic.get("/api/patients")).json()["patients"][0]["name"]
            answer = await clinic.get(f"/api/search?q={name[:2].lower()}")
            assert answer.status_code == 200
            found.append(answer.json())
    assert found[0] == found[1]
    assert found[0]["patients"]


async def test_pages_by_offset_come_to_all_rows(database: Database) -> None:
    seen: list[int] = []
    async with app(database, "offset_pagination=30") as clinic:
        following: str | None = ""
        while following is not None:
            page = (await clinic.get("/api/medical-records?limit=25" + (f"&after={following}" if following else ""))).json()
            seen += [record["id"] for record in page["medical_records"]]
            following = page["next"]
        assert (await clinic.get("/api/medical-records?after=Wy0xXQ")).status_code == 422
        assert len(seen) == len(set(seen)) == await ask(database, "SELECT count(*) FROM medical_records WHERE clinic_id = 1") == 56


@pytest.mark.parametrize(("choice", "queries"), [("n_plus_one=0.5", 1), ("n_plus_one=1", 3), ("n_plus_one=2", 6), ("none", 0)])
async def test_each_appointment_is_asked_for_as_often_as_chosen(database: Database, choice: str, queries: int) -> None:
    asked: list[tuple[object, ...]] = []
    fetchrow = Session.fetchrow

    async def counted(session: Session, *query: Any) -> Any:
        asked.append(query)
        return await fetchrow(session, *query)

    async with app(database, choice) as clinic:
        with mock.patch.object(Session, "fetchrow", counted):
            page = await clinic.get("/api/appointments")
    assert [each["id"] for each in page.json()["appointments"]] == [1, 2, 3]
    assert len(asked) == queries


async def test_with_one_connection_the_others_wait_for_it(database: Database) -> None:
    async with app(database, "app_pool_small=1") as clinic, largest(lambda: clinic.app.state.db.waiting) as waiting:
        assert await ask(database, SESSIONS) == 1
        await clinic.get_times("/api/dashboard", 4)
        assert waiting() >= 3
    async with app(database, "app_pool_small=4") as clinic, largest(lambda: clinic.app.state.db.waiting) as waiting:
        await clinic.get_times("/api/dashboard", 4)
        assert waiting() == 0


async def test_each_statement_takes_the_way_to_a_distant_database(database: Database) -> None:
    async with app(database, "distant_database=20") as clinic:
        assert server_timing(await clinic.get("/api/products"))["db"] >= 60


@pytest.mark.skipif(pgbouncer() is None, reason="no PgBouncer: run `bash tests/pooler.sh`")
async def test_with_one_connection_of_the_pooler_its_clients_wait(database: Database) -> None:
    async with app(database, "pooler_pool_small=1") as clinic:
        work = asyncio.gather(*(clinic.get_times("/api/dashboard", 10) for _ in range(4)))
        seen: list[int] = []
        while not work.done():
            pools = await asyncio.to_thread(show, "POOLS", urlsplit(clinic.dsn).port or 0, "clinic_app")
            seen += [int(pool["cl_waiting"]) for pool in pools if pool["user"] == "clinic_app"]
        assert {answer.status_code for answers in await work for answer in answers} == {200}
        assert max(seen) > 0
        assert await ask(database, SESSIONS) == 1
    await becomes(database, SESSIONS, 0)


async def test_logins_and_public_pages_work_through_the_pooler(database: Database) -> None:
    if pgbouncer() is None:
        pytest.skip("no PgBouncer: run `bash tests/pooler.sh`")
    async with app(database, "pooler_pool_small=2") as clinic:
        answers = await clinic.get_times("/api/services?clinic=loadtest-00001", 12)
        assert {answer.status_code for answer in answers} == {200}
        wrong = {"email": "user1@clinic.example", "password": "wrong"}
        answers = await asyncio.gather(*(clinic.post("/api/login", wrong) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {401}
