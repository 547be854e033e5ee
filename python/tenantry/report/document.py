"""A run as one JSON object: what `--json` prints and what every report is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tenantry.diagnose.answer import diagnose, is_observed
from tenantry.grading import grades
from tenantry.metrics.custom import custom_metrics
from tenantry.report.streams import stream_line
from tenantry.results import probes
from tenantry.thresholds.evaluate import first_breach
from tenantry.thresholds.parser import parse_threshold
from tenantry.verdict import Verdict, judge

if TYPE_CHECKING:
    from tenantry.results import Run

SCHEMA = 1


def document(run: Run, verdict: Verdict | None = None) -> dict[str, Any]:
    """Everything that a stored run tells, from its folder alone; plain JSON values, times in seconds, any of them may be None.

    `verdict` stands in for the folder's own where it is known already, or could not be stored.
    """
    run.read_ahead()
    verdict = verdict or judge(run)
    diagnosis = diagnose(run).as_dict() if is_observed(run) else None
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "run": str(run.folder),
        "about": _identity(run),
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "exit": int(verdict.exit),
        "thresholds": _thresholds(run, verdict),
        "grades": grades(run, verdict.verdict).as_dict(),
        "findings": diagnosis["findings"] if diagnosis else [],
        "diagnosis": diagnosis,
    }
    told |= _kept(run)
    parts = ("steady", "totals", "series", "checks", "metrics", "failures", "errors", "generator", "tenants", "timeline", "events")
    told |= {part: msgspec.to_builtins(getattr(run, part)) for part in parts} | {"wait_s": msgspec.to_builtins(run.waits)}
    return told | {"warnings": list(run.warnings)}


def page_document(run: Run, verdict: Verdict | None = None) -> dict[str, Any]:
    """The same, with what only the page needs: the run in slices, and the heatmap."""
    return document(run, verdict) | for_page(run)


def for_page(run: Run) -> dict[str, Any]:
    """What the page needs beside the document: `slices`, `heat`, and `readings` of probes."""
    axis = probes.Axis(len(run.timeline.second), run.timeline.step_s)
    return {"readings": probes.charts(run.tables, axis)} | {part: msgspec.to_builtins(getattr(run, part)) for part in ("slices", "heat")}


def _kept(run: Run) -> dict[str, Any]:
    return {part: msgspec.to_builtins(getattr(run, part)) for part in ("parts", "statuses", "slowest")}


def _thresholds(run: Run, verdict: Verdict) -> list[dict[str, Any]]:
    written = run.manifest.plan.get("scaled_thresholds") or {}
    custom = custom_metrics(run.manifest.plan)
    rows = []
    for result in verdict.thresholds:
        since = first_breach(parse_threshold(result.text, custom), result, run) if result.result == "fail" else None
        rows.append(result.as_dict() | {"written": written.get(result.text), "first_breach_s": since})
    return rows


def _identity(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    dataset = manifest.dataset or {}
    machine = {key: value for key, value in (manifest.machine or {}).items() if key != "python"}
    return {
        "name": run.name,
        "workload": manifest.name,
        "target": manifest.target,
        "started_at": manifest.started_at,
        "ended_at": manifest.ended_at,
        "end": manifest.end,
        "duration_s": run.duration_s,
        "tool_version": manifest.tool_version,
        "git": manifest.git,
        "machine": machine,
        "processes": manifest.plan.get("processes", 1),
        "python": (manifest.machine or {}).get("python"),
        "rng_seed": manifest.rng_seed,
        "scale": {str(stream.get("name")): stream.get("scale", 1) for stream in manifest.streams},
        "dataset": dataset.get("name"),
        "tenants": dataset.get("tenants"),
        "command": manifest.command,
        "streams": [stream_line(stream) for stream in manifest.streams],
    }
