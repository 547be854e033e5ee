"""Hooks, feeders and tenants of virtual users, against a server that recorded them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from loads import Drive, Recorded
from test_vu import Animals
from truth import TruthServer

from tenantry import Vu, Workload, constant_rate, constant_vus, on_start, on_stop, per_vu_iterations, scenario, workload
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import close_engine, open_engine
from tenantry.errors import TargetError
from tenantry.feeders import from_iterable
from tenantry.tenants import zipf
from tenantry.units import NS
from tenantry.workers import Workers


async def _hooked(made: Workload, url: str, folder: Path, errors: ScriptErrors, population: Any = None) -> list[str | None]:
    plan = made.plan(target=url)
    engine = open_engine(plan, folder)
    try:
        crew = Crew(engine, plan, list(made.scenarios.values()), population, errors, keep_sessions=True)
        workers = Workers(crew, None, made.hooks)
        notes = [await workers.begin()]
        engine.start(0.02)
        await workers.work()
        notes.append(await workers.end(made.hooks["on_stop"]) if "on_stop" in made.hooks else None)
        workers.close()
        return notes
    finally:
        close_engine(engine)


def hooked(made: Workload, url: str, folder: Path, population: Any = None) -> tuple[Recorded, list[str | None]]:
    errors = ScriptErrors(folder)
    notes = asyncio.run(_hooked(made, url, folder, errors, population))
    return Recorded(folder, errors), notes


def test_each_virtual_user_starts_once_on_its_own_connection_and_unmeasured(truth: TruthServer, tmp_path: Path) -> None:
    @on_start
    async def log_in(vu: Vu) -> None:
        await vu.post(f"/login/{vu.number}", name="login")
        await vu.pause(0.1)
        vu.check("logged in", True)

    @on_stop
    async def log_out(vu: Vu) -> None:
        await vu.post(f"/logout/{vu.number}", name="logout")

    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get(f"/visit/{vu.number}", name="visit")

    made = replace(workload(visit, constant_rate("50/s", "0.5s", max_vus=4)), hooks={"on_start": log_in, "on_stop": log_out})
    run, notes = hooked(made, truth.url, tmp_path)
    assert notes == [None, None]
    numbers = {"1", "2", "3", "4"}
    by_user = {
        number: [(a.path.split("/")[1], a.connection) for a in truth.arrivals if a.path.endswith(f"/{number}")] for number in numbers
    }
    for seen in by_user.values():
        words, connections = zip(*seen, strict=True)
        assert words[0] == "login" and words[-1] == "logout" and set(words[1:-1]) <= {"visit"}
        assert len(set(connections)) == 1
    assert run.rows("series/http", "distinct name") == [("visit",)]
    assert run.rows("series/checks") == []
    assert run.total("series/http", "requests") == 25
    ((slowest,),) = run.rows("samples/requests", "max(end_ns - intended_start_ns) / 1e6")
    assert slowest < 90, "the 100 ms of the hook are in no response time"


def test_the_token_of_a_log_in_goes_with_every_request_beside_the_identitys_headers(truth: TruthServer, tmp_path: Path) -> None:
    @on_start
    async def log_in(vu: Vu) -> None:
        vu.use_headers({"X-Token": f"of {vu.user.id}", "x-kept": "1"})

    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get(f"/visit/{vu.user.id}", name="visit")
        await vu.get(f"/visit/{vu.user.id}", name="visit", headers={"x-token": "other"})

    made = replace(workload(visit, per_vu_iterations(2, vus=2), dataset=Animals()), hooks={"on_start": log_in})
    hooked(made, truth.url, tmp_path, Animals())
    tokens = [(a.path.rpartition("/")[2], a.headers["x-token"], a.headers["x-kept"]) for a in truth.arrivals]
    assert sorted(token for _, token, _ in tokens if token == "other") == ["other"] * 4
    assert all(token == f"of {user}" and kept == "1" for user, token, kept in tokens if token != "other") and len(tokens) == 8
    assert all(a.headers["authorization"].partition(".")[2] == a.path.rpartition("/")[2] for a in truth.arrivals)


def test_a_virtual_user_whose_start_fails_takes_no_part_and_is_told(truth: TruthServer, tmp_path: Path) -> None:
    @on_start(timeout="0.2s")
    async def log_in(vu: Vu) -> None:
        if vu.number == 2:
            raise ValueError("no such user")
        if vu.number == 3:
            await vu.get("/hang")

    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get(f"/visit/{vu.number}", name="visit")

    made = replace(workload(visit, per_vu_iterations(2, vus=4)), hooks={"on_start": log_in})
    run, notes = hooked(made, truth.url, tmp_path)
    assert Counter(a.path for a in truth.arrivals) == {"/hang": 1, "/visit/1": 2, "/visit/4": 2}
    assert str(notes[0]).startswith("2 of 4 virtual users took no part")
    messages = sorted(message for name, message, place in run.errors.found if name == "on_start" and place.startswith(__file__))
    assert messages == ["TimeoutError: it did not end within 0.2 s", "ValueError: no such user"]


def test_when_no_virtual_user_can_start_there_is_no_load(truth: TruthServer, tmp_path: Path) -> None:
    @on_start
    async def log_in(vu: Vu) -> None:
        (await vu.get("/status?code=401")).expect(status=200)

    @scenario
    async def visit(vu: Vu) -> None: ...

    with pytest.raises(TargetError, match="on_start failed for every virtual user: status is 200"):
        hooked(replace(workload(visit, constant_vus(3, "1s")), hooks={"on_start": log_in}), truth.url, tmp_path)


def test_a_virtual_user_made_on_demand_starts_before_it_takes_part(truth: TruthServer, tmp_path: Path) -> None:
    @on_start
    async def log_in(vu: Vu) -> None:
        await vu.get(f"/login/{vu.number}")

    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get(f"/delay/{vu.number}?ms=300")

    profile = constant_rate("20/s", "1s", max_vus=5, pre_allocated_vus=1)
    hooked(replace(workload(visit, profile), hooks={"on_start": log_in}), truth.url, tmp_path)
    first: dict[str, str] = {}
    for arrival in truth.arrivals:
        _, word, number = arrival.path.partition("?")[0].split("/")
        first.setdefault(number, word)
    assert len(first) > 1 and set(first.values()) == {"login"}


def test_a_tenant_per_iteration_changes_headers_samples_and_connections_together(truth: TruthServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    @scenario
    async def visit(vu: Vu) -> None:
        seen.append((vu.tenant.id, vu.user.id))
        await vu.get("/")
        await vu.get("/")

    made = workload(visit, per_vu_iterations(30, vus=1), dataset=Animals(), tenant_choice=zipf(1.0), tenant_per="iteration")
    run, _ = hooked(made, truth.url, tmp_path, Animals())
    told = [arrival.headers["authorization"] for arrival in truth.arrivals]
    assert told == [f"{tenant}.{user}" for tenant, user in seen for _ in range(2)]
    assert {tenant for tenant, _ in seen} == {1, 2, 3}
    samples = run.rows("samples/requests", "tenant", "true order by start_ns")
    assert [tenant + 1 for (tenant,) in samples] == [tenant for tenant, _ in seen for _ in range(2)]
    owners: dict[int, set[str]] = {}
    for arrival in truth.arrivals:
        owners.setdefault(arrival.connection, set()).add(arrival.headers["authorization"])
    assert all(len(who) == 1 for who in owners.values()), "no connection served two identities"


def test_a_virtual_user_keeps_its_tenant_by_default(truth: TruthServer, tmp_path: Path) -> None:
    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get("/")

    hooked(workload(visit, per_vu_iterations(5, vus=3), dataset=Animals()), truth.url, tmp_path, Animals())
    owners: dict[int, set[str]] = {}
    for arrival in truth.arrivals:
        owners.setdefault(arrival.connection, set()).add(arrival.headers["authorization"])
    assert len(owners) == 3 and all(len(who) == 1 for who in owners.values())


def test_unique_rows_reach_the_server_once_and_their_end_stops_the_virtual_users(truth: TruthServer, drive: Drive) -> None:
    accounts = from_iterable(range(25), order="unique", on_end="stop")

    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get(f"/account/{accounts.next(vu)}", name="account")

    run = drive(workload(visit, constant_vus(4, "20s")), truth.url)
    assert sorted(arrival.path for arrival in truth.arrivals) == sorted(f"/account/{number}" for number in range(25))
    assert (run.total("series/iterations", "completed"), run.total("series/iterations", "interrupted")) == (25, 4)
    assert run.load_ns <= 20 * NS and not run.errors.found


def test_rows_that_run_out_are_errors_where_that_is_asked_for(truth: TruthServer, drive: Drive) -> None:
    accounts = from_iterable([SimpleNamespace(mail="a@x")], order="unique")

    @scenario
    async def visit(vu: Vu) -> None:
        await vu.get(f"/{accounts.next(vu).mail}")

    run = drive(workload(visit, per_vu_iterations(3, vus=1)), truth.url)
    assert (run.total("series/iterations", "completed"), run.total("series/iterations", "errors")) == (1, 2)
    ((_, message, _),) = run.errors.found
    assert "no more rows: all 1 were given out" in message
