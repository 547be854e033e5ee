"""What the app tells of itself, against what is known: a lock that a test holds, a pool of one connection, requests that it counts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_clinic import Answer, Clinic, Database, serving

from tenantry_clinic.app import Blueprint, create_app
from tenantry_clinic.operations import Operation
from tenantry_clinic.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

DELIVERY = "/api/products/1/deliveries"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def narrow(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The app with a single connection."""
    with serving(Database(new_database()).with_clinics(), tmp_path_factory.mktemp("narrow"), pool=1) as clinic:
        yield clinic


def timing(answer: Answer) -> dict[str, float]:
    """Server-Timing in milliseconds."""
    parts = re.findall(r"(\w+);dur=([0-9.]+)", answer.headers["server-timing"])
    assert ", ".join(f"{name};dur={value}" for name, value in parts) == answer.headers["server-timing"]
    return {name: float(value) for name, value in parts}


def figures(clinic: Clinic) -> dict[tuple[str, ...], float]:
    """The samples of /metrics by name and label values."""
    answer = clinic.call("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.body.decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def delivery_that_waits(clinic: Clinic) -> AsyncIterator[asyncio.Future[Answer]]:
    """A delivery that holds its connection until the block ends, because the test holds its product's row."""
    blocker = await asyncpg.connect(clinic.database.dsn)
    try:
        async with blocker.transaction():
            await blocker.execute("SELECT FROM products WHERE id = 1 FOR UPDATE")
            delivery = asyncio.ensure_future(asyncio.to_thread(clinic.post, DELIVERY, {"quantity": 1}))
            await until(lambda: figures(clinic)["clinic_pool_in_use",] == 1)
            yield delivery
    finally:
        await blocker.close()


@pytest.mark.parametrize(
    "path", ["/api/dashboard", "/api/patients/1", "/api/products", "/api/reports/practice", "/api/nothing", "/metrics"]
)
def test_the_parts_of_server_timing_sum_to_its_total(own_clinic: Clinic, path: str) -> None:
    began = time.perf_counter()
    parts = timing(own_clinic.get(path))
    total = parts.pop("total")
    assert total <= (time.perf_counter() - began) * 1000
    assert sum(parts.values()) == pytest.approx(total, abs=0.01)
    assert set(parts) == {"pool", "db", "ext", "app"}
    assert (parts["db"] > 0) == path.startswith(("/api/d", "/api/p", "/api/r"))


async def test_the_wait_for_a_connection_is_told_apart_from_the_database(narrow: Clinic) -> None:
    async with delivery_that_waits(narrow) as delivery:
        reading = asyncio.ensure_future(asyncio.to_thread(narrow.get, "/api/dashboard"))
        await until(lambda: figures(narrow)["clinic_pool_waiting",] == 1)
        began = time.perf_counter()
        await until(lambda: time.perf_counter() - began > 0.2)
    waited, worked = timing(await reading), timing(await delivery)
    assert waited["pool"] >= 200 > waited["db"]
    assert worked["db"] >= 200 > worked["pool"]


async def test_the_figures_count_what_is_in_flight_in_use_and_waiting(narrow: Clinic) -> None:
    async with delivery_that_waits(narrow) as delivery:
        reading = [asyncio.ensure_future(asyncio.to_thread(narrow.get, "/api/products")) for _ in range(3)]
        await until(lambda: figures(narrow)["clinic_pool_waiting",] == 3)
        found = figures(narrow)
        # The delivery, three that wait, and the one that asks.
        assert found["clinic_requests_in_flight",] == 5
        assert (found["clinic_pool_size",], found["clinic_pool_in_use",]) == (1, 1)
        assert found["clinic_worker_pid",] == narrow.pid
    assert {answer.status for answer in await asyncio.gather(delivery, *reading)} == {200}
    found = figures(narrow)
    assert [found[name,] for name in ("clinic_requests_in_flight", "clinic_pool_in_use", "clinic_pool_waiting")] == [1, 0, 0]


def test_requests_are_counted_by_route_and_status_whatever_their_ids(own_clinic: Clinic) -> None:
    before = figures(own_clinic)
    for path in ("/api/invoices/1", "/api/invoices/2", "/api/invoices/102", "/api/invoices/x"):
        own_clinic.get(path)
    own_clinic.call("GET", "/api/invoices/1")
    own_clinic.get("/api/nothing")
    own_clinic.call("PUT", "/api/invoices/1")
    after = figures(own_clinic)
    added = {key[1:]: value - before.get(key, 0) for key, value in after.items() if key[0] == "clinic_requests_total"}
    route = "GET /api/invoices/{id}"
    expected = {
        (route, "200"): 2,
        (route, "404"): 1,
        (route, "401"): 1,
        ("unknown", "404"): 2,
        ("unknown", "405"): 1,
        ("GET /metrics", "200"): 1,
    }
    assert {key: value for key, value in added.items() if value} == expected


async def test_the_lag_of_the_event_loop_is_measured_all_the_time(own_clinic: Clinic) -> None:
    name = "clinic_event_loop_lag_seconds_count"
    before = figures(own_clinic)[name,]
    await until(lambda: figures(own_clinic)[name,] >= before + 3)
    buckets = [value for key, value in figures(own_clinic).items() if key[0] == "clinic_event_loop_lag_seconds_bucket"]
    assert buckets == sorted(buckets)


async def test_postgres_shows_route_and_clinic_while_a_query_runs_and_not_afterwards(narrow: Clinic) -> None:
    query = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND usename = 'clinic_app'"
    async with delivery_that_waits(narrow) as delivery:
        await until(lambda: "products SET stock" in narrow.database.value(query.replace("application_name", "query")))
        assert await asyncio.to_thread(narrow.database.value, query) == "POST /api/products/{id}/deliveries clinic=1"
    await delivery
    assert await asyncio.to_thread(narrow.database.value, query) == "tenantry_clinic"


@pytest.mark.parametrize(
    "given", [f"00-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE}-b7ad6b7169203331-00", f"01-{TRACE}-b7ad6b7169203331-01-more"]
)
def test_a_trace_goes_on_under_its_id_with_a_span_of_our_own(own_clinic: Clinic, given: str) -> None:
    version, trace, span, flags = own_clinic.call("GET", "/api/health", headers={"traceparent": given}).headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, given[53:55])
    assert re.fullmatch("[0-9a-f]{16}", span)
    assert span != "b7ad6b7169203331"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        f"00-{TRACE}-b7ad6b7169203331",
        f"00-{TRACE}-b7ad6b7169203331-01-more",
        f"00-{TRACE}-b7ad6b7169203331-0",
        f"01-{TRACE}-b7ad6b7169203331-01more",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{TRACE[:-1]}g-b7ad6b7169203331-01",
        f" 00-{'a' * 31}-b7ad6b7169203331-01",
    ],
)
def test_a_malformed_trace_context_is_ignored(own_clinic: Clinic, given: str) -> None:
    answer = own_clinic.call("GET", "/api/health", headers={"traceparent": given})
    assert (answer.status, "traceparent" in answer.headers) == (200, False)


async def test_a_fault_of_the_app_is_a_500_that_is_counted_and_timed(tmp_path: Path) -> None:
    async def broken(call: Any) -> Any:
        raise ZeroDivisionError

    @asynccontextmanager
    async def no_database(settings: Settings) -> AsyncIterator[Any]:
        yield None

    operation = Operation("GET", "/broken", broken, "broken", public=True)
    app = create_app(Blueprint(Settings("", files=tmp_path), {operation.name: operation}, no_database))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        answer = await client.get("/broken", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
        assert "total;dur=" in answer.headers["server-timing"]
        assert TRACE in answer.headers["traceparent"]
        assert 'clinic_requests_total{route="GET /broken",status="500"} 1.0' in app.state.figures.text().decode()
        assert app.state.figures.in_flight == 0


def test_a_request_that_is_refused_is_timed_like_any_other(own_clinic: Clinic) -> None:
    for call in (partial(own_clinic.call, "GET", "/api/products"), partial(own_clinic.get, "/api/patients?limit=0")):
        assert timing(call())["total"] > 0
