"""Small workloads carried out by the real engine, and what they left in their run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from tenantry import Vu, Workload, constant_vus, scenario, workload
from tenantry.driver import Crew, ScriptErrors
from tenantry.engine import close_engine, open_engine
from tenantry.workers import Workers

Script = Callable[[Vu], Any]
Act = Callable[..., Any]


@dataclass(frozen=True)
class Recorded:
    """A run folder, asked in SQL."""

    folder: Path
    errors: ScriptErrors
    load_ns: int = 0

    def rows(self, table: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        """Rows of `series/http`, `series/iterations`, `samples/requests`, ...; none when nothing was written."""
        if not list(self.folder.glob(f"{table}-*.parquet")):
            return []
        with duckdb.connect() as connection:
            return connection.sql(f"select {columns} from '{self.folder}/{table}-*.parquet' where {where}").fetchall()

    def total(self, table: str, column: str) -> int:
        rows = self.rows(table, f'coalesce(sum("{column}"), 0)')
        return int(rows[0][0]) if rows else 0


Drive = Callable[..., Recorded]


@scenario
async def nothing(vu: Vu) -> None: ...


async def load(workload: Workload, url: str, folder: Path, errors: ScriptErrors, share: tuple[int, int] = (0, 1)) -> int:
    """Carry out a share of a workload against a URL, without verdict and report; returns the length of the load in nanoseconds."""
    plan = replace(workload.plan(target=url), share=share)
    engine = open_engine(plan, folder)
    try:
        workers = Workers(Crew(engine, plan, list(workload.scenarios.values()), None, errors), None)
        engine.start(0.02)
        await workers.work()
        return engine.load_end_ns() or 0
    finally:
        close_engine(engine)


async def act_once(script: Script, url: str, folder: Path, options: dict[str, Any]) -> Any:
    """Run one async function as a virtual user, outside any load, and return what it returns."""
    allow, timeout_s = options.pop("allow", ()), options.pop("hook_timeout_s", 30)
    plan = replace(workload(nothing, constant_vus(1, "1s"), **options).plan(target=url), allow=allow)
    engine = open_engine(plan, folder)
    try:
        crew = Crew(engine, plan, [nothing], None, ScriptErrors(folder))
        return await crew.call_hook(script, "setup", None, timeout_s=timeout_s)
    finally:
        close_engine(engine)
