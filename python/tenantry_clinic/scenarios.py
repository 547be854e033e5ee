"""What people do in a clinic, each with checks of what the answers mean: own rows only, right totals, writes that can be read back."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tenantry import Vu, scenario
from tenantry_clinic.dataset import PASSWORD, clinic

# Keys that the app gives begin here, see schema.sql.
MADE_FROM = 1_000_000_000_000
# Each clinic has as many rows of a table as any other.
ROWS = {name: int(table.per_tenant) for name, table in clinic.tables.items() if isinstance(table.per_tenant, int)}
OPEN = ("scheduled", "confirmed")
PDF = b"%PDF-1.7\n"


def owns(vu: Vu, table: str, *keys: int) -> bool:
    """Whether seeded rows with these keys are this tenant's; of rows that the app made, the key does not tell."""
    rows = ROWS[table]
    last = vu.tenant.id * rows
    return all(last - rows < key <= last or key >= MADE_FROM for key in keys)


def day_from(vu: Vu, first: int, last: int) -> str:
    """A random day, `first` to `last` days from the app's today on."""
    today: date = vu.shared["today"]
    return (today + timedelta(days=vu.rng.randint(first, last))).isoformat()


async def free_slots(vu: Vu, day: str) -> list[dict[str, Any]]:
    """The slots in which a vet of the clinic is free; checks that they are its own vets."""
    slots: list[dict[str, Any]] = (await vu.get("/api/appointments/slots", params={"date": day})).json()
    vu.check("slots of own vets", owns(vu, "users", *{slot["vet_id"] for slot in slots}) and all(s["starts_at"][:10] == day for s in slots))
    return slots


async def is_taken(vu: Vu, slot: dict[str, Any]) -> bool:
    """Whether a slot is not among the free ones."""
    return slot not in (await vu.get("/api/appointments/slots", params={"date": slot["starts_at"][:10]})).json()


@scenario
async def dashboard(vu: Vu) -> None:
    """The first page of the day."""
    page = (await vu.get("/api/dashboard")).json()
    vu.check("own clinic", page["clinic"] == vu.tenant.slug)
    vu.check("all its patients", page["patients"] == ROWS["pets"])
    today = page["today"]
    mine = [row for row in page["appointments"] if owns(vu, "pets", row["pet_id"]) and row["starts_at"][:10] == today]
    vu.check("own appointments of today", len(mine) == len(page["appointments"]) == page["appointments_today"])
    vu.check("own invoices", owns(vu, "invoices", *(invoice["id"] for invoice in page["recent_invoices"])))


@scenario
async def appointments(vu: Vu) -> None:
    """Open the calendar and an appointment in it, and move that to another day."""
    known = vu.pick("appointments", status="scheduled")
    with vu.group("calendar"):
        page = (await vu.get("/api/appointments", params={"date": day_from(vu, -20, 20), "view": "week"})).json()
        vu.check("own patients in the calendar", owns(vu, "pets", *(row["pet_id"] for row in page["appointments"])))
        detail = (await vu.get("/api/appointments/{id}", id=known.id)).json()
        vu.check("own appointment", detail["pet_id"] == known.pet_id)
    with vu.group("move"):
        slots = await free_slots(vu, day_from(vu, 1, 90))
        if not slots:
            return
        slot = vu.rng.choice(slots)
        moved = await vu.patch("/api/appointments/{id}", id=known.id, json={"slot": slot}, expect=(200, 409))
        if moved.status == 200:
            seen = (await vu.get("/api/appointments/{id}", id=known.id)).json()
            vu.check("moved to where it was asked", {"vet_id": moved.json()["vet_id"], "starts_at": moved.json()["starts_at"]} == slot)
            # Somebody else may have moved it on meanwhile, but not to another patient.
            vu.check("still the same patient", seen["pet_id"] == known.pet_id and seen["status"] in OPEN)
        elif moved.status == 409:
            vu.check("refused for a slot that is taken", await is_taken(vu, slot))


@scenario
async def booking(vu: Vu) -> None:
    """Find a free half hour and book it; somebody else may be faster."""
    with vu.group("booking"):
        pet = vu.pick("pets")
        slots = await free_slots(vu, day_from(vu, 1, 90))
        if not slots:
            return
        slot = vu.rng.choice(slots)
        booked = await vu.post("/api/appointments", json={"pet_id": pet.id, "slot": slot}, expect=(201, 409))
        if booked.status == 201:
            seen = (await vu.get("/api/appointments/{id}", id=booked.json()["id"])).json()
            found = {key: seen[key] for key in ("pet_id", "vet_id", "starts_at", "status")}
            vu.check("booking can be read back", found == {"pet_id": pet.id, **slot, "status": "scheduled"})
        if booked.status in (201, 409):
            vu.check("no slot is free twice", await is_taken(vu, slot))


@scenario
async def calendar(vu: Vu) -> None:
    """Page through the calendar: a month, one of its weeks, a day of that."""
    day = day_from(vu, -25, 25)
    pages = {view: (await vu.get("/api/appointments", params={"date": day, "view": view})).json() for view in ("month", "week", "day")}
    for page in pages.values():
        rows = page["appointments"]
        vu.check("within the page", all(page["from"] <= row["starts_at"][:10] < page["to"] for row in rows))
        vu.check("own patients in the calendar", owns(vu, "pets", *(row["pet_id"] for row in rows)))
    # Bookings and moves go on between the pages, cancelled and completed ones do not change.
    fixed = {view: {row["id"] for row in page["appointments"] if row["status"] == "completed"} for view, page in pages.items()}
    vu.check("the day is part of the week", fixed["day"] <= fixed["week"])


@scenario
async def patients(vu: Vu) -> None:
    """Two pages of the patients' list, then one of them."""
    first = (await vu.get("/api/patients", params={"limit": 20})).json()
    second = (await vu.get("/api/patients", params={"limit": 20, "after": first["next"]}, name="GET /api/patients (next page)")).json()
    rows = first["patients"] + second["patients"]
    vu.check("forty different own patients", len({row["id"] for row in rows}) == 40 and owns(vu, "pets", *(row["id"] for row in rows)))
    pet = vu.pick("pets")
    detail = (await vu.get("/api/patients/{id}", id=pet.id)).json()
    seeded = {"name": pet.name, "breed": pet.breed, "owner_id": pet.owner_id, "born_on": pet.born_on.isoformat()}
    vu.check("the patient that was asked", {key: detail[key] for key in seeded} == seeded)
    vu.check("with own papers", all(record["pet_id"] == pet.id for record in detail["medical_records"]))


@scenario
async def medical_records(vu: Vu) -> None:
    """What has been found and done for one patient, and the record of one visit."""
    known = vu.pick("medical_records")
    page = (await vu.get("/api/medical-records", params={"pet_id": known.pet_id})).json()["medical_records"]
    vu.check("records of that patient", bool(page) and all(record["pet_id"] == known.pet_id for record in page))
    vu.check("latest first", all(one["visited_at"] >= other["visited_at"] for one, other in pairwise(page)))
    detail = (await vu.get("/api/medical-records/{id}", id=known.id)).json()
    seeded = {"pet_id": known.pet_id, "diagnosis": known.diagnosis, "treatment": known.treatment}
    vu.check("the record that was asked", {key: detail[key] for key in seeded} == seeded)


@scenario
async def search(vu: Vu) -> None:
    """Somebody at the desk types the beginning of a patient's name."""
    name = vu.pick("pets").name
    word = name[: vu.rng.randint(2, 4)].strip()
    found = (await vu.get("/api/search", params={"q": word})).json()
    rows = found["patients"]
    vu.check("names that begin so", all(row["name"].lower().startswith(word.lower()) for row in rows))
    vu.check("own patients found", owns(vu, "pets", *(row["id"] for row in rows)))
    vu.check("the name is among them", len(rows) == 20 or name in {row["name"] for row in rows})


@scenario
async def invoices(vu: Vu) -> None:
    """The open invoices, then one of them."""
    status = vu.rng.choice(("sent", "overdue"))
    page = (await vu.get("/api/invoices", params={"status": status})).json()["invoices"]
    alike = all(row["status"] == status for row in page)
    vu.check("own invoices of that status", alike and owns(vu, "invoices", *(row["id"] for row in page)))
    known = vu.pick("invoices")
    detail = (await vu.get("/api/invoices/{id}", id=known.id)).json()
    vu.check("the invoice that was asked", (detail["number"], Decimal(str(detail["total"]))) == (known.number, known.total))


@scenario
async def payment(vu: Vu) -> None:
    """Pay an invoice that is open; somebody else may be faster."""
    status = vu.rng.choice(("sent", "overdue"))
    page = (await vu.get("/api/invoices", params={"status": status})).json()["invoices"]
    if not page:
        return
    wanted = vu.rng.choice(page)
    paid = await vu.post("/api/invoices/{id}/payments", id=wanted["id"], json={"method": "cash"}, expect=(201, 409))
    if paid.status == 201:
        vu.check("paid whole", (paid.json()["invoice_id"], paid.json()["amount"]) == (wanted["id"], wanted["total"]))
    if paid.status in (201, 409):
        seen = (await vu.get("/api/invoices/{id}", id=wanted["id"])).json()
        vu.check("paid once and for all", seen["status"] == "paid")


@scenario
async def checkout(vu: Vu) -> None:
    """Buy one to three products: reserve, order, pay, take from stock."""
    basket = {product.id: product for product in (vu.pick("products") for _ in range(vu.rng.randint(1, 3)))}
    items = [{"product_id": key, "quantity": vu.rng.randint(1, 3)} for key in sorted(basket)]
    total = sum((basket[item["product_id"]].price * item["quantity"] for item in items), Decimal(0))
    before = {row["id"]: row["stock"] for row in (await vu.get("/api/products")).json()["products"]}
    owner = vu.pick("users", role="owner")
    paid = (await vu.post("/api/checkout", json={"owner_id": owner.id, "items": items}, expect=201)).json()
    vu.check("the right total", (paid["status"], Decimal(str(paid["total"]))) == ("paid", total))
    seen = (await vu.get("/api/orders/{id}", id=paid["id"])).json()
    bought = [{key: row[key] for key in ("product_id", "quantity")} for row in seen["items"]]
    vu.check("order can be read back", (seen["owner_id"], seen["status"], bought) == (owner.id, "paid", items))
    after = {row["id"]: row for row in (await vu.get("/api/products")).json()["products"]}
    # Others buy as well, and nobody delivers.
    vu.check("taken from stock", all(after[item["product_id"]]["stock"] <= before[item["product_id"]] - item["quantity"] for item in items))
    vu.check("never oversold", all(0 <= row["reserved"] <= row["stock"] for row in after.values()))


@scenario
async def login(vu: Vu) -> None:
    """Sign in with e-mail and password, and open the dashboard with that token."""
    answer = (await vu.post("/api/login", json={"email": vu.user.email, "password": PASSWORD})).json()
    vu.check("own account", (answer["user"]["id"], answer["clinic"]) == (vu.user.id, vu.tenant.slug))
    page = await vu.get("/api/dashboard", headers={"authorization": f"Bearer {answer['token']}"})
    vu.check("the token opens the own clinic", page.json()["clinic"] == vu.tenant.slug)
    refused = await vu.post("/api/login", json={"email": vu.user.email, "password": "wrong"}, expect=401, name="POST /api/login (wrong)")
    vu.check("no token for a wrong password", "token" not in refused.json())


@scenario
async def services(vu: Vu) -> None:
    """What everybody may see of a clinic."""
    page = (await vu.get("/api/services", params={"clinic": vu.tenant.slug})).json()
    vu.check("all services of the clinic", (page["clinic"], len(page["services"])) == (vu.tenant.slug, ROWS["services"]))
    known = vu.pick("services")
    prices = {row["id"]: Decimal(str(row["price"])) for row in page["services"]}
    vu.check("its prices", prices.get(known.id) == known.price)


@scenario
async def upload(vu: Vu) -> None:
    """Attach a scan to a prescription, and fetch it again."""
    known = vu.pick("prescriptions")
    scan = PDF + vu.rng.randbytes(vu.rng.randint(20_000, 200_000))
    digest = hashlib.sha256(scan).hexdigest()
    kept = (
        await vu.post("/api/prescriptions/{id}/files", id=known.id, files={"file": ("scan.pdf", scan, "application/pdf")}, expect=201)
    ).json()
    vu.check("all bytes have come", (kept["size_bytes"], kept["sha256"]) == (len(scan), digest))
    listed = (await vu.get("/api/prescriptions/{id}", id=known.id)).json()
    vu.check("listed with the prescription", listed["number"] == known.number and kept["id"] in {file["id"] for file in listed["files"]})
    again = await vu.get("/api/prescription-files/{id}", id=kept["id"])
    vu.check("the same bytes come back", again.body == scan)


@scenario
async def reports(vu: Vu) -> None:
    """The practice in figures, held against the invoices themselves."""
    report = (await vu.get("/api/reports/practice", params={"months": 24})).json()
    rows = (await vu.get("/api/invoices", params={"limit": 100})).json()["invoices"]
    issued = [row for row in rows if row["status"] != "draft" and report["from"] <= row["issued_on"] <= report["to"]]
    invoiced = sum((Decimal(str(row["total"])) for row in issued), Decimal(0))
    months = report["revenue"]
    vu.check("revenue is the sum of the invoices", sum((Decimal(str(month["invoiced"])) for month in months), Decimal(0)) == invoiced)
    vu.check("as many invoices", sum(month["invoices"] for month in months) == len(issued))
    vu.check("own debtors", owns(vu, "users", *(row["owner_id"] for row in report["debtors"])))
