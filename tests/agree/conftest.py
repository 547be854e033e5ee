"""A small run carried out by the real engine, with something in every file of its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from truth import TruthServer

from tenantry import Vu, constant_rate, scenario, workload
from tenantry.datasets import Dataset, Table, key, template, tenant_key
from tenantry.datasets.population import Population
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import close_engine, open_engine
from tenantry.folder import RunFolder
from tenantry.observe.recorder import Recorder
from tenantry.plan.plan import Plan
from tenantry.results.probes import FACTS
from tenantry.workers import Workers

shops = Dataset(
    name="shops",
    anchor=date(2026, 1, 5),
    tenants=2,
    tenant_table="shops",
    tenant_column="shop_id",
    mark="slug",
    users="people",
    tables={
        "shops": Table(1, {"id": key(), "slug": template("loadtest-{tenant:05d}")}),
        "people": Table(3, {"id": key(), "shop_id": tenant_key()}),
    },
)


@scenario
async def everything(vu: Vu) -> None:
    await vu.get("/status?code=503", name="GET /status")
    with vu.group("part"):
        vu.check("always", True)
    if vu.iteration == 0:
        raise ValueError("the script's own fault")


WORKLOAD = workload(everything, constant_rate("20/s", "1.2s", max_vus=2), dataset=shops, thresholds=["failures < 1%"])


@pytest.fixture(scope="session")
def stored_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The run folder."""
    with TruthServer() as server:
        plan = replace(WORKLOAD.plan(target=server.url), name="everything")
        population = Population(shops)
        folder = RunFolder.create(tmp_path_factory.mktemp("runs"), plan, population=population, command=["tenantry"])
        asyncio.run(_load(folder, plan, population))
        _observe(folder.path)
        folder.finish("finished", elapsed_ns=plan.duration_ns)
        yield folder.path


async def _load(folder: RunFolder, plan: Plan, population: Population) -> None:
    errors = ScriptErrors(folder.path)
    engine = open_engine(plan, folder.path)
    try:
        crew = Crew(engine, plan, list(WORKLOAD.scenarios.values()), population, errors)
        workers = Workers(crew, None)
        engine.start(0.02)
        folder.load_started()
        engine.event("aborted", "a mark")
        await workers.work()
    finally:
        close_engine(engine)
        errors.write()


def _observe(folder: Path) -> None:
    """What the probes of a run with `[observe]` leave, a row of each kind."""
    recorder = Recorder(folder, 0)
    recorder.readings(1, "host", {("cpu.cores", ""): 2.0})
    recorder.activity([(1, "client backend", "active", "Lock", "tuple", "7", "GET /", "1", 2, 0.5, 0.1)])
    own, blocker = ("tuple", "ExclusiveLock", "stock", "7", "GET /", "1"), ("11", "active", "", "", "8", "POST /", "2")
    recorder.blocking([(1, *own, *blocker, 1, 0.1, 0.5)])
    recorder.write()
    (folder / FACTS).write_text("{}")
