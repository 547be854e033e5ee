"""A clinic's working day as scenarios, and the workloads of its load test: `tenantry run tenantry_clinic.workloads:mixed`."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tenantry import Vu, constant_rate, mix, ramping_vus, scenario, setup, workload
from tenantry_clinic.dataset import clinic

WORDS = ("lu", "ma", "ro", "be", "si", "F-0")
VIEWS = ("day", "week", "month")


@setup
async def app_is_ready(vu: Vu) -> dict[str, Any]:
    """The app answers its health check, and says which day it has."""
    health = await vu.get("/api/health")
    health.expect(status=200)
    return {"today": date.fromisoformat(health.json()["today"])}


def day_from(vu: Vu, first: int, last: int) -> str:
    """A random day, `first` to `last` days from the app's today on."""
    today: date = vu.shared["today"]
    return (today + timedelta(days=vu.rng.randint(first, last))).isoformat()


@scenario
async def dashboard(vu: Vu) -> None:
    """The first page of the day."""
    page = await vu.get("/api/dashboard")
    vu.check("own clinic", page.json()["clinic"] == vu.tenant.slug)


@scenario
async def appointments(vu: Vu) -> None:
    """The calendar, then one appointment of it."""
    with vu.group("calendar"):
        view = vu.rng.choice(VIEWS)
        page = (await vu.get("/api/appointments", params={"date": day_from(vu, -20, 20), "view": view})).json()
        vu.check("asked view", page["view"] == view)
        known = vu.pick("appointments")
        detail = await vu.get("/api/appointments/{id}", id=known.id)
        vu.check("own appointment", detail.json()["pet_id"] == known.pet_id)


@scenario
async def patients(vu: Vu) -> None:
    """The patients' list, then one of them."""
    page = (await vu.get("/api/patients", params={"limit": 20})).json()
    vu.check("a full page", len(page["patients"]) == 20)
    pet = vu.pick("pets")
    detail = await vu.get("/api/patients/{id}", id=pet.id)
    vu.check("own patient", detail.json()["name"] == pet.name)


@scenario
async def medical_records(vu: Vu) -> None:
    """What has been found and done for one patient."""
    pet = vu.pick("pets")
    records = (await vu.get("/api/medical-records", params={"pet_id": pet.id})).json()["medical_records"]
    vu.check("records of that patient", all(record["pet_id"] == pet.id for record in records))


@scenario
async def booking(vu: Vu) -> None:
    """Find a free half hour and book it; somebody else may be faster."""
    with vu.group("booking"):
        pet = vu.pick("pets")
        slots = (await vu.get("/api/appointments/slots", params={"date": day_from(vu, 1, 60)})).json()
        if not slots:
            return
        booked = await vu.post("/api/appointments", json={"pet_id": pet.id, "slot": vu.rng.choice(slots)}, expect=(201, 409))
        if booked.status == 201:
            seen = await vu.get("/api/appointments/{id}", id=booked.json()["id"])
            vu.check("booking can be read back", seen.json()["pet_id"] == pet.id)


@scenario
async def search(vu: Vu) -> None:
    """Somebody at the desk types the beginning of a name."""
    word = vu.rng.choice(WORDS)
    found = (await vu.get("/api/search", params={"q": word})).json()
    vu.check("the word that was asked", found["q"] == word)


@scenario
async def invoices(vu: Vu) -> None:
    """The open invoices, then one of them."""
    status = vu.rng.choice(("sent", "overdue"))
    page = (await vu.get("/api/invoices", params={"status": status})).json()
    vu.check("asked status", all(invoice["status"] == status for invoice in page["invoices"]))
    known = vu.pick("invoices")
    detail = await vu.get("/api/invoices/{id}", id=known.id)
    vu.check("own invoice", detail.json()["number"] == known.number)


@scenario
async def checkout(vu: Vu) -> None:
    """Buy one to three products: reserve, order, pay, take from stock."""
    wanted = {vu.pick("products").id for _ in range(vu.rng.randint(1, 3))}
    items = [{"product_id": product, "quantity": 1} for product in sorted(wanted)]
    owner = vu.pick("users", role="owner")
    paid = await vu.post("/api/checkout", json={"owner_id": owner.id, "items": items}, expect=201)
    vu.check("paid", paid.json()["status"] == "paid")


@scenario
async def login(vu: Vu) -> None:
    """Sign in with e-mail and password."""
    answer = await vu.post("/api/login", json={"email": vu.user.email, "password": "loadtest-password"})
    vu.check("own account", answer.json()["user"]["id"] == vu.user.id)


@scenario
async def service_list(vu: Vu) -> None:
    """What everybody may see of a clinic."""
    page = (await vu.get("/api/services", params={"clinic": vu.tenant.slug})).json()
    vu.check("its services", len(page["services"]) > 0)


PAGES = {dashboard: 35, appointments: 20, patients: 15, booking: 10, search: 10, invoices: 10}

mixed = workload(
    mix(PAGES),
    ramping_vus(("2m", 50), ("5m", 100), ("2m", 150), ("1m", 0)),
    dataset=clinic,
    thresholds=["response_time p95 < 500ms", "response_time p99 < 1000ms", "failures < 1%", "checks > 99%"],
)

demo = workload(
    mix({**PAGES, medical_records: 5, checkout: 5, service_list: 5}),
    constant_rate("80/s", "20s", max_vus=400),
    dataset=clinic,
    thresholds=["response_time p95 < 500ms", "response_time p99 < 1000ms", "failures < 1%", "checks > 99%"],
)

dashboards = workload(
    dashboard, constant_rate("500/s", "5m", max_vus=500), dataset=clinic, thresholds=["response_time p95 < 200ms", "failures < 1%"]
)
bookings = workload(
    booking, constant_rate("100/s", "5m", max_vus=300), dataset=clinic, thresholds=["response_time p95 < 500ms", "failures < 1%"]
)
records = workload(
    medical_records, constant_rate("200/s", "5m", max_vus=400), dataset=clinic, thresholds=["response_time p95 < 300ms", "failures < 1%"]
)
checkouts = workload(
    checkout, constant_rate("50/s", "5m", max_vus=200), dataset=clinic, thresholds=["response_time p95 < 1000ms", "failures < 2%"]
)
