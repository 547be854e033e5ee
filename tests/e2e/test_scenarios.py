"""Every check of every scenario of the clinic, against an app that is broken in just that way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from breakable import TENANTS, App, Spoil, breakable, failed_checks, with_values

from tenantry_clinic import scenarios
from tenantry_clinic.web import answer


@pytest.fixture(scope="module")
def running(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with breakable(new_database(), tmp_path_factory.mktemp("scenarios")) as app:
        yield app


@pytest.fixture
def app(running: App) -> App:
    running.mend()
    return running


def of_another_clinic(rows: str, column: str, by: int) -> Spoil:
    """The same page, its rows moved to the keys of the next clinic."""

    def spoil(page: Any) -> Any:
        for row in page[rows] if rows else page:
            row[column] += by if row[column] + by <= by * TENANTS else -by
        return page

    return spoil


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


class Broken(NamedTuple):
    """A check of a scenario that must fail, and what is wrong with which answer."""

    scenario: str
    check: str
    operation: str
    spoil: Spoil


SLOTS, CALENDAR, APPOINTMENT = "GET /api/appointments/slots", "GET /api/appointments", "GET /api/appointments/{id}"
BOOK, MOVE = "POST /api/appointments", "PATCH /api/appointments/{id}"
ANY_SLOT = {"vet_id": 8, "starts_at": "2026-03-02T09:00:00Z"}
BROKEN = [
    Broken("dashboard", "own clinic", "GET /api/dashboard", with_values(clinic="loadtest-99999")),
    Broken("dashboard", "all its patients", "GET /api/dashboard", add_to("patients", 1)),
    Broken("dashboard", "own appointments of today", "GET /api/dashboard", of_another_clinic("appointments", "pet_id", 100)),
    Broken("dashboard", "own appointments of today", "GET /api/dashboard", with_values(appointments=[], appointments_today=1)),
    Broken("dashboard", "own invoices", "GET /api/dashboard", of_another_clinic("recent_invoices", "id", 100)),
    Broken("appointments", "own patients in the calendar", CALENDAR, of_another_clinic("appointments", "pet_id", 100)),
    Broken("appointments", "own appointment", APPOINTMENT, add_to("pet_id", 1)),
    Broken("appointments", "still the same patient", APPOINTMENT, with_values(status="completed")),
    Broken("appointments", "moved to where it was asked", MOVE, with_values(starts_at="2026-02-01T09:00:00Z")),
    Broken("booking", "slots of own vets", SLOTS, of_another_clinic("", "vet_id", 10)),
    Broken("booking", "slots of own vets", SLOTS, lambda slots: [ANY_SLOT]),
    Broken("booking", "booking can be read back", APPOINTMENT, with_values(status="cancelled")),
    Broken("booking", "booking can be read back", APPOINTMENT, add_to("pet_id", 1)),
    Broken("calendar", "within the page", CALENDAR, every_row("appointments", starts_at="2025-01-01T00:00:00Z")),
    Broken("calendar", "own patients in the calendar", CALENDAR, of_another_clinic("appointments", "pet_id", 100)),
    Broken("patients", "forty different own patients", "GET /api/patients", of_another_clinic("patients", "id", 100)),
    Broken("patients", "forty different own patients", "GET /api/patients", lambda page: {**page, "patients": page["patients"][:1] * 20}),
    Broken("patients", "the patient that was asked", "GET /api/patients/{id}", with_values(name="somebody")),
    Broken("patients", "with own papers", "GET /api/patients/{id}", with_values(medical_records=[{"pet_id": 0}])),
    Broken("medical_records", "records of that patient", "GET /api/medical-records", every_row("medical_records", pet_id=1)),
    Broken("medical_records", "records of that patient", "GET /api/medical-records", with_values(medical_records=[])),
    Broken(
        "medical_records",
        "latest first",
        "GET /api/medical-records",
        lambda page: {**page, "medical_records": page["medical_records"][::-1]},
    ),
    Broken("medical_records", "the record that was asked", "GET /api/medical-records/{id}", with_values(diagnosis="none")),
    Broken("search", "names that begin so", "GET /api/search", every_row("patients", name="#")),
    Broken("search", "own patients found", "GET /api/search", of_another_clinic("patients", "id", 100)),
    Broken("search", "the name is among them", "GET /api/search", with_values(patients=[])),
    Broken("invoices", "own invoices of that status", "GET /api/invoices", every_row("invoices", status="draft")),
    Broken("invoices", "own invoices of that status", "GET /api/invoices", of_another_clinic("invoices", "id", 100)),
    Broken("invoices", "the invoice that was asked", "GET /api/invoices/{id}", add_to("total", 1)),
    Broken("payment", "paid whole", "POST /api/invoices/{id}/payments", add_to("amount", -1)),
    Broken("payment", "paid once and for all", "GET /api/invoices/{id}", with_values(status="sent")),
    Broken("checkout", "the right total", "POST /api/checkout", add_to("total", 1)),
    Broken("checkout", "order can be read back", "GET /api/orders/{id}", with_values(items=[])),
    Broken("checkout", "order can be read back", "GET /api/orders/{id}", with_values(status="pending")),
    Broken("checkout", "taken from stock", "GET /api/products", always_the_first()),
    Broken("checkout", "never oversold", "GET /api/products", every_row("products", stock=-1)),
    Broken("login", "own account", "POST /api/login", with_values(user={"id": 0})),
    Broken("login", "the token opens the own clinic", "GET /api/dashboard", with_values(clinic="loadtest-99999")),
    Broken("services", "all services of the clinic", "GET /api/services", lambda page: {**page, "services": page["services"][1:]}),
    Broken("services", "its prices", "GET /api/services", every_row("services", price=0)),
    Broken("upload", "all bytes have come", "POST /api/prescriptions/{id}/files", add_to("size_bytes", -1)),
    Broken("upload", "listed with the prescription", "GET /api/prescriptions/{id}", with_values(files=[])),
    Broken("upload", "the same bytes come back", "GET /api/prescription-files/{id}", lambda content: b"%PDF-"),
    Broken("reports", "revenue is the sum of the invoices", "GET /api/reports/practice", every_row("revenue", invoiced=1)),
    Broken("reports", "as many invoices", "GET /api/reports/practice", every_row("revenue", invoices=1)),
    Broken("reports", "own debtors", "GET /api/reports/practice", of_another_clinic("debtors", "owner_id", 10)),
]


class Trials:
    """Loads against the broken app. What is broken in one of them lies in different scenarios, none of which sees another's fault."""

    def __init__(self, app: App) -> None:
        self._app = app
        app.mend()
        told = app.run_side_by_side(sorted({row.scenario for row in BROKEN}))
        assert failed_checks(told) == set(), "an app that is not broken"
        self._used = operations(told)
        self._together: list[list[Broken]] = []
        for row in BROKEN:
            self._place(row)
        self._failed: dict[int, set[tuple[str, str]]] = {}

    def _place(self, row: Broken) -> None:
        """With others, where neither its scenario asks for what they spoil nor theirs for what it spoils."""
        for rows in self._together:
            if not any(row.operation in self._used[other.scenario] or other.operation in self._used[row.scenario] for other in rows):
                rows.append(row)
                return
        self._together.append([row])

    def failed(self, row: Broken) -> set[tuple[str, str]]:
        """The checks that failed in the load with that fault, with their scenarios."""
        number = next(number for number, rows in enumerate(self._together) if row in rows)
        if number not in self._failed:
            self._failed[number] = self._load(self._together[number])
        return self._failed[number]

    def _load(self, rows: list[Broken]) -> set[tuple[str, str]]:
        self._app.mend()
        self._app.spoilt = {row.operation: after_setup(row) for row in rows}
        told = self._app.run_side_by_side([row.scenario for row in rows])
        for row in rows:
            assert operations(told)[row.scenario] & self._app.spoilt.keys() == {row.operation}
        return {(check["scenario"], check["name"]) for check in told["checks"] if check["fails"]}


def operations(told: dict[str, Any]) -> dict[str, set[str]]:
    """What each scenario asked for."""
    found: dict[str, set[str]] = {}
    for series in told["series"]:
        found.setdefault(series["scenario"], set()).add(series["name"].partition(" (")[0])
    return found


def after_setup(row: Broken) -> Spoil:
    """Right for the three clinics that setup looks at, wrong from then on."""
    answers = iter(range(3 if row.operation in ("GET /api/dashboard", "GET /api/patients/{id}") else 0))
    return lambda page: row.spoil(page) if next(answers, None) is None else page


@pytest.fixture(scope="module")
def trials(running: App) -> Trials:
    return Trials(running)


@pytest.mark.parametrize("row", BROKEN, ids=[f"{row.check}: {row.scenario}" for row in BROKEN])
def test_a_check_sees_the_answer_that_it_is_for(trials: Trials, row: Broken) -> None:
    assert (row.scenario, row.check) in trials.failed(row)


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


def test_every_check_is_among_these() -> None:
    seen = {row.check for row in BROKEN} | {
        *("no slot is free twice", "refused for a slot that is taken", "no token for a wrong password", "the day is part of the week")
    }
    source = Path(scenarios.__file__).read_text()
    assert set(re.findall(r'vu\.check\("([^"]+)"', source)) == seen
