"""Bottlenecks built into the clinic are named by the demo, each with what the user needs to act on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commandline import Shell


@pytest.mark.parametrize(
    ("fault", "subject", "statement"),
    [
        ("missing_index", "table", "CREATE INDEX CONCURRENTLY medical_records_pet_id_idx ON public.medical_records (clinic_id, pet_id)"),
        ("rls_per_row_function", "function", "ALTER POLICY"),
        ("n_plus_one", "route", ""),
        ("slow_external_call", "route", ""),
        ("sort_spill", "statement", "work_mem"),
    ],
)
def test_the_demo_names_the_bottleneck_that_was_built_in(fault: str, subject: str, statement: str, tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        done = shell.run("demo", "--fault", fault, "--duration", "8s", "--json", "--quiet", "--runs", "runs")
        told = json.loads(done.out)
        first = told["findings"][0]
        assert (first["id"], first["kind"]) == (fault, "problem"), told["diagnosis"]
        assert subject in first["subject"]
        assert statement in first["fix"]["statement"]
        assert len(first["evidence"]) >= 2
        assert first["gain"]["response_time_s"] > 0
        stations = {station["id"] for station in told["diagnosis"]["ladder"]}
        assert stations >= {"app_pool", "app_cpu", "database_cpu", "machine_cpu", "connections", "generator"}
        compared = {comparison["id"]: comparison for comparison in told["diagnosis"]["validity"]}
        assert compared["sessions"]["measures"].keys() >= {"sampled", "counted", "told"}
        assert compared["sessions"]["result"] in ("agree", "others"), compared["sessions"]["text"]
        assert compared["in_flight"]["result"] == "agree", compared["in_flight"]["text"]
        again = shell.run("diagnose", "latest", "--json", "--runs", "runs")
        assert json.loads(again.out)["findings"] == told["findings"], "the run folder is all that it takes"
        assert json.loads((Path(told["run"]) / "findings.json").read_text())["findings"] == told["findings"]
        shown = shell.run("report", "latest", "--format", "text", "--runs", "runs")
        assert f"1. {fault}:" in shown.out
        assert "What breaks first" in shell.run("diagnose", "latest", "--runs", "runs").out


def test_what_a_finding_means_can_be_asked(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        told = shell.run("explain", "missing_index")
        assert told.code == 0
        assert "What looks alike" in told.out
        unknown = shell.run("explain", "mising_index")
        assert unknown.code == 2
        assert "missing_index" in unknown.err
        assert len(json.loads(shell.run("explain", "--json").out)) > 30


def test_a_finding_that_does_not_exist_cannot_be_silenced(tmp_path: Path) -> None:
    with Shell(tmp_path) as shell:
        told = shell.run("diagnose", "latest", "--silent", "noisy_tennant")
        assert told.code == 2
        assert "noisy_tenant" in told.err
