"""What the carriers of the second app do, and the loads at which its faults are seen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import md5
from secrets import token_hex
from uuid import UUID

from tenantry import Response, Scenario, Vu, Workload, mix, poisson_rate, scenario, setup, workload
from tenantry.feeders import from_iterable

# As seed.sql has them.
ORGS, LARGE, PARCELS = int(os.environ.get("DEPOT_ORGS", "300")), 10, 200
TODAY = "2026-01-05"
orgs = from_iterable(range(1, ORGS + 1), order="random")
large_orgs = from_iterable(range(1, LARGE + 1), order="random")


def uuid_of(text: str) -> str:
    """The id that seed.sql gives to what has this name."""
    return str(UUID(md5(text.encode()).hexdigest()))


def headers(org: int) -> dict[str, str]:
    """What the gateway in front of the depot passes on, once it has checked who calls."""
    return {"x-org": uuid_of(f"org {org}")}


def any_parcel(vu: Vu, org: int) -> str:
    return uuid_of(f"parcel {org} {vu.rng.randint(1, PARCELS)}")


@setup
async def depot_answers(vu: Vu) -> str:
    """The depot is up. Gives what the barcodes of this run begin with: another run with the same random numbers books other parcels."""
    (await vu.get("/healthz")).expect(status=200)
    return token_hex(4)


@scenario
async def overview(vu: Vu) -> None:
    """The first page."""
    org = orgs.next(vu)
    page = await vu.get("/v1/overview", headers=headers(org))
    vu.check("own org", page.json()["handle"] == f"carrier-{org}")


@scenario
async def parcels(vu: Vu) -> None:
    """The list, and one of its parcels."""
    org = headers(orgs.next(vu))
    before = f"2026-01-02T{vu.rng.randint(0, 23):02d}:00:00Z"
    listed = (await vu.get("/v1/parcels", params={"before": before}, headers=org)).json()["parcels"]
    vu.check("parcels with scans", len(listed) > 0 and all(parcel["last_scan"] for parcel in listed))
    if listed:
        await one_parcel(vu, org, vu.rng.choice(listed)["parcel_id"])


async def one_parcel(vu: Vu, org: dict[str, str], parcel: str) -> Response:
    """A parcel with its scans."""
    seen = await vu.get("/v1/parcels/{id}", id=parcel, headers=org)
    vu.check("the asked parcel", seen.json()["parcel_id"] == parcel)
    return seen


@scenario
async def tracking(vu: Vu) -> None:
    """Where is my parcel?"""
    org = orgs.next(vu)
    await one_parcel(vu, headers(org), any_parcel(vu, org))


@scenario
async def search(vu: Vu) -> None:
    """Look for a recipient."""
    name = vu.rng.choice(("adl", "berg", "cas", "dup", "erik", "fisch"))
    found = (await vu.get("/v1/find", params={"q": name}, headers=headers(orgs.next(vu)))).json()["parcels"]
    vu.check("who was looked for", all(name in parcel["recipient"].lower() for parcel in found))


@scenario
async def scanning(vu: Vu) -> None:
    """A parcel passes a gate."""
    org = orgs.next(vu)
    scan = {"kind": "out", "place": f"gate {vu.rng.randint(0, 11)}", "state": "out"}
    await vu.post("/v1/parcels/{id}/scans", id=any_parcel(vu, org), json=scan, headers=headers(org))


@scenario
async def bag(vu: Vu) -> None:
    """A bag of four parcels comes in."""
    bag_id = f"{vu.shared}-{vu.number}-{vu.iteration}"
    inside = [{"barcode": f"BAG-{bag_id}-{n}", "recipient": f"Zola {n}", "city": "Cork", "weight_g": 500 * n} for n in range(1, 5)]
    booked = await vu.post("/v1/bags", json={"parcels": inside}, headers=headers(orgs.next(vu)))
    vu.check("all are booked", len(booked.json()["parcels"]) == len(inside))


@scenario
async def quote(vu: Vu) -> None:
    """What does it cost?"""
    org = orgs.next(vu)
    told = await vu.post("/v1/parcels/{id}/quote", id=any_parcel(vu, org), json={}, headers=headers(org))
    vu.check("a price", told.json()["price_cents"] > 0)


@scenario
async def board(vu: Vu) -> None:
    """Today's rounds."""
    stops = (await vu.get("/v1/board", params={"day": TODAY}, headers=headers(orgs.next(vu)))).json()["stops"]
    vu.check("stops in order", [stop["place_in_round"] for stop in stops] == list(range(1, 151)))


@scenario
async def customs(vu: Vu) -> None:
    """The forms that go with parcels abroad."""
    forms = (await vu.get("/v1/customs", headers=headers(orgs.next(vu)))).json()["forms"]
    vu.check("forms", len(forms) == 10)


@scenario
async def transit(vu: Vu) -> None:
    """The report of a large org."""
    gates = (await vu.get("/v1/reports/transit", headers=headers(large_orgs.next(vu)))).json()["gates"]
    vu.check("three of each gate", len(gates) == 36)


@scenario
async def latest_scans(vu: Vu) -> None:
    """The journal's first page."""
    page = (await vu.get("/v1/journal", headers=headers(orgs.next(vu)))).json()
    vu.check("a full page", len(page["scans"]) == 100)


@scenario
async def journal(vu: Vu) -> None:
    """Leaf through the scans of a large org to the end."""
    org = headers(large_orgs.next(vu))
    params: dict[str, int] = {}
    while True:
        page = (await vu.get("/v1/journal", params=params, headers=org)).json()
        if page["next"] is None:
            return
        params = {"before": page["next"]}


def _load(*parts: Scenario, weights: Mapping[Scenario, float] | None = None) -> Workload:
    """At a rate that can be set; failures do not end it."""
    return workload(mix(weights or dict.fromkeys(parts, 1)), poisson_rate("40/s", "8s", max_vus=300), breaker_share="off")


mixed = _load(
    weights={
        overview: 20,
        parcels: 20,
        tracking: 17,
        latest_scans: 3,
        search: 8,
        scanning: 15,
        bag: 5,
        quote: 5,
        board: 4,
        customs: 2,
        transit: 1,
    },
)
first_pages = _load(overview)
lists = _load(parcels)
latest = _load(latest_scans)
bags = _load(bag)
quotes = _load(quote)
boards = _load(board)
forms = _load(customs)
reports = _load(transit)
journals = _load(journal)
