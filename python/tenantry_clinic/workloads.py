"""The load tests of the clinic: `tenantry run tenantry_clinic.workloads:mixed`.

One workload for each journey of the original ticket with its rate and targets, further ones, and six shapes of the mixed one.
`--set scale=0.2` takes a fifth of every rate and of every number of virtual users.
"""

from __future__ import annotations

import asyncio
from datetime import date
from random import Random
from typing import TYPE_CHECKING, Any

from tenantry import Vu, constant_rate, constant_vus, mix, ramping_rate, ramping_vus, scenario, setup, teardown, workload
from tenantry_clinic import scenarios as of
from tenantry_clinic.dataset import clinic

if TYPE_CHECKING:
    from tenantry.plan.profiles import Profile
    from tenantry.scenario.decorators import Scenario
    from tenantry.scenario.workload import Mix, Workload


@setup
async def app_is_ready(vu: Vu) -> dict[str, Any]:
    """The app and what it depends on are well, and it has the population that the run takes: its first, middle and last clinic."""
    health = await vu.get("/api/health")
    health.expect(status=200)
    for number in sorted({0, vu.population.tenants // 2, vu.population.tenants - 1}):
        await _is_seeded(vu, number)
    return {"today": date.fromisoformat(health.json()["today"])}


async def _is_seeded(vu: Vu, number: int) -> None:
    tenant = vu.population.tenant(number)
    headers = vu.population.identity(tenant, vu.population.user(number, Random(number)))
    pet = vu.population.pick(number, "pets", Random(number))
    page = await vu.get("/api/dashboard", headers=headers, expect=(200, 401, 404))
    patient = await vu.get("/api/patients/{id}", id=pet.id, headers=headers, expect=(200, 401, 404))
    if 401 in (page.status, patient.status):
        raise RuntimeError("the app refuses the tokens of the dataset: give both the same CLINIC_SECRET")
    found = page.json() if page.status == 200 else {}
    wanted = of.ROWS["pets"]
    if (found.get("clinic"), found.get("patients")) != (tenant.slug, wanted) or patient.json().get("name") != pet.name:
        told = f"{found['patients']} patients of {found['clinic']}" if found else "nothing"
        hint = f"seed the same population: tenantry seed tenantry_clinic.dataset:clinic --tenants {vu.population.tenants}"
        raise RuntimeError(f"the app shows {told} where {wanted} patients of {tenant.slug} should be, {pet.name} among them; {hint}")


@teardown
async def remove_what_was_made(vu: Vu) -> None:
    """Bookings, orders, payments and files go, where DATABASE_URL leads to the database; else `tenantry clean --only-made` finds them."""
    from tenantry.config import load_config
    from tenantry.datasets.clean import clean

    config = load_config()
    if config.dsn is not None:
        await asyncio.to_thread(clean, clinic, config.dsn, only_made=True, yes=True, allow=config.allow)


def thinking(journey: Scenario) -> Scenario:
    """The same journey by somebody who looks at what came for one to three seconds before the next one."""

    @scenario(name=journey.name)
    async def visit(vu: Vu) -> None:
        await journey.function(vu)
        await vu.pause(1, 3)

    return visit


def _workload(what: Mix | Scenario, profile: Profile, *limits: str) -> Workload:
    return workload(what, profile, dataset=clinic, thresholds=[*limits, "checks > 99%"])


# The original ticket's journeys; a rate counts journeys, each of one to six requests.
dashboard = _workload(of.dashboard, constant_rate("500/s", "5m", max_vus=1000), "response_time p95 < 200ms", "failures < 1%")
booking = _workload(of.booking, constant_rate("100/s", "5m", max_vus=500), "response_time p95 < 500ms", "failures < 1%")
medical_records = _workload(of.medical_records, constant_rate("200/s", "5m", max_vus=500), "response_time p95 < 300ms", "failures < 1%")
checkout = _workload(of.checkout, constant_rate("50/s", "5m", max_vus=300), "response_time p95 < 1000ms", "failures < 2%")

# Reads in 60 % of the journeys (dashboard, patients, invoices), writes in 30 % (appointments, booking), heavy queries in 10 % (search);
# 2.5 requests each: 400 journeys are 1,000 requests a second.
WEIGHTS = {of.dashboard: 35, of.appointments: 20, of.patients: 15, of.booking: 10, of.search: 10, of.invoices: 10}
VISITS = mix(WEIGHTS)
TARGETS = ("response_time p95 < 500ms", "response_time p99 < 1000ms", "failures < 1%")
mixed = _workload(VISITS, constant_rate("400/s", "10m", max_vus=1000), *TARGETS)

# Everything else that people do.
services = _workload(of.services, constant_rate("200/s", "5m", max_vus=500), "response_time p95 < 200ms", "failures < 1%")
search = _workload(of.search, constant_rate("100/s", "5m", max_vus=300), "response_time p95 < 300ms", "failures < 1%")
upload = _workload(of.upload, constant_rate("20/s", "5m", max_vus=200), "response_time p95 < 1000ms", "failures < 1%")
login = _workload(of.login, constant_rate("20/s", "5m", max_vus=200), "response_time p95 < 500ms", "failures < 1%")
patients = _workload(of.patients, constant_rate("150/s", "5m", max_vus=500), "response_time p95 < 300ms", "failures < 1%")
invoices = _workload(
    mix({of.invoices: 4, of.payment: 1}), constant_rate("100/s", "5m", max_vus=300), "response_time p95 < 300ms", "failures < 1%"
)
calendar = _workload(of.calendar, constant_rate("100/s", "5m", max_vus=300), "response_time p95 < 300ms", "failures < 1%")
reports = _workload(of.reports, constant_rate("10/s", "5m", max_vus=100), "response_time p95 < 1000ms", "failures < 1%")

# The mixed one in six shapes.
THINKING = mix({thinking(journey): weight for journey, weight in WEIGHTS.items()})
smoke = _workload(VISITS, constant_vus(1, "30s"), "response_time p95 < 500ms", "failures < 1%")
load = _workload(THINKING, ramping_vus(("2m", 50), ("5m", 100), ("2m", 150), ("1m", 0)), *TARGETS)
stress = _workload(
    VISITS,
    ramping_rate(
        ("2m", "400/s"), ("5m", "400/s"), ("2m", "600/s"), ("5m", "600/s"), ("2m", "800/s"), ("5m", "800/s"), ("2m", "0/s"), max_vus=4000
    ),
    *TARGETS,
)
spike = _workload(
    VISITS,
    ramping_rate(("1m", "100/s"), ("0s", "1000/s"), ("30s", "1000/s"), ("0s", "100/s"), ("2m", "100/s"), start="100/s", max_vus=4000),
    *TARGETS,
)
soak = _workload(VISITS, constant_rate("200/s", "4h", max_vus=1000), *TARGETS)
breakpoint = _workload(  # noqa: A001 - what this shape is called
    VISITS,
    ramping_rate(("20m", "1200/s"), max_vus=4000),
    "response_time p95 < 2s over 10s abort",
    "failures < 5% over 10s abort",
)

# What `tenantry demo` shows: a little of everything.
demo = _workload(
    mix({**WEIGHTS, of.medical_records: 5, of.checkout: 5, of.services: 5, of.upload: 2, of.payment: 2, of.reports: 1}),
    constant_rate("80/s", "20s", max_vus=400),
    *TARGETS,
)
