"""Statements: what each cost, as Postgres counted it and as the samples saw it, and its plan."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.diagnose.gauges import Readings
from tenantry.diagnose.sessions import Sessions

_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan")


@dataclass(frozen=True, slots=True)
class Scan:
    """A node of a plan that reads a table: by which index, under which condition, and what it throws away by which filter."""

    node: str
    table: str
    index: str
    condition: str
    filter: str
    rows: float


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement (all values of its parameters). `load` is how many sessions executed it at a time; counts are those of the run."""

    id: str
    text: str
    load: float
    calls: float = 0.0
    seconds: float = 0.0
    rows: float = 0.0
    blocks: float = 0.0
    read: float = 0.0
    temp: float = 0.0
    plan: Mapping[str, Any] | None = None

    def each(self, what: str) -> float:
        """`seconds`, `rows`, `blocks`, `read` or `temp` per call; 0 when calls are not counted."""
        return float(getattr(self, what)) / self.calls if self.calls else 0.0

    @property
    def short(self) -> str:
        """The statement in at most 100 characters."""
        return self.text if len(self.text) <= 100 else f"{self.text[:97]}..."

    @property
    def scans(self) -> list[Scan]:
        """What its plan reads; empty without a plan."""
        return list(_scans(self.plan)) if self.plan else []

    def says(self, pattern: str) -> bool:
        """Whether its text fits a pattern, in any case."""
        return re.search(pattern, self.text, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Statements:
    """All statements, those with the highest load first (else by id); `counted` when pg_stat_statements was read."""

    all: list[Statement] = field(default_factory=list)
    counted: bool = False

    def get(self, number: str) -> Statement | None:
        return next((statement for statement in self.all if statement.id == number), None)


def statements(readings: Readings, sessions: Sessions, postgres: Mapping[str, Any], *, duration_s: float) -> Statements:
    """The statements of a run; `postgres` are the facts of the catalog."""
    texts: dict[str, str] = postgres.get("statements", {})
    plans = {plan["query_id"]: plan["plan"] for plan in postgres.get("plans", ()) if "plan" in plan}
    sampled = sessions.by("query_id")
    grown = {
        name: readings.grown(f"statement.{column}")
        for name, column in {
            "calls": "calls", "ms": "total_exec_time", "rows": "rows", "hit": "shared_blks_hit", "read": "shared_blks_read",
            "temp": "temp_blks_written", "temp_read": "temp_blks_read",
        }.items()
    }  # fmt: skip
    found = []
    for number in {*sampled, *(number for number, calls in grown["calls"].items() if calls > 0)} - {""}:
        # What is not among the texts is the observer's own, or too small to matter.
        if number not in texts:
            continue
        count = {name: values.get(number, 0.0) for name, values in grown.items()}
        seconds = count["ms"] / 1000
        load = max(seconds / duration_s if duration_s else 0.0, sampled[number])
        blocks, temp = count["hit"] + count["read"], count["temp"] + count["temp_read"]
        counts = (count["calls"], seconds, count["rows"], blocks, count["read"], temp)
        found.append(Statement(number, texts[number], load, *counts, plan=plans.get(number)))
    return Statements(sorted(found, key=lambda statement: (-statement.load, statement.id)), bool(grown["calls"]))


def _scans(plan: Mapping[str, Any]) -> Iterator[Scan]:
    if plan.get("Node Type") in _SCANS:
        inner = [child for child in plan.get("Plans", ()) if str(child.get("Node Type", "")).startswith("Bitmap")]
        index = plan.get("Index Name") or next((name for child in inner for name in _names(child)), "")
        condition = plan.get("Index Cond") or plan.get("Recheck Cond") or ""
        name = f"{plan.get('Schema', '')}.{plan.get('Relation Name', '')}".strip(".")
        yield Scan(plan["Node Type"], name, index, condition, plan.get("Filter", ""), float(plan.get("Plan Rows", 0)))
    for child in plan.get("Plans", ()):
        yield from _scans(child)


def _names(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan.get("Index Name"):
        yield plan["Index Name"]
    for child in plan.get("Plans", ()):
        yield from _names(child)
