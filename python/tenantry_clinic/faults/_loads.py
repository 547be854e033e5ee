"""The loads at which faults are seen, each with a rate that can be set: `tenantry run tenantry_clinic.faults._loads:calendar`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tenantry import Scenario, Vu, Workload, mix, poisson_rate, scenario, setup
from tenantry import workload as workload_of
from tenantry_clinic import scenarios, workloads
from tenantry_clinic.dataset import clinic


@setup
async def app_answers(vu: Vu) -> dict[str, date]:
    """The app is up, which is all that can be asked of one that may show clinics to each other."""
    health = await vu.get("/api/health")
    return {"today": date.fromisoformat(health.json()["today"])}


@scenario
async def calendar_page(vu: Vu) -> None:
    """A page of the calendar."""
    view = vu.rng.choice(("day", "week", "month"))
    page = (await vu.get("/api/appointments", params={"date": scenarios.day_from(vu, -20, 20), "view": view})).json()
    vu.check("asked view", page["view"] == view)


@scenario
async def records_of_a_patient(vu: Vu) -> None:
    """What has been found and done for one patient."""
    pet = vu.pick("pets")
    records = (await vu.get("/api/medical-records", params={"pet_id": pet.id})).json()["medical_records"]
    vu.check("records of that patient", all(record["pet_id"] == pet.id for record in records))


@scenario
async def basket(vu: Vu) -> None:
    """Buy one to three products."""
    wanted = sorted({vu.pick("products").id for _ in range(vu.rng.randint(1, 3))})
    asked = {"owner_id": vu.pick("users", role="owner").id, "items": [{"product_id": product, "quantity": 1} for product in wanted]}
    vu.check("paid", (await vu.post("/api/checkout", json=asked, expect=201)).json()["status"] == "paid")


@scenario
async def open_invoices(vu: Vu) -> None:
    """The invoices that are not paid."""
    status = vu.rng.choice(("sent", "overdue"))
    page = (await vu.get("/api/invoices", params={"status": status})).json()
    vu.check("asked status", all(invoice["status"] == status for invoice in page["invoices"]))


@scenario
async def a_hundred_records(vu: Vu) -> None:
    """The latest hundred records of a clinic."""
    page = (await vu.get("/api/medical-records", params={"limit": 100})).json()
    vu.check("a full page", len(page["medical_records"]) == 100)


@scenario
async def practice_report(vu: Vu) -> None:
    """The practice in figures."""
    report = (await vu.get("/api/reports/practice", params={"months": 12})).json()
    vu.check("a report", len(report["diagnoses"]) > 0)


@scenario
async def full_basket(vu: Vu) -> None:
    """Buy four of the ten products that everybody buys."""
    known = sorted({vu.pick("products").id for _ in range(40)})[:10]
    items = [{"product_id": product, "quantity": 1} for product in sorted(vu.rng.sample(known, min(4, len(known))))]
    owner = vu.pick("users", role="owner")
    paid = await vu.post("/api/checkout", json={"owner_id": owner.id, "items": items}, expect=201)
    vu.check("paid", paid.json()["status"] == "paid")


@scenario
async def book_a_slot(vu: Vu) -> None:
    """Book one of the free half hours of a day that is far enough away to have many; somebody else may be faster."""
    pet = vu.pick("pets")
    slots = (await vu.get("/api/appointments/slots", params={"date": scenarios.day_from(vu, 40, 400)})).json()
    if slots:
        await vu.post("/api/appointments", json={"pet_id": pet.id, "slot": vu.rng.choice(slots)}, expect=(201, 409))


@scenario
async def whole_archive(vu: Vu) -> None:
    """All medical records of a clinic, page by page to the last."""
    params: dict[str, str | int] = {"limit": 100}
    while True:
        page = (await vu.get("/api/medical-records", params=params)).json()
        vu.check("records", len(page["medical_records"]) > 0)
        if page["next"] is None:
            return
        params["after"] = page["next"]


def _load(*parts: Scenario, weights: Mapping[Scenario, float] | None = None) -> Workload:
    """At a rate; each iteration is of another clinic, and failures do not end it."""
    what = mix(weights or dict.fromkeys(parts, 1))
    return workload_of(what, poisson_rate("50/s", "8s", max_vus=300), dataset=clinic, tenant_per="iteration", breaker_share="off")


dashboard = _load(scenarios.dashboard)
calendar = _load(calendar_page)
patients = _load(scenarios.patients)
archive = _load(whole_archive)
medical_records = _load(records_of_a_patient)
booking = _load(book_a_slot)
search = _load(scenarios.search)
invoices = _load(open_invoices)
checkout = _load(basket)
latest_records = _load(a_hundred_records)
full_baskets = _load(full_basket)
login = _load(scenarios.login)
services = _load(scenarios.services)
reports = _load(practice_report)
mixed = _load(weights=workloads.WEIGHTS)
