"""The native module from several threads at once: what they share gives each the same, and what is their own stays apart."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Barrier
from typing import Any, TypeVar

import pytest
from loads import Recorded, load
from truth import TruthServer

from tenantry import Vu, constant_vus, scenario, shared_iterations, workload
from tenantry.datasets.population import Population
from tenantry.driver import ScriptErrors
from tenantry.engine import close_engine, open_engine, schedule
from tenantry_clinic.dataset import clinic

THREADS = 6
T = TypeVar("T")


@pytest.fixture(autouse=True)
def often() -> Iterator[None]:
    """With a lock over the interpreter, let it change hands as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def side_by_side(work: Callable[[int], T]) -> list[T]:
    """The results of all threads, which begin at one moment."""
    gate = Barrier(THREADS)

    def one(number: int) -> T:
        gate.wait(10)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_one_population_gives_every_thread_the_same_rows() -> None:
    population = Population(clinic, 50)

    def picks(_: int) -> list[Any]:
        rng = Random(7)
        rows = [population.pick(tenant, table, rng) for tenant in range(50) for table in ("pets", "appointments", "invoices")]
        owners = [population.pick(tenant, "users", rng, role="owner") for tenant in range(50)]
        return [str(row) for row in (*rows, *owners, *population.rows("pets", 0, 500))]

    alone = picks(0)
    assert len(set(alone)) > 500
    assert side_by_side(picks) == [alone] * THREADS


def test_each_thread_may_compile_plans_and_datasets() -> None:
    plan = workload(quiet, constant_vus(3, "2s")).plan(target="http://127.0.0.1:1")

    def compiled(number: int) -> Any:
        made = [Population(clinic, 10 + number).count("pets") for _ in range(20)]
        return made, [schedule(plan).vus(0) for _ in range(50)][-1]

    assert side_by_side(compiled) == [compiled(number) for number in range(THREADS)]


@scenario
async def quiet(vu: Vu) -> None: ...


@scenario
async def browse(vu: Vu) -> None:
    response = await vu.get("/echo", name="GET /echo")
    vu.check("is there", response.status == 200)
    await asyncio.gather(vu.get("/a"), vu.get("/b"))


def test_each_thread_may_drive_an_engine_of_its_own(tmp_path: Path, truth: TruthServer) -> None:
    def drive(number: int) -> Recorded:
        folder = tmp_path / str(number)
        folder.mkdir()
        errors = ScriptErrors(folder)
        asyncio.run(load(workload(browse, shared_iterations(60, vus=5)), truth.url, folder, errors))
        return Recorded(folder, errors)

    found = side_by_side(drive)
    assert [run.errors.found for run in found] == [{}] * THREADS
    assert [(run.total("series/http", "requests"), run.total("series/http", "failures")) for run in found] == [(180, 0)] * THREADS
    assert [run.total("series/checks", "passes") for run in found] == [60] * THREADS
    assert len(truth.arrivals) == 180 * THREADS


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_what_writes_lets_go_first_what_sends(tmp_path: Path) -> None:
    async def priorities() -> dict[str, int]:
        engine = open_engine(workload(quiet, constant_vus(1, "1s")).plan(target="http://127.0.0.1:1"), tmp_path)
        try:
            await asyncio.sleep(0.1)
            found = {}
            for thread in Path("/proc/self/task").iterdir():
                found[(thread / "comm").read_text().strip()] = os.getpriority(os.PRIO_PROCESS, int(thread.name))
            return found
        finally:
            close_engine(engine)

    found = asyncio.run(priorities())
    own = os.getpriority(os.PRIO_PROCESS, 0)
    named = {name: priority - own for name, priority in found.items() if name.startswith("tenantry-")}
    assert named == {"tenantry-io": 0, "tenantry-pace": 0, "tenantry-record": min(10, 19 - own)}
