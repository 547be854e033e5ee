"""Records, prescriptions, payments, deliveries, orders and the report; the truth is read as the superuser."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from running_clinic import together

if TYPE_CHECKING:
    from running_clinic import Clinic

RECORD = {"pet_id": 7, "vet_id": 8, "diagnosis": "Zahnstein ñ 猫", "treatment": "cleaned", "weight_kg": 4.2}
PRESCRIPTION = {"record_id": 1, "drug": "Amoxicillin", "dose": "5 mg", "days": 10}


def row(clinic: Clinic, table: str, number: int) -> dict[str, Any]:
    return dict(clinic.database.run(f"SELECT * FROM {table} WHERE id = {number}")[0])


def test_a_record_that_was_added_can_be_read_back_everywhere(own_clinic: Clinic) -> None:
    added = own_clinic.post("/api/medical-records", RECORD)
    assert added.status == 201
    number = added.body["id"]
    truth = row(own_clinic, "medical_records", number)
    assert (truth["clinic_id"], truth["pet_id"], truth["vet_id"], truth["notes"]) == (1, 7, 8, "")
    assert (truth["diagnosis"], truth["weight_kg"]) == (RECORD["diagnosis"], Decimal("4.20"))
    detail = own_clinic.get(f"/api/medical-records/{number}").body
    assert added.body.items() <= detail.items()
    assert (detail["vet"], detail["prescriptions"]) == ("First8 Last8", [])
    assert own_clinic.get("/api/medical-records?pet_id=7").body["medical_records"][0]["id"] == number
    assert own_clinic.get("/api/patients/7").body["medical_records"][0]["id"] == number


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"pet_id": 107}, 404),
        ({"vet_id": 18}, 404),
        ({"vet_id": 1}, 404),
        ({"weight_kg": 0}, 422),
        ({"weight_kg": 0.004}, 422),
        ({"weight_kg": 1000}, 422),
        ({"weight_kg": 1e308}, 422),
        ({"weight_kg": "5"}, 422),
        ({"diagnosis": ""}, 422),
        ({"diagnosis": "a\0b"}, 422),
        ({"diagnosis": "x" * 4001}, 422),
        ({"notes": "x" * 2**20}, 413),
    ],
)
def test_a_record_that_makes_no_sense_is_not_added(own_clinic: Clinic, change: dict[str, Any], status: int) -> None:
    before = own_clinic.database.value("SELECT count(*) FROM medical_records")
    assert own_clinic.post("/api/medical-records", RECORD | change).status == status
    assert own_clinic.database.value("SELECT count(*) FROM medical_records") == before


@pytest.mark.parametrize("weight", [0.01, 0.125, 999.99, 5])
def test_a_weight_is_kept_in_hundredths(own_clinic: Clinic, weight: float) -> None:
    number = own_clinic.post("/api/medical-records", RECORD | {"weight_kg": weight}).body["id"]
    assert abs(float(row(own_clinic, "medical_records", number)["weight_kg"]) - weight) < 0.0051


def test_a_prescription_is_of_its_records_patient_and_vet(own_clinic: Clinic) -> None:
    issued = own_clinic.post("/api/prescriptions", PRESCRIPTION)
    assert (issued.status, issued.body["pet_id"], issued.body["vet_id"]) == (201, 1, 8)
    number = issued.body["id"]
    truth = row(own_clinic, "prescriptions", number)
    assert {key: truth[key] for key in ("clinic_id", *PRESCRIPTION)} == {"clinic_id": 1, **PRESCRIPTION}
    assert own_clinic.get(f"/api/prescriptions/{number}").body == {**issued.body, "vet": "First8 Last8", "files": []}
    assert own_clinic.get("/api/prescriptions?pet_id=1").body["prescriptions"][0]["id"] == number
    assert number in [each["id"] for each in own_clinic.get("/api/medical-records/1").body["prescriptions"]]


@pytest.mark.parametrize(
    ("change", "status"),
    [({"record_id": 201}, 404), ({"record_id": 2**63 - 1}, 404), ({"days": 0}, 422), ({"days": 366}, 422), ({"drug": "\0"}, 422)],
)
def test_a_prescription_that_makes_no_sense_is_not_issued(own_clinic: Clinic, change: dict[str, Any], status: int) -> None:
    before = own_clinic.database.value("SELECT count(*) FROM prescriptions")
    assert own_clinic.post("/api/prescriptions", PRESCRIPTION | change).status == status
    assert own_clinic.database.value("SELECT count(*) FROM prescriptions") == before


def test_another_clinics_records_and_prescriptions_are_404(own_clinic: Clinic) -> None:
    assert own_clinic.get("/api/medical-records/201").status == 404
    assert own_clinic.get("/api/prescriptions/61").status == 404
    assert own_clinic.get("/api/prescriptions?pet_id=101").body == {"prescriptions": []}


def test_an_invoice_is_paid_exactly_once_whole_and_as_it_was_said(own_clinic: Clinic) -> None:
    answers = together(partial(own_clinic.post, "/api/invoices/4/payments", {"method": "cash"}) for _ in range(12))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 11
    payment = next(answer.body for answer in answers if answer.status == 201)
    (truth,) = own_clinic.database.run("SELECT * FROM payments WHERE invoice_id = 4")
    assert (truth["clinic_id"], truth["order_id"], truth["amount"], truth["method"]) == (1, None, Decimal(4), "cash")
    assert (payment["id"], payment["invoice_id"], payment["amount"], payment["method"]) == (truth["id"], 4, 4, "cash")
    assert own_clinic.get("/api/invoices/4").body["status"] == "paid"


def test_drafts_and_paid_invoices_are_not_paid_and_foreign_ones_are_404(own_clinic: Clinic) -> None:
    own_clinic.database.run("UPDATE invoices SET status = 'draft' WHERE id = 5", "SELECT 1")
    statuses = {number: own_clinic.post(f"/api/invoices/{number}/payments", {}).status for number in (5, 7, 104, 9999)}
    assert statuses == {5: 409, 7: 409, 104: 404, 9999: 404}
    assert own_clinic.database.value("SELECT count(*) FROM payments WHERE invoice_id IN (5, 7, 104)") == 0


def test_deliveries_at_once_are_all_counted(own_clinic: Clinic) -> None:
    answers = together(partial(own_clinic.post, "/api/products/6/deliveries", {"quantity": 10 + n}) for n in range(12))
    assert {answer.status for answer in answers} == {200}
    assert own_clinic.database.value("SELECT stock FROM products WHERE id = 6") == 100 + sum(10 + n for n in range(12))


@pytest.mark.parametrize(("number", "quantity", "status"), [(7, 0, 422), (7, 1001, 422), (7, -1, 422), (27, 1, 404), (9999, 1, 404)])
def test_a_delivery_that_makes_no_sense_changes_no_stock(own_clinic: Clinic, number: int, quantity: int, status: int) -> None:
    assert own_clinic.post(f"/api/products/{number}/deliveries", {"quantity": quantity}).status == status
    assert own_clinic.database.value("SELECT count(*) FROM products WHERE id IN (7, 27) AND stock = 100") == 2


def test_a_stock_beyond_what_can_be_counted_is_a_409(own_clinic: Clinic) -> None:
    own_clinic.database.run(f"UPDATE products SET stock = {2**31 - 6} WHERE id = 8", "SELECT 1")
    assert own_clinic.post("/api/products/8/deliveries", {"quantity": 6}).status == 409
    assert own_clinic.post("/api/products/8/deliveries", {"quantity": 5}).body["stock"] == 2**31 - 1


def test_sales_and_deliveries_at_once_add_up(own_clinic: Clinic) -> None:
    def sell(n: int) -> int:
        return own_clinic.post("/api/checkout", {"owner_id": 1, "items": [{"product_id": 9, "quantity": 20}]}).status

    def deliver(n: int) -> int:
        return own_clinic.post("/api/products/9/deliveries", {"quantity": 15}).status

    statuses = together(partial(deliver if n % 3 == 0 else sell, n) for n in range(24))
    sold = statuses.count(201)
    assert sold + statuses.count(409) == 16
    truth = own_clinic.database.run("SELECT stock, reserved FROM products WHERE id = 9")[0]
    assert tuple(truth) == (100 + 8 * 15 - sold * 20, 0)


def test_an_order_can_be_read_back_and_is_a_404_elsewhere(own_clinic: Clinic) -> None:
    items = [{"product_id": 13, "quantity": 2}, {"product_id": 12, "quantity": 1}]
    sale = own_clinic.post("/api/checkout", {"owner_id": 2, "items": items}).body
    order = own_clinic.get(f"/api/orders/{sale['id']}").body
    truth = row(own_clinic, "orders", sale["id"])
    assert (order["owner_id"], order["status"], order["total"]) == (2, "paid", float(truth["total"]))
    assert order["items"] == [
        {"product_id": 12, "quantity": 1, "price": 12.25},
        {"product_id": 13, "quantity": 2, "price": 13.25},
    ]
    assert own_clinic.get(f"/api/orders/{sale['id']}", clinic=2).status == 404
    assert own_clinic.get("/api/orders/1").status == 404


# Sixty records more over two years, of two vets and three species, and invoices of every kind.
PAST = (
    "UPDATE pets SET species = 'cat' WHERE clinic_id = 1 AND id % 3 = 0",
    "UPDATE pets SET species = 'bird' WHERE clinic_id = 1 AND id % 3 = 1",
    """INSERT INTO medical_records (id, clinic_id, pet_id, vet_id, visited_at, diagnosis, treatment, notes, weight_kg)
    SELECT 5000 + r, 1, 1 + r % 40, 8 + r % 2, '2026-01-05 23:59Z'::timestamptz - r * interval '11 days',
        'D' || r % 13, 't', '', 1 + r * 0.37
    FROM generate_series(0, 60) r""",
    """INSERT INTO invoices (id, clinic_id, owner_id, number, status, issued_on, due_on, total)
    SELECT 5000 + i, 1, 1 + i % 7, 'R-' || i, (ARRAY['draft', 'sent', 'paid', 'overdue'])[1 + i % 4], '2026-01-05'::date - i * 9,
        '2026-02-05'::date - i * 9, i * 3.37 FROM generate_series(0, 60) i""",
    "SELECT 1",
)


@pytest.mark.parametrize(("months", "first"), [(1, "2025-12-01"), (12, "2025-01-01"), (25, "2023-12-01")])
def test_the_report_has_the_figures_that_the_tables_have(own_clinic: Clinic, months: int, first: str) -> None:
    if own_clinic.database.value("SELECT count(*) FROM invoices WHERE id = 5000") == 0:
        own_clinic.database.run(*PAST)
    report = own_clinic.get(f"/api/reports/practice?months={months}").body
    assert (report["from"], report["to"]) == (first, "2026-01-05")

    invoices = table(own_clinic, "SELECT * FROM invoices WHERE clinic_id = 1")
    spanned = [each for each in invoices if first <= each["issued_on"].isoformat() <= "2026-01-05" and each["status"] != "draft"]
    for month in report["revenue"]:
        of_it = [each for each in spanned if each["issued_on"].strftime("%Y-%m-01") == month["month"]]
        paid = sum(float(each["total"]) for each in of_it if each["status"] == "paid")
        assert month["invoices"] == len(of_it)
        assert (month["invoiced"], month["paid"]) == pytest.approx((sum(float(each["total"]) for each in of_it), paid))
    assert sum(month["invoices"] for month in report["revenue"]) == len(spanned) > 0

    owed: dict[int, float] = {}
    for each in invoices:
        if each["status"] in ("sent", "overdue"):
            owed[each["owner_id"]] = owed.get(each["owner_id"], 0) + float(each["total"])
    assert {each["owner_id"]: each["owed"] for each in report["debtors"]} == pytest.approx(owed)
    assert [each["owed"] for each in report["debtors"]] == sorted((each["owed"] for each in report["debtors"]), reverse=True)

    pets = {each["id"]: each["species"] for each in table(own_clinic, "SELECT id, species FROM pets WHERE clinic_id = 1")}
    visits = [
        (each["visited_at"].strftime("%Y-%m-01"), f"First{each['vet_id']} Last{each['vet_id']}", pets[each["pet_id"]], each["pet_id"])
        for each in table(own_clinic, "SELECT * FROM medical_records WHERE clinic_id = 1")
        if first <= each["visited_at"].date().isoformat() <= "2026-01-05"
    ]
    for group in report["visits"]:
        of_it = [pet for *key, pet in visits if tuple(key) == (group["month"], group["vet"], group["species"])]
        assert (group["visits"], group["patients"]) == (len(of_it), len(set(of_it)))
    assert sum(group["visits"] for group in report["visits"]) == len(visits) > 0
    assert sum(each["cases"] for each in report["diagnoses"]) <= len(visits)

    counts = [each["appointments"] for each in report["utilisation"]]
    assert sum(counts) == own_clinic.database.value("SELECT count(*) FROM appointments WHERE clinic_id = 1")


def table(clinic: Clinic, query: str) -> list[Any]:
    return clinic.database.run(query)


def test_the_reports_diagnoses_are_the_most_frequent_ones(own_clinic: Clinic) -> None:
    found = own_clinic.get("/api/reports/practice?months=60").body["diagnoses"]
    truth = own_clinic.database.run("""
        SELECT diagnosis, count(*) AS n, sum((visited_at >= '2025-12-07Z')::int) AS recent FROM medical_records
        WHERE clinic_id = 1 AND visited_at < '2026-01-06Z' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10
    """)
    assert [(each["diagnosis"], each["cases"], each["recent"]) for each in found] == [tuple(each) for each in truth]
    assert all(each["rank"] == 1 + sum(other["cases"] > each["cases"] for other in found) for each in found)
