"""The clinics, their people, animals and papers: `tenantry seed tenantry_clinic.dataset:clinic`.

`CLINIC_LOCALE` decides the language of the rows: es-PY (the default), en or de.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from tenantry.datasets import (
    Column,
    Dataset,
    Isolation,
    Table,
    after,
    by,
    choice,
    constant,
    day,
    decimal,
    distinct,
    each,
    integer,
    key,
    lookup,
    moment,
    reference,
    runs,
    slot_time,
    template,
    tenant_key,
    words,
)
from tenantry_clinic.auth import Identity, issue_token
from tenantry_clinic.settings import DEMO_SECRET
from tenantry_clinic.words import Words, words_of

PASSWORD = "loadtest-password"
OWNERS, VETS = range(7), range(7, 9)
# Two vets, twenty half-hours a day, 31 days from today on; as many before today for what is over.
SPECIES = ("dog", "cat", "bird", "rabbit", "hamster")
SLOT_DAYS, SLOTS = 31, 31 * 20 * len(VETS)
LOCALE = os.environ.get("CLINIC_LOCALE") or "es-PY"
_HERE = Path(__file__).parent


def password_hash(password: str, *, iterations: int = 10_000, salt: str = "tenantry") -> str:
    """A password as the app stores it: `pbkdf2_sha256$iterations$salt$base64`."""
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations, dklen=32)
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(digest).decode()}"


def identity(tenant: Any, user: Any) -> Mapping[str, str]:
    """The bearer token that the app would give this user, signed with CLINIC_SECRET."""
    secret = (os.environ.get("CLINIC_SECRET") or DEMO_SECRET).encode()
    return {"authorization": f"Bearer {issue_token(Identity(tenant.id, user.id, user.role), secret)}"}


def clinics(text: Words) -> dict[str, Column]:
    """The tenants."""
    return {
        "id": key(),
        "slug": template("loadtest-{tenant:05d}"),
        "title": words("clinic names").helper(),
        "name": template(text.clinic),
        "city": words("cities"),
        "line": integer(200_000, 999_999).helper(),
        "phone": template(text.phone),
        "opened_on": day(-3650, -420),
        "created_at": moment(after("opened_on", -10), after("opened_on", 5)),
    }


users = {
    "id": key(),
    "clinic_id": tenant_key(),
    "first": words("first names").helper(),
    "last": words("last names").helper(),
    "email": template("{first:slug}.{last:slug}.{id}@loadtest-{tenant:05d}.example"),
    "full_name": template("{first} {last}"),
    "role": runs((len(OWNERS), "owner"), (len(VETS), "vet"), (1, "admin")),
    "password_hash": constant(password_hash(PASSWORD)),
    "created_at": moment(-410, -390),
}

pets = {
    "id": key(),
    "clinic_id": tenant_key(),
    "owner_id": reference("users", positions=OWNERS),
    "name": words("pet names"),
    "species": choice({"dog": 0.5, "cat": 0.35, "bird": 0.05, "rabbit": 0.05, "hamster": 0.05}),
    "breed": by("species", {species: words(f"{species} breeds") for species in SPECIES}),
    "sex": choice({"female": 0.5, "male": 0.5}),
    "age": choice({"young": 0.15, "grown": 0.85}).helper(),
    "born_on": by("age", {"young": day(-380, -60), "grown": day(-4000, -400)}),
    "weight_kg": by(
        "species",
        {
            "dog": decimal(3, 45, "numeric(5,2)"),
            "cat": decimal("2.5", 8, "numeric(5,2)"),
            "bird": decimal("0.03", "0.60", "numeric(5,2)"),
            "rabbit": decimal(1, 6, "numeric(5,2)"),
            "hamster": decimal("0.03", "0.18", "numeric(5,2)"),
        },
    ),
    "created_at": by("age", {"young": moment(after("born_on", 30), -20), "grown": moment(-390, -20)}),
}


def services(text: Words) -> dict[str, Column]:
    """What a clinic offers."""
    return {
        "id": key(),
        "clinic_id": tenant_key(),
        "name": each(*(name for name, _, _ in text.services)),
        "price": each(*(Decimal(price) for _, price, _ in text.services)).typed("numeric(10,2)"),
        "minutes": each(*(minutes for _, _, minutes in text.services)),
    }


def products(text: Words) -> dict[str, Column]:
    """What it sells."""
    return {
        "id": key(),
        "clinic_id": tenant_key(),
        "sku": template("SKU-{position:03d}"),
        "name": each(*(name for name, _ in text.products)),
        "price": each(*(Decimal(price) for _, price in text.products)).typed("numeric(10,2)"),
        "stock": integer(100_000, 200_000),
        "reserved": constant(0),
    }


appointments = {
    "id": key(),
    "clinic_id": tenant_key(),
    "pet_id": reference("pets"),
    "slot": distinct(SLOTS).helper(),
    "vet_id": reference("users", positions=VETS, by="slot"),
    "starts_at": by(
        "status",
        {
            "scheduled": slot_time("slot", first_day=0, lanes=len(VETS)),
            "confirmed": slot_time("slot", first_day=0, lanes=len(VETS)),
            "completed": slot_time("slot", first_day=-SLOT_DAYS, lanes=len(VETS)),
            "cancelled": slot_time("slot", first_day=0, lanes=len(VETS)),
        },
    ),
    "minutes": constant(30),
    "status": choice({"scheduled": 0.3, "confirmed": 0.2, "completed": 0.4, "cancelled": 0.1}),
    "reason": words("reasons"),
    "created_at": by(
        "status",
        {
            "scheduled": moment(-14, -0.1),
            "confirmed": moment(-14, -0.1),
            "completed": moment(after("starts_at", -14), after("starts_at", -1)),
            "cancelled": moment(-14, -0.1),
        },
    ),
}


def medical_records(text: Words) -> dict[str, Column]:
    """Visits, with what was found and done."""
    return {
        "id": key(),
        "clinic_id": tenant_key(),
        "pet_id": reference("pets"),
        "vet_id": reference("users", positions=VETS),
        "registered": lookup("pet_id", "created_at").helper(),
        "visited_at": moment(after("registered"), -1, every="15m", hours=(8, 18)),
        "case": integer(0, len(text.cases) - 1).helper(),
        "diagnosis": each(*(diagnosis for diagnosis, _ in text.cases), by="case"),
        "treatment": each(*(treatment for _, treatment in text.cases), by="case"),
        "remark": words("notes").helper(),
        "second_remark": words("notes").helper(),
        "notes": template("{remark} {second_remark}"),
        "weight_kg": lookup("pet_id", "weight_kg"),
        "created_at": moment(after("visited_at", 0.01), after("visited_at", 0.04)),
    }


def prescriptions(text: Words) -> dict[str, Column]:
    """A drug for what a record says, written by the same vet at the end of the visit."""
    return {
        "id": key(),
        "clinic_id": tenant_key(),
        "record_id": reference("medical_records", distinct=True),
        "pet_id": lookup("record_id", "pet_id"),
        "vet_id": lookup("record_id", "vet_id"),
        "number": template("R-{tenant:05d}-{position:06d}"),
        "case": lookup("record_id", "case").helper(),
        "drug": each(*(drug for drug, _, _ in text.prescriptions), by="case"),
        "dose": each(*(dose for _, dose, _ in text.prescriptions), by="case"),
        "days": each(*(days for _, _, days in text.prescriptions), by="case"),
        "recorded": lookup("record_id", "created_at").helper(),
        "issued_at": moment(after("recorded"), after("recorded", minutes=20)),
    }


invoices = {
    "id": key(),
    "clinic_id": tenant_key(),
    "owner_id": reference("users", positions=OWNERS),
    "number": template("F-{tenant:05d}-{position:06d}"),
    "status": choice({"draft": 0.1, "sent": 0.2, "paid": 0.6, "overdue": 0.1}),
    "issued_on": by("status", {"draft": day(-7, -1), "sent": day(-14, -1), "paid": day(-365, -1), "overdue": day(-300, -60)}),
    "due_on": day(after("issued_on", 15), after("issued_on", 45)),
    "total": decimal("8.00", "900.00"),
    "created_at": moment(after("issued_on", 0.35), after("issued_on", 0.75)),
}


def clinic_in(locale: str) -> Dataset:
    """The population with the words of a locale; raises UsageError for one that is not known."""
    text = words_of(locale)
    return Dataset(
        name="clinic",
        anchor=date(2026, 1, 5),
        tenants=200,
        tenant_table="clinics",
        tenant_column="clinic_id",
        mark="slug",
        users="users",
        tables={
            "clinics": Table(1, clinics(text)),
            "users": Table(10, users),
            "pets": Table(100, pets),
            "services": Table(len(text.services), services(text)),
            "products": Table(len(text.products), products(text)),
            "appointments": Table(50, appointments),
            "medical_records": Table(200, medical_records(text)),
            "prescriptions": Table(60, prescriptions(text)),
            "invoices": Table(100, invoices),
        },
        pools={
            "first names": text.first_names,
            "last names": text.last_names,
            "cities": text.cities,
            "clinic names": text.clinic_names,
            "pet names": text.pet_names,
            "reasons": text.reasons,
            "notes": text.notes,
            **{f"{species} breeds": text.breeds[species] for species in SPECIES},
        },
        app_tables=("prescription_files", "payments", "order_items", "orders"),
        isolation=Isolation(role="clinic_app", setting="app.clinic_id"),
        schema=_HERE / "schema.sql",
        constraints=_HERE / "constraints.sql",
        identity=identity,
    )


clinic = clinic_in(LOCALE)
