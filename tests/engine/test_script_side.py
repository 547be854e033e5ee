"""Parallel requests, groups and tags of scripts, against a server that recorded and the run folder."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from loads import Drive
from truth import Arrival, TruthServer

from tenantry import Vu, per_vu_iterations, scenario, workload
from tenantry.metrics import counter


def in_flight_at_most(arrivals: list[Arrival], length_ns: int) -> int:
    """How many requests that each take `length_ns` were at the server at once."""
    return max(sum(other.at_ns <= one.at_ns < other.at_ns + length_ns for other in arrivals) for one in arrivals)


def test_parallel_requests_of_one_iteration_use_at_most_six_connections(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def page(vu: Vu) -> None:
        await asyncio.gather(*(vu.get("/delay?ms=60") for _ in range(10)))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(10):
                tasks.create_task(vu.get("/delay?ms=60"))

    run = drive(workload(page, per_vu_iterations(1, vus=1)), truth.url)
    assert (len(truth.arrivals), truth.connections) == (20, 6)
    assert in_flight_at_most(truth.arrivals, 60_000_000) == 6
    blocked = sorted(ms for (ms,) in run.rows("samples/requests", "blocked_ns / 1e6"))
    assert sum(ms > 50 for ms in blocked) == 8, "four of each ten had to wait for a connection"


def test_groups_hold_in_gather_task_groups_and_tasks_of_their_own(truth: TruthServer, drive: Drive) -> None:
    async def inside(vu: Vu, name: str, url: str) -> None:
        with vu.group(name):
            await asyncio.sleep(0.001)
            await vu.get(url)
            vu.check("held", True)

    @scenario
    async def grouped(vu: Vu) -> None:
        with vu.group("outer"):
            alone = asyncio.create_task(inside(vu, "task", "/task"))
            await asyncio.gather(inside(vu, "gather", "/gather"), vu.get("/bare"))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(inside(vu, "group", "/group"))
            await vu.get("/after")
        await alone
        await vu.get("/outside")

    run = drive(workload(grouped, per_vu_iterations(3, vus=4)), truth.url)
    counted = run.rows("series/http", '"group", name, sum(requests)', "true group by all")
    groups = {"outer/task": "/task", "outer/gather": "/gather", "outer/group": "/group", "": "/outside"}
    assert set(counted) == {
        *((group, f"GET {url}", 12) for group, url in groups.items()),
        ("outer", "GET /bare", 12),
        ("outer", "GET /after", 12),
    }
    checks = dict(run.rows("series/checks", '"group", sum(passes)', "true group by all"))
    assert checks == {"outer/task": 12, "outer/gather": 12, "outer/group": 12}
    durations = dict(run.rows("series/custom", '"group", sum(n)', "name = 'group_duration' group by all"))
    assert durations == {"outer": 12, **checks}


def test_tags_of_scenario_group_and_request_reach_every_row(truth: TruthServer, drive: Drive) -> None:
    orders = counter("orders")

    @scenario(tags={"kind": "read", "area": "shop"})
    async def tagged(vu: Vu) -> None:
        await vu.get("/plain")
        with vu.group("cart", tags={"kind": "write"}):
            await vu.post("/cart", tags={"attempt": "1"})
            vu.check("fine", True)
            (await vu.get("/cart")).expect(status=200)
            orders.add(2, tags={"size": "big"})

    @scenario
    async def bare(vu: Vu) -> None:
        await vu.get("/status?code=500")

    made = replace(
        workload(tagged.at(per_vu_iterations(5, vus=1)), bare.at(per_vu_iterations(5, vus=1), tags={"area": "x"})), metrics=(orders,)
    )
    run = drive(made, truth.url)
    outer, cart = {"area": "shop", "kind": "read"}, {"area": "shop", "kind": "write"}

    def tags(table: str) -> list[tuple[str, dict[str, str]]]:
        return sorted(run.rows(table, "distinct name, tags"), key=str)

    http = [("GET /cart", cart), ("GET /plain", outer), ("GET /status", {"area": "x"}), ("POST /cart", {**cart, "attempt": "1"})]
    assert tags("series/http") == tags("samples/requests") == http
    assert tags("series/failures") == [("GET /status", {"area": "x"})]
    assert tags("series/checks") == [("fine", cart), ("status is 200", cart)]
    assert tags("series/custom") == [("group_duration", cart), ("orders", {**cart, "size": "big"})]
    assert run.rows("series/iterations", "distinct scenario, tags['area']", "scenario <> '' order by 1") == [
        ("bare", "x"),
        ("tagged", "shop"),
    ]
    assert run.rows("series/http", "sum(requests)", "tags['kind'] = 'write'") == [(10,)]
