"""Small workloads carried out by the real engine, and what they left in their run folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from tenantry import Vu, Workload, constant_vus, scenario, workload
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import close_engine, open_engine

Script = Callable[[Vu], Any]
Act = Callable[..., Any]


@dataclass(frozen=True)
class Recorded:
    """A run folder, asked in SQL."""

    folder: Path
    errors: ScriptErrors

    def rows(self, table: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        """Rows of `series/http`, `series/iterations`, `samples/requests`, ...; none when nothing was written."""
        if not list(self.folder.glob(f"{table}-*.parquet")):
            return []
        with duckdb.connect() as connection:
            return connection.sql(f"select {columns} from '{self.folder}/{table}-*.parquet' where {where}").fetchall()

    def total(self, table: str, column: str) -> int:
        rows = self.rows(table, f'coalesce(sum("{column}"), 0)')
        return int(rows[0][0]) if rows else 0


Drive = Callable[[Workload, str], Recorded]


@scenario
async def nothing(vu: Vu) -> None: ...


async def load(workload: Workload, url: str, folder: Path, errors: ScriptErrors) -> None:
    """Carry out a workload against a URL, without verdict and report."""
    plan = workload.plan(target=url)
    engine = open_engine(plan, folder)
    try:
        crew = Crew(engine, plan, list(workload.scenarios.values()), None, errors)
        users = crew.hire(None)
        engine.start(0.02)
        stop = max(stream.profile.graceful_stop_ns for stream in plan.streams)
        tasks = {asyncio.create_task(crew.work(vu, session)): session for _, vu, session in users}
        _, overdue = await asyncio.wait(tasks, timeout=(plan.duration_ns + stop) / 1e9)
        for task in overdue:
            tasks[task].interrupt()
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
    finally:
        close_engine(engine)


async def act_once(script: Script, url: str, folder: Path, options: dict[str, Any]) -> Any:
    """Run one async function as a virtual user, outside any load, and return what it returns."""
    allow = options.pop("allow", ())
    plan = replace(workload(nothing, constant_vus(1, "1s"), **options).plan(target=url), allow=allow)
    engine = open_engine(plan, folder)
    try:
        crew = Crew(engine, plan, [nothing], None, ScriptErrors(folder))
        return await crew.call_hook(script, "setup", None, timeout_s=30)
    finally:
        close_engine(engine)
