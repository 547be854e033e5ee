"""The outside invoicing service as a real server that is slow, refuses, or hangs up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from running_clinic import Answer, Clinic, Database, serving

BASKET = {"owner_id": 1, "items": [{"product_id": 1, "quantity": 1}]}


class Service(ThreadingHTTPServer):
    """Notes what it is told; answers with `status`, after `gate` is open; without a status it hangs up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.told: list[Any] = []
        self.status: int | None = 200
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        self.server.told.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.gate.wait(20)
        if self.server.status is None:
            self.close_connection = True
            return
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def service(running: Service) -> Iterator[Service]:
    """The service, well at the beginning of each test."""
    running.status = 200
    running.told.clear()
    running.asked.clear()
    running.gate.set()
    yield running
    running.gate.set()


@pytest.fixture(scope="module")
def clinic(running: Service, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The app with a single connection and the service."""
    url = f"http://127.0.0.1:{running.server_port}"
    folder = tmp_path_factory.mktemp("invoicing")
    with serving(Database(new_database()).with_clinics(), folder, pool=1, CLINIC_INVOICING=url) as clinic:
        yield clinic


def orders(clinic: Clinic) -> list[tuple[str, int]]:
    """Status of each order of clinic 1, with its payments."""
    query = """SELECT status, (SELECT count(*) FROM payments p WHERE p.order_id = o.id) FROM orders o WHERE clinic_id = 1 ORDER BY id"""
    return [tuple(row) for row in clinic.database.run(query)]


def external_ms(answer: Answer) -> float:
    return float(answer.headers["server-timing"].partition("ext;dur=")[2].partition(",")[0])


def test_a_sale_is_registered_with_its_number_and_total(clinic: Clinic, service: Service) -> None:
    sale = clinic.post("/api/checkout", BASKET)
    assert sale.status == 201
    assert service.told == [("/invoices", {"order_id": sale.body["id"], "total": "1.25"})]
    assert external_ms(sale) > 0


def test_a_sale_that_fails_is_not_registered(clinic: Clinic, service: Service) -> None:
    assert clinic.post("/api/checkout", {"owner_id": 11, "items": BASKET["items"]}).status == 404
    assert service.told == []


@pytest.mark.parametrize("status", [429, 500, 302, None])
def test_a_service_that_refuses_or_hangs_up_is_a_503_that_says_that_the_order_is_paid(
    clinic: Clinic, service: Service, status: int | None
) -> None:
    before = orders(clinic)
    service.status = status
    answer = clinic.post("/api/checkout", BASKET)
    number = clinic.database.value("SELECT max(id) FROM orders")
    assert (answer.status, answer.body) == (503, {"error": f"order {number} is paid, but the invoicing service is not available"})
    assert orders(clinic) == [*before, ("paid", 1)]
    assert external_ms(answer) > 0
    service.status = 200
    assert clinic.post("/api/checkout", BASKET).status == 201


async def test_no_connection_of_the_pool_is_held_while_the_service_takes_its_time(clinic: Clinic, service: Service) -> None:
    service.gate.clear()
    sale = asyncio.ensure_future(asyncio.to_thread(clinic.post, "/api/checkout", BASKET))
    assert await asyncio.to_thread(service.asked.wait, 20)
    products = await asyncio.to_thread(clinic.get, "/api/products")
    assert products.status == 200
    assert not sale.done()
    service.gate.set()
    answer = await sale
    assert answer.status == 201
    assert external_ms(answer) > float(products.headers["server-timing"].rpartition("total;dur=")[2])


@pytest.mark.parametrize(("status", "word"), [(200, "ok"), (429, "unavailable"), (None, "unavailable")])
def test_health_shows_the_service_and_is_well_without_it(clinic: Clinic, service: Service, status: int | None, word: str) -> None:
    service.status = status
    health = clinic.get("/api/health")
    assert (health.status, health.body["status"]) == (200, "ok")
    assert health.body["dependencies"] == {"database": "ok", "files": "ok", "invoicing": word}


def test_health_does_not_wait_for_a_service_that_hangs(clinic: Clinic, service: Service) -> None:
    service.gate.clear()
    health = clinic.get("/api/health")
    assert (health.status, health.body["dependencies"]["invoicing"]) == (200, "unavailable")
