"""Load profiles against a server that counts, and a run folder against what the server saw."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from loads import Drive
from truth import TruthServer

from tenantry import Vu, constant_rate, constant_vus, mix, ramping_vus, scenario, workload
from tenantry.units import NS


@scenario
async def one(vu: Vu) -> None:
    await vu.get("/one")


@scenario
async def two(vu: Vu) -> None:
    await vu.get("/two")


def test_a_constant_rate_starts_each_iteration_at_its_exact_time(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(one, constant_rate("120/s", "0.5s", max_vus=60)), truth.url)
    assert len(truth.arrivals) == 60
    starts = sorted(start for (start,) in run.rows("samples/requests", "intended_start_ns"))
    delays = run.rows("samples/requests", "start_ns - intended_start_ns")
    assert starts == [k * NS // 120 for k in range(60)]
    assert all(delay >= 0 for (delay,) in delays)
    assert (run.total("series/iterations", "due"), run.total("series/iterations", "started")) == (60, 60)


def test_an_open_profile_does_not_wait_for_answers_and_counts_what_it_could_not_start(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def slow(vu: Vu) -> None:
        await vu.get("/delay?ms=300")

    run = drive(workload(slow, constant_rate("40/s", "1s", max_vus=2)), truth.url)
    started, dropped = run.total("series/iterations", "started"), run.total("series/iterations", "dropped")
    assert started + dropped == run.total("series/iterations", "due") == 40
    assert started == len(truth.arrivals) <= 8
    assert run.total("series/http", "requests") == started


def test_a_late_start_counts_in_the_response_time_of_the_first_request_only(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def blocking(vu: Vu) -> None:
        await vu.get("/first")
        time.sleep(0.1)
        await vu.get("/second")

    run = drive(workload(blocking, constant_rate("20/s", "0.5s", max_vus=20)), truth.url)
    late = dict(run.rows("samples/requests", "name, max(start_ns - intended_start_ns)", "true group by name"))
    assert late["GET /first"] > 0.2 * NS, "ten iterations of 0.1 s cannot start within 0.5 s"
    assert late["GET /second"] == 0
    ((delay,),) = run.rows("series/iterations", "max(delay_max_ns)")
    assert delay <= late["GET /first"] < delay + 0.05 * NS


def test_constant_vus_keep_one_connection_each_and_loop_until_the_end(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def paced(vu: Vu) -> None:
        await vu.get("/delay?ms=50")

    run = drive(workload(paced, constant_vus(5, "1s")), truth.url)
    assert truth.connections == 5
    assert run.total("series/http", "requests") == len(truth.arrivals) == run.total("series/iterations", "completed")
    assert 50 <= len(truth.arrivals) <= 5 * 21, "each virtual user has time for at most 20 answers of 50 ms, and one begun before the end"
    assert run.total("series/http", "connections") == 5
    assert run.rows("series/iterations", "max(vus)")[0][0] == 5


def test_a_ramp_starts_virtual_users_one_after_the_other(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def once(vu: Vu) -> None:
        await vu.get(f"/vu/{vu.number}", name="GET /vu")
        await vu.pause(10)

    run = drive(workload(once, ramping_vus(("1s", 5), ("0.2s", 5), graceful_stop="0s")), truth.url)
    starts = sorted(start for (start,) in run.rows("samples/requests", "intended_start_ns"))
    assert starts == [k * NS // 5 for k in range(1, 6)]
    assert run.total("series/iterations", "interrupted") == 5


def test_a_mix_follows_its_weights_and_the_seed(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(mix({one: 3, two: 1}), constant_rate("800/s", "0.5s", max_vus=400)), truth.url)
    paths = Counter(arrival.path for arrival in truth.arrivals)
    assert sum(paths.values()) == 400
    assert 60 <= paths["/two"] <= 140, "100 expected; 4 standard deviations are 35"
    recorded = dict(run.rows("series/http", "name, sum(requests)", "true group by name"))
    assert recorded == {"GET /one": paths["/one"], "GET /two": paths["/two"]}


def test_an_iteration_that_outlasts_the_graceful_stop_is_interrupted_and_its_request_aborted(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def endless(vu: Vu) -> None:
        await vu.get("/hang")

    run = drive(workload(endless, constant_vus(3, "0.2s", graceful_stop="0.1s")), truth.url)
    assert run.total("series/iterations", "interrupted") == 3
    truth.wait_until(lambda: truth.closed_by_client == 3)
    assert run.total("series/failures", "count") == 0, "the end of the run is not the app's failure"


def test_failures_are_counted_by_kind_and_kept_with_what_the_server_said(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def failing(vu: Vu) -> None:
        await vu.get("/status?code=503", name="GET /status")
        await vu.get("/reset")

    run = drive(workload(failing, constant_rate("50/s", "0.2s", max_vus=10)), truth.url)
    kinds = dict(run.rows("series/failures", "kind, sum(count)", "true group by kind"))
    assert kinds == {"status": 10, "reset": 10}
    details = run.rows("samples/requests", "distinct detail", "kind = 'status'")
    assert details == [("status 503: {}",)]


def test_a_failed_check_counts_once_against_its_request(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def checking(vu: Vu) -> None:
        await vu.get("/fine")
        vu.check("holds", True)
        vu.check("does not hold", False)
        vu.check("does not hold either", False)

    run = drive(workload(checking, constant_rate("50/s", "0.2s", max_vus=10)), truth.url)
    checks = {
        name: (passes, fails) for name, passes, fails in run.rows("series/checks", "name, sum(passes), sum(fails)", "true group by name")
    }
    assert checks == {"holds": (10, 0), "does not hold": (0, 10), "does not hold either": (0, 10)}
    assert (run.total("series/http", "requests"), run.total("series/http", "failures")) == (10, 10)
    assert run.total("series/iterations", "completed") == 10, "a check does not stop an iteration"


def test_groups_of_parallel_tasks_do_not_mix(truth: TruthServer, drive: Drive) -> None:
    async def inside(vu: Vu, name: str) -> None:
        with vu.group(name):
            await vu.get("/delay?ms=20", name=f"in {name}")
            await vu.get("/delay?ms=20", name=f"in {name}")

    @scenario
    async def grouped(vu: Vu) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(inside(vu, "left"))
            tasks.create_task(inside(vu, "right"))

    run = drive(workload(grouped, constant_rate("25/s", "0.2s", max_vus=5)), truth.url)
    groups = set(run.rows("series/http", '"group", name', "true group by all"))
    assert groups == {("left", "in left"), ("right", "in right")}


def test_an_exception_is_an_error_of_its_iteration_with_message_and_place(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def broken(vu: Vu) -> None:
        page = await vu.get("/fine")
        page.json()["no such key"]

    run = drive(workload(broken, constant_rate("50/s", "0.2s", max_vus=10)), truth.url)
    assert run.total("series/iterations", "errors") == 10
    ((scenario_name, message, place), (count, *_)) = next(iter(run.errors.found.items()))
    assert (scenario_name, message, count) == ("broken", "KeyError: 'no such key'", 10)
    assert place.startswith(__file__)


def test_reading_a_failed_response_ends_the_iteration_as_failed_not_as_an_error(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def reading(vu: Vu) -> None:
        (await vu.get("/status?code=500")).json()

    run = drive(workload(reading, constant_rate("50/s", "0.2s", max_vus=10)), truth.url)
    assert (run.total("series/iterations", "failed"), run.total("series/iterations", "errors")) == (10, 0)
    assert not run.errors.found


def test_what_is_kept_of_the_requests_stands_for_all_of_them(truth: TruthServer, drive: Drive) -> None:
    run = drive(workload(one, constant_rate("1500/s", "1s", max_vus=1000)), truth.url)
    ((weight,),) = run.rows("samples/requests", "sum(weight)")
    assert round(weight) == len(truth.arrivals) == run.total("series/http", "requests") > 1000
    assert len(run.rows("samples/requests")) < 800


def test_a_script_that_never_waits_does_not_starve_the_others(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def idle(vu: Vu) -> None:
        pass

    run = drive(workload(idle.at(constant_vus(1, "0.5s")), one.at(constant_rate("20/s", "0.5s", max_vus=5))), truth.url)
    assert len(truth.arrivals) == 10
    assert run.total("series/iterations", "completed") > 10


def test_the_time_that_scripts_take_is_counted_for_their_scenario_and_their_waiting_is_not(truth: TruthServer, drive: Drive) -> None:
    @scenario
    async def heavy(vu: Vu) -> None:
        await vu.get("/one")
        time.sleep(0.004)
        await vu.pause(0.01)
        time.sleep(0.002)

    @scenario
    async def light(vu: Vu) -> None:
        await vu.get("/delay?ms=20")
        await vu.pause(0.01)

    run = drive(workload(mix({heavy: 1, light: 1}), constant_vus(4, "1s")), truth.url)
    rows = run.rows("series/iterations", "scenario, sum(started), sum(script_ns)", "scenario <> '' group by scenario")
    each_ms = {name: took / count / 1e6 for name, count, took in rows}
    assert each_ms["heavy"] >= 6
    assert each_ms["light"] < 2, "30 ms of waiting"
