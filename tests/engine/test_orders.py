"""Orders to the engine while it puts load on a server that records when each request arrived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from loads import Recorded
from truth import TruthServer

from tenantry import Vu, Workload, constant_rate, constant_vus, poisson_rate, scenario, shared_iterations, workload
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import Engine, close_engine, open_engine
from tenantry.errors import UsageError
from tenantry.units import NS
from tenantry.workers import Workers

MS = NS // 1000
Orders = list[tuple[int, Any]]


@scenario
async def one(vu: Vu) -> None:
    await vu.get("/one/{vu}?ms=50", vu=vu.number)


@scenario
async def quick(vu: Vu) -> None:
    await vu.get("/quick")


def control(engine: Engine, at_ns: int, change: Any, stream: str | None = None) -> list[str]:
    return engine.control(json.dumps({"at_ns": at_ns, "change": change, "stream": stream}).encode())


async def carried_out(load: Workload, url: str, folder: Path, orders: Orders, share: tuple[int, int]) -> Recorded:
    """The load under orders, each given a little before it takes effect."""
    errors = ScriptErrors(folder)
    plan = replace(load.plan(target=url), share=share)
    engine = open_engine(plan, folder)

    async def give() -> None:
        for at_ns, change in orders:
            await asyncio.sleep(max(at_ns - engine.now_ns() - 100 * MS, 0) / NS)
            control(engine, at_ns, change)

    try:
        workers = Workers(Crew(engine, plan, list(load.scenarios.values()), None, errors), None)
        engine.start(0.02)
        await asyncio.gather(workers.work(), give())
        return Recorded(folder, errors, engine.load_end_ns() or 0)
    finally:
        close_engine(engine)


@pytest.fixture
def under_each(tmp_path: Path, truth: TruthServer) -> Callable[..., list[Recorded]]:
    """Carry out shares of a workload under the same orders, all at once."""

    async def together(load: Workload, orders: Orders, shares: list[tuple[int, int]]) -> list[Recorded]:
        folders = [tmp_path / "share-{}-of-{}".format(*share) for share in shares]
        for folder in folders:
            folder.mkdir()
        return await asyncio.gather(
            *(carried_out(load, truth.url, folder, orders, share) for folder, share in zip(folders, shares, strict=True))
        )

    return lambda *asked: asyncio.run(together(*asked))


@pytest.fixture
def under(under_each: Callable[..., list[Recorded]]) -> Callable[..., Recorded]:
    """Carry out a workload under orders."""
    return lambda load, orders: under_each(load, orders, [(0, 1)])[0]


def intended(run: Recorded) -> list[int]:
    """When each iteration was due; all of them are kept as long as they are fewer than 100 in 1.5 s."""
    return sorted(ns for (ns,) in run.rows("samples/requests", "intended_start_ns"))


def test_requests_arrive_at_the_old_rate_before_an_order_and_at_the_new_one_after_it(truth: TruthServer, under: Any) -> None:
    run = under(workload(quick, constant_rate("20/s", "2s", max_vus=30)), [(NS, {"rate": [60, 1]})])
    assert intended(run) == [k * NS // 20 for k in range(20)] + [NS + k * NS // 60 for k in range(60)]
    assert len(truth.arrivals) == 80
    assert run.total("series/iterations", "due") == run.total("series/iterations", "started") == 80
    gaps = [after.at_ns - before.at_ns for before, after in pairwise(truth.arrivals)]
    middle = [sorted(part)[len(part) // 2] for part in (gaps[:18], gaps[22:])]
    assert middle == [pytest.approx(NS / 20, rel=0.2), pytest.approx(NS / 60, rel=0.2)]


def test_nothing_arrives_in_a_pause_and_the_schedule_goes_on_as_if_there_was_none(truth: TruthServer, under: Any) -> None:
    run = under(workload(quick, constant_rate("100/s", "2s", max_vus=30)), [(500 * MS, "hold"), (1500 * MS, "release")])
    assert intended(run) == [k * 10 * MS for k in range(200) if not 50 <= k < 150]
    assert len(truth.arrivals) == 100
    assert max(after.at_ns - before.at_ns for before, after in pairwise(truth.arrivals)) == pytest.approx(NS + 10 * MS, abs=50 * MS)
    assert (run.total("series/iterations", "due"), run.total("series/iterations", "dropped")) == (100, 0)


@pytest.mark.parametrize("profile", [constant_vus(4, "1.5s"), shared_iterations(1_000_000, vus=4, max_duration="1.5s")])
def test_virtual_users_begin_no_iteration_in_a_pause(truth: TruthServer, under: Any, profile: Any) -> None:
    run = under(workload(one, profile), [(500 * MS, "hold"), (1000 * MS, "release")])
    starts = intended(run)
    assert [ns for ns in starts if 500 * MS <= ns < NS] == []
    assert sum(ns == NS for ns in starts) == 4, "all begin again at the instant itself"
    assert len(starts) == len(truth.arrivals)
    longest = max(after.at_ns - before.at_ns for before, after in pairwise(truth.arrivals))
    assert longest == pytest.approx(500 * MS, abs=50 * MS)


def test_so_many_virtual_users_are_at_work_as_were_ordered_last(under: Any) -> None:
    run = under(workload(one, constant_vus(5, "1.5s")), [(500 * MS, {"vus": 2}), (1000 * MS, {"vus": 4})])
    found = [set(), set(), set()]  # type: list[set[int]]
    for vu, ns in run.rows("samples/requests", "vu, intended_start_ns"):
        found[min(ns // (500 * MS), 2)].add(vu)
    assert found == [{1, 2, 3, 4, 5}, {1, 2}, {1, 2, 3, 4}]


@pytest.mark.parametrize("profile", [constant_rate("30/s", "1.5s", max_vus=12), poisson_rate("30/s", "1.5s", max_vus=12)])
def test_shares_under_the_same_orders_send_together_what_the_whole_sends(under_each: Any, profile: Any) -> None:
    load = workload(quick, profile, rng_seed=5)
    orders: Orders = [(300 * MS, {"rate": [100, 3]}), (500 * MS, "hold"), (700 * MS, "release"), (900 * MS, {"rate": [70, 1]})]
    whole, *parts = under_each(load, orders, [(0, 1), (0, 3), (1, 3), (2, 3)])
    columns = "iteration, intended_start_ns"
    together = [row for part in parts for row in part.rows("samples/requests", columns)]
    assert sorted(together) == sorted(whole.rows("samples/requests", columns))
    assert len(together) > 40


def test_virtual_users_whom_nothing_is_planned_for_close_their_connections(truth: TruthServer, under: Any) -> None:
    @scenario
    async def open_while_at_work(vu: Vu) -> None:
        await vu.get("/one")
        if vu.number == 1:
            await vu.pause(0.3)
            # Two of three were sent away, and the first one is at work.
            truth.wait_until(lambda: truth.closed_by_client >= 2)

    under(workload(open_while_at_work, constant_vus(3, "1s")), [(100 * MS, {"vus": 1})])
    assert truth.connections == 3


def test_what_the_engine_cannot_follow_is_refused(tmp_path: Path, truth: TruthServer) -> None:
    async def refused(order: bytes) -> str:
        engine = open_engine(workload(quick, constant_vus(4, "1s")).plan(target=truth.url), tmp_path)
        try:
            with pytest.raises(UsageError) as caught:
                engine.control(order)
            return str(caught.value)
        finally:
            close_engine(engine)

    for order, message in [
        (b"pause", "the engine does not take this order"),
        (b'{"at_ns": 0, "change": "explode"}', "the engine does not take this order"),
        (b'{"at_ns": 0, "change": {"vus": 5}}', "workload has at most 4 virtual users"),
        (b'{"at_ns": 0, "change": {"rate": [5, 1]}}', "workload has virtual users that loop, and no rate"),
        (b'{"at_ns": 0, "change": "hold", "stream": "other"}', 'no load profile "other" in this run; there are: workload'),
    ]:
        assert message in asyncio.run(refused(order))
