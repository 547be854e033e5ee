"""Bottlenecks built into the clinic are named by the demo, each with what the user needs to act on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from commandline import Shell, wait_until, write_scenarios
from running_clinic import Database
from test_run_ends import STEADY
from truth import TruthServer


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


def test_what_the_observer_could_not_see_is_part_of_the_diagnosis(
    shell: Shell, truth: TruthServer, new_database: Callable[[], str]
) -> None:
    database = Database(new_database())
    database.run("REVOKE SELECT ON pg_stat_wal FROM PUBLIC", "DO $$BEGIN CREATE ROLE seer LOGIN IN ROLE pg_monitor; END$$", "SELECT 1")
    address = urlsplit(database.dsn)
    seer = f"postgresql://seer@{address.hostname}:{address.port}{address.path}"
    write_scenarios(shell.folder, STEADY.replace('"60s"', '"2s"'))
    environment = {"OBSERVE_URL": seer, "TENANTRY_OBSERVE_DSN_ENV": "OBSERVE_URL"}
    probes = "FROM pg_stat_activity WHERE application_name = 'tenantry observe' AND datname = current_database()"
    with shell.start("run", "file.py:load", "--target", truth.url, "--json", environment=environment) as running:
        wait_until(lambda: bool(database.value(f"SELECT count(*) = 2 {probes}")), timeout_s=30)
        assert database.value(f"SELECT count(pg_terminate_backend(pid)) {probes}") == 2
        done = running.done()
    assert (done.code, done.document["verdict"]) == (0, "pass"), done.err
    unseen = json.loads(shell.run("diagnose", "latest", "--json").out)["unseen"]
    for part in (
        "postgres.activity failed 1 times, at last: ",
        "pg_stat_wal cannot be read: permission denied",
        "statements are not counted",
    ):
        assert len([text for text in unseen if text.startswith(part)]) == 1, (part, unseen)
