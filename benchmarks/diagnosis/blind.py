"""Copies of a run folder that lack what not every user has: the statements' counters, or everything but the client's side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb

KINDS = ("all", "no_statements", "client")


def copy(folder: Path, into: Path, kind: str) -> Path:
    """The folder as somebody without these readings would have it."""
    found = into / folder.name
    if kind == "client":
        shutil.copytree(
            folder, found, ignore=shutil.ignore_patterns("readings-*", "activity-*", "blocking-*", "facts.json", "server_timing-*")
        )
        return found
    shutil.copytree(folder, found)
    if kind == "no_statements":
        _forget_statements(found / "probes")
    return found


def _forget_statements(probes: Path) -> None:
    """Without pg_stat_statements there are only the texts of statements that were seen at work."""
    with duckdb.connect() as connection:
        seen = {row[0] for row in connection.execute(f"SELECT DISTINCT query_id FROM '{probes}/activity-*.parquet'").fetchall()}
        for path in probes.glob("readings-*.parquet"):
            kept = path.with_suffix(".kept")
            connection.execute(f"COPY (SELECT * FROM '{path}' WHERE metric NOT LIKE 'statement.%') TO '{kept}' (FORMAT parquet)")
            kept.replace(path)
    facts = json.loads((probes / "facts.json").read_text())
    # Where the catalog was locked nothing is known of it.
    if (postgres := facts.get("postgres")) is None:
        return
    postgres["statements"] = {number: text for number, text in postgres["statements"].items() if number in seen}
    postgres["plans"] = [plan for plan in postgres["plans"] if plan["query_id"] in seen]
    postgres["missing"] = [*postgres["missing"], "pg_stat_statements"]
    (probes / "facts.json").write_text(json.dumps(facts))
