"""Every load profile against a server that counts: how many iterations, whose, when, and which were never begun."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

from loads import Drive, Recorded
from truth import TruthServer

from tenantry import (
    Vu,
    Workload,
    constant_rate,
    constant_vus,
    mix,
    per_vu_iterations,
    poisson_rate,
    ramping_rate,
    ramping_vus,
    scenario,
    shared_iterations,
    workload,
)
from tenantry.report.plan import starts_document
from tenantry.units import NS


@scenario
async def one(vu: Vu) -> None:
    await vu.get("/one/{vu}", vu=vu.number)


@scenario
async def two(vu: Vu) -> None:
    await vu.get("/two/{vu}", vu=vu.number)


@scenario
async def slow(vu: Vu) -> None:
    await vu.get("/slow?ms=150")


def counts(run: Recorded) -> dict[str, int]:
    return {column: run.total("series/iterations", column) for column in ("due", "started", "dropped", "interrupted")}


def planned(load: Workload) -> list[int]:
    """The starts that `tenantry plan` tells, over all scenarios."""
    told = json.loads("".join(starts_document(load.plan(target=""))))["starts"]
    return sorted(start for starts in told.values() for start in starts)


def test_shared_iterations_send_exactly_as_many_requests_as_asked_and_end_with_the_last(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(one, shared_iterations(1000, vus=10, max_duration="30s")), truth.url)
    assert len(truth.arrivals) == 1000
    assert counts(run) == {"due": 0, "started": 1000, "dropped": 0, "interrupted": 0}
    assert {arrival.path for arrival in truth.arrivals} <= {f"/one/{vu}" for vu in range(1, 11)}
    assert run.rows("series/iterations", "max(vus)") == [(10,)]
    assert run.load_ns < 25 * NS, "the load ends with its last iteration, not after all of its time"
    assert run.load_ns >= truth.arrivals[-1].at_ns - truth.arrivals[0].at_ns


def test_iterations_for_each_virtual_user_are_the_same_number_for_everyone(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(one, per_vu_iterations(20, vus=5)), truth.url)
    assert Counter(arrival.path for arrival in truth.arrivals) == {f"/one/{vu}": 20 for vu in range(1, 6)}
    numbers = run.rows("samples/requests", "vu, iteration")
    assert sorted(number for _, number in numbers) == list(range(100))
    assert all(number % 5 == vu - 1 for vu, number in numbers)


def test_iterations_that_found_no_time_are_dropped(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(slow, shared_iterations(50, vus=2, max_duration="0.4s")), truth.url)
    found = counts(run)
    assert 2 <= found["started"] <= 6
    assert found["dropped"] == 50 - found["started"]
    assert len(truth.arrivals) == found["started"]
    assert run.load_ns == 4 * NS // 10
    assert run.rows("series/iterations", "second", "dropped > 0") == [(0,)]


def test_a_ramp_of_rates_starts_every_iteration_when_the_plan_says(truth: TruthServer, drive: Drive) -> None:
    load = workload(one, ramping_rate(("0.5s", "80/s"), ("0s", "40/s"), ("0.5s", "40/s"), max_vus=20))
    run = drive(load, truth.url)
    assert sorted(start for (start,) in run.rows("samples/requests", "intended_start_ns")) == planned(load)
    assert len(truth.arrivals) == len(planned(load)) == 39
    assert counts(run) == {"due": 39, "started": 39, "dropped": 0, "interrupted": 0}


def test_random_arrivals_are_those_of_the_plan(truth: TruthServer, drive: Drive) -> None:
    load = workload(mix({one: 1, two: 1}), poisson_rate("60/s", "1s", max_vus=30), rng_seed=3)
    run = drive(load, truth.url)
    assert sorted(start for (start,) in run.rows("samples/requests", "intended_start_ns")) == planned(load)
    assert len(truth.arrivals) == len(planned(load)) > 30


def test_a_scenario_begins_when_the_one_before_it_has_ended(truth: TruthServer, drive: Drive) -> None:
    load = workload(
        one.at(per_vu_iterations(10, vus=2, max_duration="20s")),
        two.at(constant_rate("50/s", "0.2s", max_vus=5), start_after=one),
        slow.at(constant_vus(1, "0.1s"), start_after="two"),
    )
    run = drive(load, truth.url)
    paths = [arrival.path.split("/")[1][:3] for arrival in truth.arrivals]
    assert [(name, paths.count(name)) for name in ("one", "two", "slo")] == [("one", 20), ("two", 10), ("slo", 1)]
    assert sum(before != after for before, after in pairwise(paths)) == 2, "one after the other, never mixed"
    assert run.load_ns < 10 * NS


def test_a_scenario_with_a_delay_begins_that_much_later(truth: TruthServer, drive: Drive) -> None:
    profile = constant_rate("50/s", "0.2s", max_vus=5)
    run = drive(workload(one.at(profile), two.at(profile, start_after="0.3s")), truth.url)
    starts = dict(run.rows("samples/requests", "scenario, min(intended_start_ns) over (partition by scenario)"))
    assert starts == {"one": 0, "two": 3 * NS // 10}
    assert run.load_ns == NS // 2


def test_virtual_users_are_made_when_an_iteration_finds_none_and_dropped_when_there_are_all(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(slow, constant_rate("50/s", "0.5s", max_vus=3, pre_allocated_vus=1)), truth.url)
    found = counts(run)
    assert found["due"] == 25 == found["started"] + found["dropped"]
    assert found["dropped"] > 5, "three virtual users cannot do 50 iterations of 150 ms a second"
    assert {vu for (vu,) in run.rows("samples/requests", "vu")} == {1, 2, 3}
    early = sorted(start for (start,) in run.rows("samples/requests", "intended_start_ns"))[:3]
    assert early == [0, NS // 50, NS // 25], "an iteration waits for the virtual user that is made for it"
    assert (run.folder / "events.parquet").exists()


def test_enough_virtual_users_made_before_the_load_are_all_there_are(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(one, constant_rate("50/s", "0.3s", max_vus=50, pre_allocated_vus=10)), truth.url)
    assert counts(run) == {"due": 15, "started": 15, "dropped": 0, "interrupted": 0}
    assert not (run.folder / "events.parquet").exists()


def test_a_virtual_user_that_the_ramp_takes_away_is_interrupted_and_comes_back(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def hangs_once(vu: Vu) -> None:
        await vu.get("/hang" if vu.number == 2 and vu.iteration == 0 else f"/fine/{vu.number}")
        await vu.pause(0.01)

    stages = ((0.3, 2), (0.3, 1), (0, 2), (0.3, 2))
    profile = ramping_vus(*stages, start=2, graceful_ramp_down="0.1s", graceful_stop="5s")
    run = drive(workload(hangs_once, profile), truth.url)
    assert counts(run)["interrupted"] == 1
    assert run.total("series/http", "failures") == 0, "what the ramp cuts off is no failure of the app"
    (hung,) = (arrival.at_ns for arrival in truth.arrivals if arrival.path == "/hang")
    back = [arrival.at_ns - hung for arrival in truth.arrivals if arrival.path == "/fine/2"]
    assert len(back) > 5
    assert min(back) > 0.25 * NS, "only the next stage brings it back, whenever in the first one it began"


def test_what_outlasts_the_graceful_stop_is_cut_off_then(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def hangs(vu: Vu) -> None:
        await vu.get("/hang")

    run = drive(workload(hangs, shared_iterations(2, vus=2, max_duration="0.2s", graceful_stop="0.1s")), truth.url)
    assert counts(run) == {"due": 0, "started": 2, "dropped": 0, "interrupted": 2}
    assert run.load_ns == NS // 5, "the graceful stop is no part of the load"
    (longest,) = run.rows("series/iterations", "second", "interrupted > 0")
    assert longest == (0,)


def test_the_shares_of_a_load_sum_up_to_the_whole_one(truth: TruthServer, drive: Drive) -> None:
    load = workload(mix({one: 2, two: 1}), shared_iterations(21, vus=5))
    parts = [drive(load, truth.url, share=(index, 2)) for index in range(2)]
    assert [part.total("series/iterations", "started") for part in parts] == [11, 10]
    rows = [part.rows("samples/requests", "vu, iteration, scenario") for part in parts]
    assert not {vu for vu, _, _ in rows[0]} & {vu for vu, _, _ in rows[1]}
    together = sorted((number, name) for part in rows for _, number, name in part)
    assert [number for number, _ in together] == list(range(21))
    whole = drive(load, truth.url, share=(0, 1)).rows("samples/requests", "iteration, scenario")
    assert sorted(whole) == together


def test_a_scenario_reads_its_own_environment(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def reads(vu: Vu) -> None:
        await vu.get("/{size}", size=vu.env["size"])

    @scenario
    async def has_none(vu: Vu) -> None:
        await vu.get(f"/{len(vu.env)}")

    once = shared_iterations(1, vus=1)
    drive(workload(reads.at(once, env={"size": "large"}), has_none.at(once)), truth.url)
    assert sorted(arrival.path for arrival in truth.arrivals) == ["/0", "/large"]
