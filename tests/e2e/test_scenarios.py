"""The clinic's workloads against the real app; and every check of every scenario against an app that is broken in just that way."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from running_clinic import Database
from starlette.responses import FileResponse, Response

from tenantry.datasets.load import seed
from tenantry.datasets.population import Population
from tenantry.errors import TargetError
from tenantry.prepare import prepare
from tenantry.processes import free_port
from tenantry.run import run_workload
from tenantry.scenario.workload import Workload
from tenantry_clinic import scenarios, workloads
from tenantry_clinic.app import Blueprint, create_app
from tenantry_clinic.dataset import clinic
from tenantry_clinic.operations import Operation
from tenantry_clinic.settings import Settings
from tenantry_clinic.web import answer

TENANTS = 12
WORKLOADS = sorted(name for name, value in vars(workloads).items() if isinstance(value, Workload))
Spoil = Callable[[Any], Any]


@dataclass
class App:
    """The app in a thread of this process; `spoilt` changes answers by operation, `instead` answers without asking it."""

    port: int
    dsn: str
    runs: Path
    spoilt: dict[str, Spoil] = field(default_factory=dict)
    instead: dict[str, Callable[[], Response]] = field(default_factory=dict)

    def blueprint(self) -> Blueprint:
        blueprint = Blueprint(Settings(self.dsn, pool=8, fixed_today=date(2026, 1, 5), files=self.runs / "files"))
        blueprint.operations = {name: replace(each, endpoint=self._breakable(each)) for name, each in blueprint.operations.items()}
        return blueprint

    def _breakable(self, operation: Operation) -> Callable[..., Any]:
        @wraps(operation.endpoint)
        async def endpoint(call: Any, **values: Any) -> Response:
            if operation.name in self.instead:
                return self.instead[operation.name]()
            response: Response = await operation.endpoint(call, **values)
            spoil = self.spoilt.get(operation.name)
            if spoil is None:
                return response
            if isinstance(response, FileResponse):
                return Response(spoil(b""))
            return answer(spoil(json.loads(bytes(response.body))), response.status_code)

        return endpoint

    def run(self, workload: str, *, tenants: int = TENANTS, **overrides: str) -> dict[str, Any]:
        """A short load; the result as JSON."""
        wanted = {"rate": "20/s", "duration": "0.5s"} | overrides
        target = f"http://127.0.0.1:{self.port}"
        prepared = prepare(f"tenantry_clinic.workloads:{workload}", target=target, tenants=tenants, overrides=wanted)
        return run_workload(prepared, runs=self.runs).told


def failed_checks(told: dict[str, Any]) -> set[str]:
    return {check["name"] for check in told["checks"] if check["fails"]}


@pytest.fixture(scope="module")
def running(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app on a database with twelve clinics."""
    dsn = new_database()
    seed(Population(clinic, TENANTS), dsn)
    app = App(free_port(), dsn, tmp_path_factory.mktemp("scenarios"))
    server = uvicorn.Server(uvicorn.Config(create_app(app.blueprint()), port=app.port, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    yield app
    server.should_exit = True
    thread.join()


@pytest.fixture
def app(running: App) -> App:
    running.spoilt, running.instead = {}, {}
    return running


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_workload_runs_at_small_scale_without_a_failure(app: App, workload: str) -> None:
    # Its limits are judged over ten seconds.
    rate, duration = ("20/s", "10s") if workload == "breakpoint" else ("90/s", "1.5s")
    told = app.run(workload, rate=rate, duration=duration)
    assert (told["totals"]["failures"], failed_checks(told), told["errors"]) == (0, set(), [])
    # As quick as the machine happens to be, but judged.
    assert told["verdict"] != "no_data", told["reason"]
    assert told["totals"]["requests"] >= 130 and told["checks"]


def of_another_clinic(rows: str, column: str, by: int) -> Spoil:
    """The same page, its rows moved to the keys of the next clinic."""

    def spoil(page: Any) -> Any:
        for row in page[rows] if rows else page:
            row[column] += by if row[column] + by <= by * TENANTS else -by
        return page

    return spoil


def with_values(**values: Any) -> Spoil:
    return lambda page: {**page, **values}


def every_row(rows: str, **values: Any) -> Spoil:
    return lambda page: {**page, rows: [{**row, **values} for row in page[rows]]}


def always_the_first() -> Spoil:
    """What it answered first, whatever happens: a cache that nobody empties."""
    seen: list[Any] = []

    def spoil(page: Any) -> Any:
        seen.append(page)
        return seen[0]

    return spoil


def add_to(column: str, more: int) -> Spoil:
    return lambda page: {**page, column: page[column] + more}


SLOTS, CALENDAR, APPOINTMENT = "GET /api/appointments/slots", "GET /api/appointments", "GET /api/appointments/{id}"
BOOK, MOVE = "POST /api/appointments", "PATCH /api/appointments/{id}"
ANY_SLOT = {"vet_id": 8, "starts_at": "2026-03-02T09:00:00Z"}
BROKEN: list[tuple[str, str, str, Spoil]] = [
    # scenario, the check that must fail, operation, what is wrong with its answer
    ("dashboard", "own clinic", "GET /api/dashboard", with_values(clinic="loadtest-99999")),
    ("dashboard", "all its patients", "GET /api/dashboard", add_to("patients", 1)),
    ("dashboard", "own appointments of today", "GET /api/dashboard", of_another_clinic("appointments", "pet_id", 100)),
    ("dashboard", "own appointments of today", "GET /api/dashboard", with_values(appointments=[], appointments_today=1)),
    ("dashboard", "own invoices", "GET /api/dashboard", of_another_clinic("recent_invoices", "id", 100)),
    ("mixed", "own patients in the calendar", CALENDAR, of_another_clinic("appointments", "pet_id", 100)),
    ("mixed", "own appointment", APPOINTMENT, add_to("pet_id", 1)),
    ("mixed", "still the same patient", APPOINTMENT, with_values(status="completed")),
    ("mixed", "moved to where it was asked", MOVE, with_values(starts_at="2026-02-01T09:00:00Z")),
    ("booking", "slots of own vets", SLOTS, of_another_clinic("", "vet_id", 10)),
    ("booking", "slots of own vets", SLOTS, lambda slots: [ANY_SLOT]),
    ("booking", "booking can be read back", APPOINTMENT, with_values(status="cancelled")),
    ("booking", "booking can be read back", APPOINTMENT, add_to("pet_id", 1)),
    ("calendar", "within the page", CALENDAR, every_row("appointments", starts_at="2025-01-01T00:00:00Z")),
    ("calendar", "own patients in the calendar", CALENDAR, of_another_clinic("appointments", "pet_id", 100)),
    ("patients", "forty different own patients", "GET /api/patients", of_another_clinic("patients", "id", 100)),
    ("patients", "forty different own patients", "GET /api/patients", lambda page: {**page, "patients": page["patients"][:1] * 20}),
    ("patients", "the patient that was asked", "GET /api/patients/{id}", with_values(name="somebody")),
    ("patients", "with own papers", "GET /api/patients/{id}", with_values(medical_records=[{"pet_id": 0}])),
    ("medical_records", "records of that patient", "GET /api/medical-records", every_row("medical_records", pet_id=1)),
    ("medical_records", "records of that patient", "GET /api/medical-records", with_values(medical_records=[])),
    (
        "medical_records",
        "latest first",
        "GET /api/medical-records",
        lambda page: {**page, "medical_records": page["medical_records"][::-1]},
    ),
    ("medical_records", "the record that was asked", "GET /api/medical-records/{id}", with_values(diagnosis="none")),
    ("search", "names that begin so", "GET /api/search", every_row("patients", name="#")),
    ("search", "own patients found", "GET /api/search", of_another_clinic("patients", "id", 100)),
    ("search", "the name is among them", "GET /api/search", with_values(patients=[])),
    ("invoices", "own invoices of that status", "GET /api/invoices", every_row("invoices", status="draft")),
    ("invoices", "own invoices of that status", "GET /api/invoices", of_another_clinic("invoices", "id", 100)),
    ("invoices", "the invoice that was asked", "GET /api/invoices/{id}", add_to("total", 1)),
    ("invoices", "paid whole", "POST /api/invoices/{id}/payments", add_to("amount", -1)),
    ("invoices", "paid once and for all", "GET /api/invoices/{id}", with_values(status="sent")),
    ("checkout", "the right total", "POST /api/checkout", add_to("total", 1)),
    ("checkout", "order can be read back", "GET /api/orders/{id}", with_values(items=[])),
    ("checkout", "order can be read back", "GET /api/orders/{id}", with_values(status="pending")),
    ("checkout", "taken from stock", "GET /api/products", always_the_first()),
    ("checkout", "never oversold", "GET /api/products", every_row("products", stock=-1)),
    ("login", "own account", "POST /api/login", with_values(user={"id": 0})),
    ("login", "the token opens the own clinic", "GET /api/dashboard", with_values(clinic="loadtest-99999")),
    ("services", "all services of the clinic", "GET /api/services", lambda page: {**page, "services": page["services"][1:]}),
    ("services", "its prices", "GET /api/services", every_row("services", price=0)),
    ("upload", "all bytes have come", "POST /api/prescriptions/{id}/files", add_to("size_bytes", -1)),
    ("upload", "listed with the prescription", "GET /api/prescriptions/{id}", with_values(files=[])),
    ("upload", "the same bytes come back", "GET /api/prescription-files/{id}", lambda content: b"%PDF-"),
    ("reports", "revenue is the sum of the invoices", "GET /api/reports/practice", every_row("revenue", invoiced=1)),
    ("reports", "as many invoices", "GET /api/reports/practice", every_row("revenue", invoices=1)),
    ("reports", "own debtors", "GET /api/reports/practice", of_another_clinic("debtors", "owner_id", 10)),
]


@pytest.mark.parametrize(("workload", "check", "operation", "spoil"), BROKEN, ids=[f"{row[1]}: {row[0]}" for row in BROKEN])
def test_a_check_sees_the_answer_that_it_is_for(app: App, workload: str, check: str, operation: str, spoil: Spoil) -> None:
    if (workload, operation) in (
        ("dashboard", "GET /api/dashboard"),
        ("patients", "GET /api/patients/{id}"),
        ("login", "GET /api/dashboard"),
    ):
        spoil = after_setup(spoil)
    app.spoilt[operation] = spoil
    assert check in failed_checks(app.run(workload))


def after_setup(spoil: Spoil) -> Spoil:
    """Right for the three clinics that setup looks at, wrong from then on."""
    answers = iter(range(1_000_000))
    return lambda page: page if next(answers) < 3 else spoil(page)


def test_a_taken_slot_that_is_sold_again_is_seen(app: App) -> None:
    """The list of free slots never changes, so what was booked is offered again."""
    first: dict[str, Any] = {}
    app.spoilt[SLOTS] = lambda slots: first.setdefault(slots[0]["starts_at"][:10], slots)
    assert "no slot is free twice" in failed_checks(app.run("booking"))


def test_a_refusal_for_no_reason_is_seen(app: App) -> None:
    app.instead[MOVE] = lambda: answer({"error": "this slot is taken"}, 409)
    assert "refused for a slot that is taken" in failed_checks(app.run("mixed"))
    app.instead = {BOOK: lambda: answer({"error": "this slot is taken"}, 409)}
    assert "no slot is free twice" in failed_checks(app.run("booking"))


def test_a_token_for_any_password_is_seen(app: App) -> None:
    app.instead["POST /api/login"] = lambda: answer({"token": "t", "clinic": "c", "user": {"id": 1}})
    told = app.run("login")
    assert {"own account", "no token for a wrong password"} & failed_checks(told)
    assert told["totals"]["failures"] > 0


def test_an_order_that_is_lost_is_seen(app: App) -> None:
    app.instead["POST /api/checkout"] = lambda: answer({"id": 1, "status": "paid", "total": 1, "items": []}, 201)
    told = app.run("checkout")
    assert "the right total" in failed_checks(told)
    assert [one["kind"] for one in told["failures"] if one["name"] == "GET /api/orders/{id}"] == ["status"]


def test_a_day_that_is_not_in_its_week_is_seen(app: App) -> None:
    app.spoilt[CALENDAR] = lambda page: {**page, "appointments": []} if page["view"] == "week" else page
    assert "the day is part of the week" in failed_checks(app.run("calendar", rate="40/s", duration="1s"))


def test_every_check_is_among_these(app: App) -> None:
    seen = {check for _, check, _, _ in BROKEN} | {
        *("no slot is free twice", "refused for a slot that is taken", "no token for a wrong password", "the day is part of the week")
    }
    source = Path(scenarios.__file__).read_text()
    assert set(re.findall(r'vu\.check\("([^"]+)"', source)) == seen


@pytest.mark.parametrize(
    ("operation", "spoil", "message"),
    [
        ("GET /api/dashboard", with_values(patients=99), "the app shows 99 patients of loadtest-00001 where 100"),
        ("GET /api/patients/{id}", with_values(name="somebody"), "should be"),
    ],
)
def test_another_population_is_refused_before_the_load(app: App, operation: str, spoil: Spoil, message: str) -> None:
    app.spoilt[operation] = spoil
    with pytest.raises(TargetError, match=message):
        app.run("smoke")


def test_a_clinic_that_was_not_seeded_is_named(app: App) -> None:
    with pytest.raises(TargetError, match=r"nothing where 100 patients of loadtest-00013 .* --tenants 13"):
        app.run("smoke", tenants=13)


def test_an_app_that_is_not_well_gets_no_load(app: App) -> None:
    app.instead["GET /api/health"] = lambda: answer({"status": "unavailable"}, 503)
    with pytest.raises(TargetError, match="503"):
        app.run("smoke")


def test_tokens_of_another_secret_are_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_SECRET", "another-secret-of-thirty-two-bytes-or-more")
    with pytest.raises(TargetError, match="the same CLINIC_SECRET"):
        app.run("smoke")


def test_teardown_removes_what_the_run_made(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(app.dsn)
    made = "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM appointments WHERE id >= 1000000000000)"
    app.run("checkout")
    app.run("booking")
    assert database.value(made) > 0
    monkeypatch.setenv("DATABASE_URL", app.dsn)
    app.run("booking")
    assert database.value(made) == 0
    assert database.value("SELECT count(*) FROM appointments") == 50 * TENANTS
