"""The reference app over real HTTP on a real Postgres; the truth is read as the superuser."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from running_clinic import together

from tenantry_clinic.app import AREAS
from tenantry_clinic.routes.appointments import span_of

if TYPE_CHECKING:
    from running_clinic import Answer, Clinic

OPERATIONS = {operation.name: operation for area in AREAS for operation in area.operations}
PUBLIC = {"POST /api/login", "GET /api/health", "GET /api/services", "GET /api/openapi.json", "GET /metrics"}
SLOT = {"vet_id": 9, "starts_at": "2026-01-06T09:00:00Z"}
TENANT_TABLES = """
    SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'clinic_id'
    UNION SELECT 'clinics' ORDER BY 1
"""


def test_health_tells_the_day_and_that_the_database_answers(clinic: Clinic) -> None:
    found = clinic.call("GET", "/api/health")
    assert (found.status, found.body) == (
        200,
        {"status": "ok", "today": "2026-01-05", "dependencies": {"database": "ok", "files": "ok", "invoicing": "none"}},
    )


def test_the_right_password_gives_a_token_that_works(clinic: Clinic) -> None:
    found = clinic.call("POST", "/api/login", {"email": "user18@clinic.example", "password": "right-password"})
    assert found.status == 200
    assert found.body["clinic"] == "loadtest-00002"
    assert found.body["user"] == {"id": 18, "role": "vet"}
    assert clinic.call("GET", "/api/dashboard", token=found.body["token"]).body["clinic"] == "loadtest-00002"


@pytest.mark.parametrize("email", ["user18@clinic.example", "nobody@clinic.example", "", "'; DROP TABLE users; --"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_401(clinic: Clinic, email: str) -> None:
    found = clinic.call("POST", "/api/login", {"email": email, "password": "wrong-password"})
    assert (found.status, found.body) == (401, {"error": "unknown address or wrong password"})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[:10] + "X" + token[11:],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.partition(".")[2],
        lambda token: "a.b",
        lambda token: "\u00fc",
    ],
)
def test_a_spoilt_token_is_a_401(clinic: Clinic, spoil: Any) -> None:
    found = clinic.call("GET", "/api/dashboard", token=spoil(clinic.token(1)))
    assert found.status == 401
    assert found.headers["www-authenticate"] == "Bearer"


def test_all_but_a_few_endpoints_need_a_token(clinic: Clinic) -> None:
    closed = {name: operation for name, operation in OPERATIONS.items() if not operation.public}
    assert OPERATIONS.keys() - closed.keys() == PUBLIC
    for operation in closed.values():
        assert clinic.call(operation.method, operation.path.replace("{id}", "1"), b"").status == 401, operation.name


def test_the_dashboard_shows_the_clinic_in_figures(clinic: Clinic) -> None:
    page = clinic.get("/api/dashboard", clinic=2).body
    assert {key: page[key] for key in ("clinic", "patients", "owners", "appointments_today", "overdue_invoices", "outstanding")} == {
        "clinic": "loadtest-00002",
        "patients": 100,
        "owners": 7,
        "appointments_today": 2,
        "overdue_invoices": 10,
        "outstanding": 220,
    }
    assert [appointment["id"] for appointment in page["appointments"]] == [51, 52]
    assert [invoice["id"] for invoice in page["recent_invoices"]] == [140, 139, 138, 137, 136]


def test_a_token_of_no_clinic_sees_no_dashboard(clinic: Clinic) -> None:
    assert clinic.get("/api/dashboard", clinic=3).status == 404


@pytest.mark.parametrize(
    ("query", "ids"),
    [("", {1, 2, 3}), ("?date=2026-01-06", set()), ("?date=2026-01-11&view=week", {1, 2, 3}), ("?date=2026-01-12&view=week", {4})],
)
def test_the_calendar_shows_the_appointments_of_its_page(clinic: Clinic, query: str, ids: set[int]) -> None:
    page = clinic.get(f"/api/appointments{query}").body
    assert {row["id"] for row in page["appointments"] if row["id"] < 50} == ids


@pytest.mark.parametrize(
    ("day", "view", "first", "after"),
    [
        ("2026-01-05", "day", "2026-01-05", "2026-01-06"),
        ("2026-01-11", "week", "2026-01-05", "2026-01-12"),
        ("2026-02-28", "month", "2026-02-01", "2026-03-01"),
        ("2025-12-31", "month", "2025-12-01", "2026-01-01"),
        ("2028-02-29", "month", "2028-02-01", "2028-03-01"),
    ],
)
def test_a_calendar_page_spans_whole_days_weeks_or_months(day: str, view: str, first: str, after: str) -> None:
    assert span_of(date.fromisoformat(day), view) == (date.fromisoformat(first), date.fromisoformat(after))


def test_free_slots_are_the_half_hours_of_both_vets_that_are_not_taken(clinic: Clinic) -> None:
    every = {(vet, f"2026-01-05T{hour:02}:{minute:02}:00Z") for vet in (18, 19) for hour in range(8, 18) for minute in (0, 30)}
    slots = clinic.get("/api/appointments/slots?date=2026-01-05", clinic=2).body
    found = [(slot["vet_id"], slot["starts_at"]) for slot in slots]
    assert len(found) == len(set(found))
    assert set(found) == every - {(18, "2026-01-05T08:00:00Z"), (18, "2026-01-05T08:30:00Z")}


def test_a_booked_slot_can_be_read_back_and_is_no_longer_free(clinic: Clinic) -> None:
    slot = clinic.get("/api/appointments/slots?date=2026-01-07").body[3]
    booked = clinic.post("/api/appointments", {"pet_id": 5, "slot": slot, "reason": "limps"})
    assert (booked.status, booked.body["pet_id"]) == (201, 5)
    seen = clinic.get(f"/api/appointments/{booked.body['id']}").body
    assert (seen["pet_id"], seen["vet_id"], seen["starts_at"], seen["reason"]) == (5, slot["vet_id"], slot["starts_at"], "limps")
    assert slot not in clinic.get("/api/appointments/slots?date=2026-01-07").body
    assert clinic.database.value(f"SELECT clinic_id FROM appointments WHERE id = {booked.body['id']}") == 1


def test_a_taken_slot_answers_409(clinic: Clinic) -> None:
    taken = {"vet_id": 8, "starts_at": "2026-01-05T08:00:00Z"}
    assert clinic.post("/api/appointments", {"pet_id": 5, "slot": taken}).status == 409


def test_a_cancelled_appointment_frees_its_slot(clinic: Clinic) -> None:
    freed = {"vet_id": 8, "starts_at": "2026-01-05T10:00:00+01:00"}
    assert clinic.post("/api/appointments", {"pet_id": 5, "slot": freed}).status == 201


def test_of_concurrent_bookings_of_one_slot_exactly_one_succeeds(clinic: Clinic) -> None:
    slot = {"vet_id": 9, "starts_at": "2026-01-08T12:00:00Z"}
    answers = together(partial(clinic.post, "/api/appointments", {"pet_id": n + 1, "slot": slot}) for n in range(16))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 15
    assert clinic.database.value("SELECT count(*) FROM appointments WHERE vet_id = 9 AND starts_at = '2026-01-08 12:00Z'") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"pet_id": 1_000_000, "slot": SLOT}, 404),
        ({"pet_id": 101, "slot": SLOT}, 404),
        ({"pet_id": 1, "slot": {**SLOT, "vet_id": 19}}, 404),
        ({"pet_id": 1, "slot": {**SLOT, "vet_id": 1}}, 404),
        ({"pet_id": 1, "slot": {**SLOT, "starts_at": "2026-01-06T09:10:00Z"}}, 422),
        ({"pet_id": 1, "slot": {**SLOT, "starts_at": "2026-01-06T07:30:00Z"}}, 422),
        ({"pet_id": 1, "slot": {**SLOT, "starts_at": "2026-01-06T18:00:00Z"}}, 422),
        ({"pet_id": 1, "slot": {**SLOT, "starts_at": "2026-01-02T09:00:00Z"}}, 422),
        ({"pet_id": 1, "slot": {**SLOT, "starts_at": "2026-01-06T09:00:00"}}, 422),
        ({"pet_id": 1, "slot": {**SLOT, "starts_at": "soon"}}, 422),
        ({"pet_id": 1}, 422),
        ({"pet_id": "1", "slot": SLOT}, 422),
        ({"pet_id": 2**63, "slot": SLOT}, 422),
        ({"pet_id": 0, "slot": SLOT}, 422),
        ({"pet_id": 1, "slot": SLOT, "reason": "a\0b"}, 422),
        ([], 422),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
    ],
)
def test_a_booking_that_makes_no_sense_is_refused_with_a_reason(clinic: Clinic, body: Any, status: int) -> None:
    found = clinic.post("/api/appointments", body)
    assert (found.status, list(found.body)) == (status, ["error", "details"] if status == 422 else ["error"])
    assert found.body["error"]


@pytest.mark.parametrize("path", ["appointments/51", "patients/101", "medical-records?pet_id=101", "invoices/101"])
def test_a_row_of_another_clinic_is_a_404(clinic: Clinic, path: str) -> None:
    assert clinic.get(f"/api/{path}", clinic=2).status == 200
    assert clinic.get(f"/api/{path}", clinic=1).status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/appointments/99999", 404),
        (f"/api/appointments/{2**63}", 404),
        ("/api/patients/abc", 404),
        ("/api/invoices/-1", 404),
        ("/api/nothing", 404),
        ("/api/checkout", 405),
        ("/api/appointments?view=year", 422),
        ("/api/appointments?date=tomorrow", 422),
        ("/api/appointments?date=9999-12-31&view=month", 422),
        ("/api/patients?limit=0", 422),
        ("/api/patients?limit=x", 422),
        ("/api/patients?limit=101", 422),
        ("/api/medical-records?pet_id=-1", 422),
        (f"/api/medical-records?pet_id={2**64}", 422),
        ("/api/invoices?status=lost", 422),
        ("/api/search", 422),
        ("/api/search?q=R", 422),
        ("/api/search?q=%00%00", 422),
    ],
)
def test_a_wrong_path_or_parameter_is_refused_with_a_reason(clinic: Clinic, path: str, status: int) -> None:
    found = clinic.get(path)
    assert (found.status, list(found.body)) == (status, ["error", "details"] if status == 422 else ["error"])


def test_a_patient_comes_with_owner_appointments_and_latest_records(clinic: Clinic) -> None:
    patient = clinic.get("/api/patients/101", clinic=2).body
    assert (patient["name"], patient["owner_id"], patient["owner"], patient["weight_kg"]) == ("Rex1", 12, "First2 Last2", 5.25)
    assert [appointment["id"] for appointment in patient["appointments"]] == [51]
    assert [record["id"] for record in patient["medical_records"]] == [225, 224, 223, 222, 221]


def test_invoices_are_listed_by_status_and_one_by_one(clinic: Clinic) -> None:
    overdue = clinic.get("/api/invoices?status=overdue").body["invoices"]
    assert [invoice["total"] for invoice in overdue] == [40, 36, 32, 28, 24, 20, 16, 12, 8, 4]
    assert len(clinic.get("/api/invoices").body["invoices"]) == 20
    invoice = clinic.get("/api/invoices/7").body
    assert (invoice["number"], invoice["status"], invoice["total"], invoice["due_on"]) == ("INV-7", "paid", 7, "2025-03-01")


def test_services_of_a_clinic_are_public(clinic: Clinic) -> None:
    found = clinic.call("GET", "/api/services?clinic=loadtest-00002")
    assert found.status == 200
    ids = {row["id"] for row in clinic.database.run("SELECT id FROM services WHERE clinic_id = 2")}
    assert {service["id"] for service in found.body["services"]} == ids
    assert clinic.call("GET", "/api/services?clinic=loadtest-99999").status == 404
    assert clinic.call("GET", "/api/services").status == 422


def test_a_checkout_orders_pays_and_takes_from_stock(clinic: Clinic) -> None:
    items = [{"product_id": 2, "quantity": 3}, {"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 1}]
    found = clinic.post("/api/checkout", {"owner_id": 3, "items": items})
    assert found.status == 201
    assert found.body["total"] == 4 * 2.25 + 1.25
    order = found.body["id"]
    truth = clinic.database
    assert tuple(truth.run(f"SELECT clinic_id, owner_id, status, total FROM orders WHERE id = {order}")[0])[:3] == (1, 3, "paid")
    lines = truth.run(f"SELECT product_id, quantity FROM order_items WHERE order_id = {order} ORDER BY 1")
    assert [tuple(line) for line in lines] == [(1, 1), (2, 4)]
    assert float(truth.value(f"SELECT amount FROM payments WHERE order_id = {order}")) == found.body["total"]
    stock = {product["id"]: product["stock"] for product in clinic.get("/api/products").body["products"]}
    assert (stock[1], stock[2], stock[3]) == (99, 96, 100)


def test_short_stock_is_a_409_and_changes_nothing(clinic: Clinic) -> None:
    items = [{"product_id": 3, "quantity": 1}, {"product_id": 4, "quantity": 101}]
    before = clinic.database.value("SELECT count(*) FROM orders")
    assert clinic.post("/api/checkout", {"owner_id": 1, "items": items}).status == 409
    rows = clinic.database.run("SELECT stock, reserved FROM products WHERE id IN (3, 4)")
    assert [tuple(row) for row in rows] == [(100, 0), (100, 0)]
    assert clinic.database.value("SELECT count(*) FROM orders") == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"owner_id": 11, "items": [{"product_id": 5, "quantity": 1}]}, 404),
        ({"owner_id": 1, "items": [{"product_id": 25, "quantity": 1}]}, 404),
        ({"owner_id": 1, "items": [{"product_id": 5, "quantity": 1}, {"product_id": 9999, "quantity": 1}]}, 404),
        ({"owner_id": 1, "items": []}, 422),
        ({"owner_id": 1, "items": [{"product_id": 5, "quantity": 0}]}, 422),
        ({"owner_id": 1, "items": [{"product_id": 5, "quantity": 1.5}]}, 422),
        (b"nonsense", 400),
    ],
)
def test_a_checkout_that_makes_no_sense_changes_nothing(clinic: Clinic, body: Any, status: int) -> None:
    assert clinic.post("/api/checkout", body).status == status
    assert tuple(clinic.database.run("SELECT stock, reserved FROM products WHERE id = 5")[0]) == (100, 0)


def test_concurrent_checkouts_never_oversell_and_never_deadlock(clinic: Clinic) -> None:
    def buy(n: int) -> Answer:
        order = [10, 11] if n % 2 else [11, 10]
        return clinic.post("/api/checkout", {"owner_id": 1, "items": [{"product_id": p, "quantity": 7} for p in order]})

    answers = together(partial(buy, n) for n in range(24))
    assert sorted(answer.status for answer in answers) == [201] * 14 + [409] * 10
    rows = clinic.database.run("""
        SELECT p.stock, p.reserved, (SELECT sum(quantity) FROM order_items WHERE product_id = p.id) AS sold
        FROM products p WHERE p.id IN (10, 11)
    """)
    assert [tuple(row) for row in rows] == [(2, 0, 98), (2, 0, 98)]


def test_without_a_tenant_the_app_role_sees_no_row_of_any_tenant_table(clinic: Clinic) -> None:
    tables = [row["table_name"] for row in clinic.database.run(TENANT_TABLES)]
    assert len(tables) == 13
    for table in tables:
        assert clinic.database.value(f"SELECT count(*) FROM {table}", user="clinic_app") == 0, table
    for table in tables:
        assert clinic.database.value(f"SELECT count(*) FROM {table}") > 0, table


def test_a_tenant_that_was_set_is_gone_with_its_transaction(clinic: Clinic) -> None:
    script = ["BEGIN", "SELECT set_config('app.clinic_id', '1', true)", "COMMIT", "SELECT count(*) FROM pets"]
    assert clinic.database.value(*script, user="clinic_app") == 0
    assert clinic.database.value(*script[:2], "SELECT count(*) FROM pets", user="clinic_app") == 100


def test_the_app_role_cannot_write_a_row_of_another_clinic(clinic: Clinic) -> None:
    context = ["BEGIN", "SELECT set_config('app.clinic_id', '1', true)"]
    insert = "INSERT INTO orders (clinic_id, owner_id, status, total) VALUES (2, 11, 'paid', 1)"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        clinic.database.run(*context, insert, user="clinic_app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        clinic.database.run(*context, "SELECT password_hash FROM users", user="clinic_app")


def test_no_row_can_refer_to_another_clinics_row(clinic: Clinic) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        clinic.database.run("UPDATE pets SET owner_id = 11 WHERE id = 50")


def test_the_app_works_as_a_role_that_row_level_security_binds(clinic: Clinic) -> None:
    clinic.get("/api/dashboard")
    rows = clinic.database.run("""
        SELECT DISTINCT r.rolname, r.rolsuper, r.rolbypassrls FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename
        WHERE a.datname = current_database() AND a.application_name = 'tenantry_clinic'
    """)
    assert [tuple(row) for row in rows] == [("clinic_app", False, False)]
    assert clinic.database.value("SELECT count(*) FROM pg_class WHERE relowner = 'clinic_app'::regrole") == 0
