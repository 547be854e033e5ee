"""A run against its baseline, as plain JSON for reports and alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from tenantry.compare import baselines, compare
from tenantry.results import open_run

MAIN = baselines.MAIN


def against_baseline(run: Path, runs: Path, name: str = MAIN) -> dict[str, Any] | None:
    """How the run compares with the baseline of this name in `runs`; None while there is no such baseline, or the run is it.

    The object has `baseline`, `run` (the baseline's), `judgement` (better, same, worse, cannot tell), `reason`, and `figures`, those of the
    whole run, as `tenantry compare --json` has them. Raises UsageError when the two cannot be compared.
    """
    base = baselines.folder_of(runs, name)
    if base is None or base.resolve() == run.resolve():
        return None
    with open_run(run) as new, open_run(base) as old:
        found = msgspec.to_builtins(compare(new, [old]))
    whole: list[dict[str, Any]] = next((row["figures"] for row in found["series"] if not row["name"]), [])
    return {"baseline": name, "run": base.name, "judgement": found["judgement"], "reason": found["reason"], "figures": whole}
