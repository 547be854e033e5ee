"""`tenantry plan` as a process, and runs of profiles that end before their time."""

from __future__ import annotations

import json

from commandline import Shell, write_scenarios
from truth import TruthServer

MANY = """
from tenantry import ramping_rate, shared_iterations

@scenario
async def one(vu: Vu) -> None:
    await vu.get("/one")

@scenario
async def slow(vu: Vu) -> None:
    await vu.get("/slow?ms=200")

ramp = workload(one, ramping_rate(("5s", "10/s"), ("0s", "50/s"), ("1m", "50/s"), start="0/s", max_vus=200))
load = workload(one, shared_iterations(100, vus=5, max_duration="30s"))
grows = workload(slow, constant_rate("50/s", "0.4s", max_vus=9, pre_allocated_vus=1))
late = workload(slow, shared_iterations(100, vus=2, max_duration="0.5s"), thresholds=["dropped_iterations <= 0"])
"""


def test_the_starts_of_a_plan_are_printed_without_a_target_and_without_sending_anything(shell: Shell) -> None:
    write_scenarios(shell.folder, MANY)
    done = shell.run("plan", "file.py:ramp", "--starts", "--json")
    starts = json.loads(done.out)["starts"]["one"]
    assert (done.code, done.err) == (0, "")
    assert starts[:4] == [1_000_000_000, 1_414_213_562, 1_732_050_807, 2_000_000_000]
    assert len(starts) == 3024
    parts = [json.loads(shell.run("plan", "file.py:ramp", "--starts", "--json", "--share", f"{n}/3").out) for n in (1, 2, 3)]
    assert sorted(start for part in parts for start in part["starts"]["one"]) == starts
    assert shell.runs() == []
    assert shell.run("plan", "file.py:ramp").code == 0


def test_a_load_of_a_fixed_number_of_iterations_lasts_until_the_last_of_them(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, MANY)
    told = shell.run("run", "file.py:load", "--target", truth.url, "--json").document
    assert told["totals"]["requests"] == told["totals"]["iterations"] == len(truth.arrivals) == 100
    assert told["about"]["duration_s"] < 20
    assert told["totals"]["offered_rate"] is None


def test_iterations_that_found_no_time_are_told_as_dropped(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, MANY)
    done = shell.run("run", "file.py:late", "--target", truth.url, "--json")
    told = done.document
    dropped = 100 - len(truth.arrivals)
    assert (done.code, told["verdict"], told["totals"]["dropped_iterations"]) == (10, "fail", dropped)
    assert f"{dropped} of 100 due iterations were dropped" in told["reason"]
    assert told["about"]["duration_s"] == 0.5


def test_virtual_users_that_were_made_while_the_load_ran_are_told(shell: Shell, truth: TruthServer) -> None:
    write_scenarios(shell.folder, MANY)
    done = shell.run("run", "file.py:grows", "--target", truth.url, "--json")
    assert "note: 8 virtual users were made while the load ran; a higher pre_allocated_vus avoids that" in done.err
    assert [event["kind"] for event in done.document["events"]] == ["vus_made"]
    totals = done.document["totals"]
    assert totals["iterations"] + totals["dropped_iterations"] == 20
    assert totals["requests"] == len(truth.arrivals) == totals["iterations"]
