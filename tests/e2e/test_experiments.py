"""Experiments from end to end: the demo tries the remedy of what was built in, says what it gained, and leaves nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commandline import Shell, one_message

INDEX = "CREATE INDEX CONCURRENTLY medical_records_pet_id_idx ON public.medical_records (clinic_id, pet_id)"


def test_the_demo_measures_that_the_index_helps(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        length = ("--duration", "8s", "--experiment", "--block", "6s")
        done = shell.run("demo", "--fault", "missing_index", *length, "--json", "--runs", "runs", timeout_s=150)
        told = done.document
        first = told["findings"][0]
        tried = first["experiment"]
        assert (first["id"], tried["outcome"], tried["change"]) == ("missing_index", "better", "create_index"), told["findings"]
        assert tried["statement"] == INDEX
        named, whole = tried["series"]
        assert (named["name"], whole["name"]) == ("GET /api/medical-records", "")
        deciding = next(figure for figure in named["figures"] if figure["figure"] == tried["decided_by"])
        assert deciding["with"] < 0.8 * deciding["without"]
        assert deciding["low"] <= deciding["change"] <= deciding["high"] < 0
        assert first["confidence"] > tried["confidence_before"] or first["confidence"] == 1.0
        assert tried["sentence"].startswith(f"CREATE INDEX here: GET /api/medical-records {tried['decided_by']} ")
        assert told["diagnosis"]["reason"].endswith(tried["sentence"])
        _everything_says_so(shell, Path(told["run"]), tried)
        assert shell.traces() == []


def _everything_says_so(shell: Shell, folder: Path, tried: dict[str, Any]) -> None:
    assert json.loads((folder / "findings.json").read_text())["findings"][0]["experiment"] == tried
    assert tried["sentence"].rstrip(".").replace(">", "&gt;") in (folder / "report.html").read_text()
    assert len(tried["blocks"]) == 3
    assert all((folder / block / "run.json").exists() for block in tried["blocks"])
    assert shell.runs() == [folder], "blocks are no runs of the list"
    again = shell.run("diagnose", "latest", "--json", "--runs", "runs")
    assert again.document["findings"][0]["experiment"] == tried
    assert "measured" in shell.run("report", "latest", "--format", "md", "--runs", "runs").out


def test_an_app_that_is_gone_is_told_before_anything_is_changed(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        shell.run("demo", "--tenants", "2", "--duration", "2s", "--json", "--quiet")
        target = json.loads((shell.runs()[0] / "run.json").read_text())["target"]
        place = target.removeprefix("http://")
        marked = {"DATABASE_URL": "postgresql://me@127.0.0.1:1/gone", "TENANTRY_SAFETY_DISPOSABLE": f"{place},127.0.0.1:1/gone"}
        done = shell.run("diagnose", "latest", "--experiment", environment=marked)
        assert done.code == 13
        assert "cannot be reached" in one_message(done.err)
        unmarked = shell.run("diagnose", "latest", "--experiment", environment={"DATABASE_URL": marked["DATABASE_URL"]})
        assert unmarked.code == 2
        assert "disposable" in one_message(unmarked.err)
