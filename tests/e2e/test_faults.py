"""Faults of the clinic by their mechanism, on a real app and a real database: what each does to a request, and that its remedy ends it.

Nothing here depends on how fast the machine is: counts, locks that somebody waits for, ratios of ten that are asked to be 1.5.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import asyncpg
import pytest
from commandline import Shell, wait_until
from running_clinic import SECRET, Answer, Clinic, Database

from tenantry.processes import answers_http, free_port, start
from tenantry_clinic import faults
from tenantry_clinic.faults._rows import more_pets

TIMES = 15
TODAY = "2026-01-05"
Start = Callable[..., Any]


@pytest.fixture(scope="module")
def seeded(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The DSN of a database with ten clinics, to be copied."""
    dsn = new_database()
    with Shell(tmp_path_factory.mktemp("seed")) as shell:
        done = shell.run("seed", "tenantry_clinic.dataset:clinic", "--tenants", "10", "--quiet", environment={"DATABASE_URL": dsn})
        assert done.code == 0, done.err
    return dsn


@pytest.fixture(scope="module")
def clinic_with(seeded: str, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """`with clinic_with("fault=3"):` the app with a fault, on a copy of the seeded database."""
    numbers, folder = itertools.count(), tmp_path_factory.mktemp("faults")

    @contextmanager
    def begin(*chosen: str, scene: str = "SELECT 1") -> Iterator[Clinic]:
        port, (server, _, template) = free_port(), seeded.rpartition("/")
        name = f"faults_{next(numbers)}"
        Database(seeded.replace(f"/{template}", "/postgres")).run(f"CREATE DATABASE {name} TEMPLATE {template}")
        database = Database(f"{server}/{name}")
        database.run(scene, "SELECT 1")
        serve = [sys.executable, "-m", "tenantry_clinic", "serve", "--port", str(port), "--pool", "8"]
        given = [word for fault in chosen for word in ("--fault", fault)]
        own = folder / name
        own.mkdir()
        env = {**os.environ, "CLINIC_DSN": database.dsn, "CLINIC_SECRET": SECRET, "CLINIC_TODAY": TODAY, "CLINIC_FILES": str(own / "files")}
        with start([*serve, *given], name="the app", log=own / "app.log", env=env) as app:
            app.wait_until(partial(answers_http, port, "/api/health"), timeout_s=60)
            yield Clinic(port, database, own, app.process.pid)

    return begin


def first_clinic(clinic: Clinic) -> int:
    return int(clinic.database.value("SELECT min(id) FROM clinics"))


def part_ms(answer: Answer, part: str) -> float:
    """A part of the request's time, as the app tells it."""
    assert answer.status < 400, answer.body
    found = re.search(rf"\b{part};dur=([0-9.]+)", answer.headers["server-timing"])
    assert found
    return float(found[1])


def database_ms(request: Callable[[], Answer]) -> float:
    """The least time that a request spends in the database, once statements are prepared: whatever else the machine does adds to it."""
    return min([part_ms(request(), "db") for _ in range(TIMES + 3)][3:])


def booking(clinic: Clinic) -> Callable[[], Answer]:
    """Each call books the next free half hour."""
    tenant = first_clinic(clinic)
    pet = clinic.database.value(f"SELECT min(id) FROM pets WHERE clinic_id = {tenant}")
    slots = iter(clinic.get("/api/appointments/slots?date=2027-05-05", clinic=tenant).body)
    return lambda: clinic.post("/api/appointments", {"pet_id": pet, "slot": next(slots)}, clinic=tenant)


def reading(path: str) -> Callable[[Clinic], Callable[[], Answer]]:
    def of(clinic: Clinic) -> Callable[[], Answer]:
        tenant = first_clinic(clinic)
        pet = clinic.database.value(f"SELECT max(id) FROM pets WHERE clinic_id = {tenant} AND breed <> 'tenantry fault'")
        return lambda: clinic.get(path.format(pet=pet), clinic=tenant)

    return of


@pytest.mark.parametrize(
    ("fault", "request_of", "scene"),
    [
        ("missing_index=10000", reading("/api/medical-records?pet_id={pet}"), "SELECT 1"),
        ("unindexed_fk=100000", booking, "SELECT 1"),
        ("rls_per_row_function", reading("/api/dashboard"), more_pets(2000)),
        ("stale_statistics=5000", reading("/api/invoices?status=sent"), "SELECT 1"),
    ],
    ids=["missing_index", "unindexed_fk", "rls_per_row_function", "stale_statistics"],
)
def test_a_request_is_slow_until_the_remedy_is_executed(
    clinic_with: Start, fault: str, request_of: Callable[[Clinic], Any], scene: str
) -> None:
    with clinic_with(fault, scene=scene) as clinic:
        request = request_of(clinic)
        slow = database_ms(request)
        clinic.database.run(*faults.fault(fault.partition("=")[0]).remedy.split(";"), "SELECT 1")
        assert slow > 1.5 * database_ms(request)


@pytest.fixture(scope="module")
def healthy(clinic_with: Start) -> Iterator[Clinic]:
    with clinic_with() as clinic:
        yield clinic


def basket(clinic: Clinic, tenant: int, size: int = 4) -> dict[str, Any]:
    products = clinic.database.run(f"SELECT id FROM products WHERE clinic_id = {tenant} ORDER BY id LIMIT {size}")
    owner = clinic.database.value(f"SELECT min(id) FROM users WHERE clinic_id = {tenant} AND role = 'owner'")
    return {"owner_id": owner, "items": [{"product_id": product["id"], "quantity": 1} for product in products]}


LOCKS = {
    "hot_row_lock": ("UPDATE write_counters SET writes = 0 WHERE id = 1", "Lock:transactionid"),
    "advisory_lock": ("SELECT pg_advisory_xact_lock(1)", "Lock:advisory"),
}
WAITING = (
    "SELECT wait_event_type || ':' || wait_event FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.mark.parametrize("fault", LOCKS)
def test_writing_waits_for_whoever_writes_anything_else(clinic_with: Start, fault: str) -> None:
    hold, wait = LOCKS[fault]

    async def checkout_beside_another(clinic: Clinic) -> int:
        holder = await asyncpg.connect(clinic.database.dsn)
        tenant = first_clinic_of(await holder.fetch("SELECT id FROM clinics"))
        body = await asyncio.to_thread(basket, clinic, tenant)
        await holder.execute(f"BEGIN; {hold}")
        request = asyncio.create_task(asyncio.to_thread(clinic.post, "/api/checkout", body, clinic=tenant))
        async with asyncio.timeout(15):
            while [row[0] for row in await holder.fetch(WAITING)] != [wait]:
                assert not request.done(), "nobody waited"
                await asyncio.sleep(0.02)
        assert (await asyncio.to_thread(clinic.get, "/api/dashboard", clinic=tenant)).status == 200, "who reads does not wait"
        await holder.execute("COMMIT")
        await holder.close()
        return (await request).status

    with clinic_with(fault) as clinic:
        assert asyncio.run(checkout_beside_another(clinic)) == 201


def first_clinic_of(rows: list[asyncpg.Record]) -> int:
    return min(int(row["id"]) for row in rows)


def checkouts(clinic: Clinic, times: int) -> list[int]:
    """The status of checkouts of the same basket, eight at a time."""
    tenant = first_clinic(clinic)
    body = basket(clinic, tenant)
    with ThreadPoolExecutor(8) as pool:
        return [answer.status for answer in pool.map(lambda _: clinic.post("/api/checkout", body, clinic=tenant), range(times))]


def test_baskets_that_lock_in_their_own_order_fail_by_deadlock(clinic_with: Start, healthy: Clinic) -> None:
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with clinic_with("deadlocks") as clinic:
        wait_until(lambda: 503 in answers(clinic), timeout_s=30)
        wait_until(lambda: clinic.database.value(counted) > 0)
    assert set(checkouts(healthy, 40)) == {201}
    assert healthy.database.value(counted) == 0


def answers(clinic: Clinic) -> list[int]:
    try:
        return checkouts(clinic, 16)
    except ValueError:  # a plain "Internal Server Error"
        return [500]


def test_a_migration_behind_a_reader_holds_up_everybody_who_reads(clinic_with: Start) -> None:
    refused = """SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = 'appointments'::regclass AND NOT granted AND a.application_name {} AND mode = '{}Lock'"""
    with clinic_with("ddl_lock=1.5") as clinic, ThreadPoolExecutor(1) as pool:
        tenant = first_clinic(clinic)
        wait_until(lambda: clinic.database.value(refused.format("LIKE '%faults'", "AccessExclusive")) == 1)
        page = pool.submit(clinic.get, "/api/appointments", clinic=tenant)
        wait_until(lambda: clinic.database.value(refused.format("LIKE 'GET /api/appointments%'", "AccessShare")) == 1 or page.done())
        assert part_ms(page.result(), "db") > 100


@pytest.mark.parametrize(("work_mem", "spills"), [("sort_spill", True), ("sort_spill=4096", False)])
def test_a_page_of_records_with_too_little_memory_is_sorted_in_temporary_files(clinic_with: Start, work_mem: str, spills: bool) -> None:
    written = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
    with clinic_with(work_mem) as clinic:
        before, page = clinic.database.value(written), reading("/api/medical-records?limit=100")(clinic)
        for _ in range(5):
            assert len(page().body["medical_records"]) == 100
    # A session tells its figures at the latest when it ends. Making the index again, which mends the fault, writes a megabyte.
    assert (clinic.database.value(written) - before > 2_000_000) == spills


def test_requests_wait_for_the_only_connection_of_the_pool(clinic_with: Start, healthy: Clinic) -> None:
    def waited_ms(clinic: Clinic) -> float:
        tenant = first_clinic(clinic)
        with ThreadPoolExecutor(8) as pool:
            pages = pool.map(lambda _: clinic.get("/api/dashboard", clinic=tenant), range(80))
        return median(part_ms(page, "pool") for page in pages)

    with clinic_with("app_pool_small=1") as clinic:
        assert waited_ms(clinic) > 2 * waited_ms(healthy)
