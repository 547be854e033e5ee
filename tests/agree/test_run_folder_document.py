"""The run folder and the result as JSON are what the documents say, compared with a run that was really carried out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pages import doc, name, names

from tenantry.report.document import document
from tenantry.results import open_run
from tenantry.results.tables import TABLES

PAGE, CLI = doc("run-folder.md"), doc("cli.md")
FILES = {
    "series/http": "series/http-*.parquet",
    "series/failures": "series/failures-*.parquet",
    "series/iterations": "series/iterations-*.parquet",
    "series/checks": "series/checks-*.parquet",
    "series/custom": "series/custom-*.parquet",
    "series/server_timing": "series/server_timing-*.parquet",
    "samples/requests": "samples/requests-*.parquet",
    "tenants": "tenants.parquet",
    "probes/generator": "probes/generator-*.parquet",
    "probes/readings": "probes/readings-*.parquet",
    "probes/activity": "probes/activity-*.parquet",
    "probes/blocking": "probes/blocking-*.parquet",
    "events": "events.parquet",
}
SUMMARY = {"p50", "p90", "p95", "p99", "p99.9", "avg", "max", "n", "insufficient", "interval"}
# The command line contract: at least these.
CONTRACT = {"schema", "run", "verdict", "reason", "exit", "totals", "series", "thresholds", "generator", "tenants", "findings"}
FIGURES = {
    "requests",
    "failures",
    "offered_rate",
    "started_rate",
    "throughput",
    "dropped_iterations",
    "service_time_s",
    "response_time_s",
}


def described(folder: Path, files: str) -> list[tuple[str, str]]:
    with duckdb.connect() as connection:
        return [(row[0], row[1]) for row in connection.sql(f"DESCRIBE SELECT * FROM '{folder}/{files}'").fetchall()]


@pytest.mark.parametrize("table", list(FILES))
def test_a_file_has_the_columns_that_are_documented(stored_run: Path, table: str) -> None:
    told = [(name(row["column"]), row["type"]) for row in PAGE.table(table, "column")]
    assert described(stored_run, FILES[table]) == told


def test_everything_in_a_run_folder_is_documented(stored_run: Path) -> None:
    (listing,) = (block.text for block in PAGE.blocks("text"))
    told = {line.split()[0].replace("NNNNNN", "*") for line in listing.splitlines()}
    there = {re.sub(r"-\d{6}", "-*", str(path.relative_to(stored_run))) for path in stored_run.rglob("*") if path.is_file()}
    assert (
        there | {"report.html", "findings.json", "experiments.json", "experiment/", "control.json", "process-N/", "probes/log.txt"} == told
    )
    assert set(FILES.values()) == {file for file in told if file.endswith(".parquet")}


def test_columns_that_the_results_read_are_there(stored_run: Path) -> None:
    for spec in TABLES.values():
        assert set(spec.columns.items()) <= set(described(stored_run, spec.files))


def test_the_manifest_has_the_keys_that_are_documented(stored_run: Path) -> None:
    manifest = json.loads((stored_run / "run.json").read_text())
    table = {key: row["meaning"] for row in PAGE.table("run.json", "key") for key in names(row["key"])}
    assert set(manifest) == set(table)
    for part in ("dataset", "machine"):
        assert set(manifest[part]) == set(names(table[part]))


def test_the_script_errors_have_the_keys_that_are_documented(stored_run: Path) -> None:
    (error,) = json.loads((stored_run / "errors.json").read_text())
    assert set(error) == {name(row["key"]) for row in PAGE.table("errors.json", "key")}
    assert (error["message"], error["count"]) == ("ValueError: the script's own fault", 2)


@pytest.mark.parametrize("number", range(len(PAGE.blocks("sql"))))
def test_a_query_of_the_document_has_an_answer(stored_run: Path, number: int) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{stored_run}'")
        assert connection.sql(PAGE.blocks("sql")[number].text).fetchall()


def test_the_documented_quantile_is_that_of_the_results(stored_run: Path) -> None:
    (query,) = (block.text for block in PAGE.blocks("sql") if "p95_ms" in block.text)
    with duckdb.connect() as connection, open_run(stored_run) as run:
        connection.execute(f"SET file_search_path = '{stored_run}'")
        ((told, p95_ms),) = connection.sql(query).fetchall()
        (series,) = run.series
        assert series.response_time_s is not None
        assert (told, p95_ms) == (series.name, pytest.approx(series.response_time_s.p95 * 1e3, rel=0.001, abs=0.001))


@pytest.fixture(scope="module")
def result(stored_run: Path) -> dict[str, Any]:
    with open_run(stored_run) as run:
        return document(run)


def test_the_result_has_the_parts_that_are_documented_and_promised(result: dict[str, Any]) -> None:
    assert set(result) == {name(row["part"]) for row in CLI.table("The result as JSON", "part")}
    assert set(result) >= CONTRACT
    assert result["schema"] == 1


def test_totals_and_series_have_the_fields_that_are_documented_and_promised(result: dict[str, Any]) -> None:
    told = {field for row in CLI.table("The result as JSON", "field") for field in names(row["field"])}
    assert set(result["totals"]) == told
    assert told >= FIGURES
    (series,) = result["series"]
    assert set(series) == told | {"name", "scenario", "group"}
    assert set(series["response_time_s"]) == set(series["service_time_s"]) == SUMMARY


def test_thresholds_and_generator_have_the_fields_that_are_documented(result: dict[str, Any]) -> None:
    told = {name(row["part"]): names(row["content"]) for row in CLI.table("The result as JSON", "part")}
    (threshold,) = result["thresholds"]
    assert set(threshold) == set(told["thresholds"])
    assert set(result["generator"]) == set(told["generator"]) >= {"start_delay_s", "busy_share", "cpu_s", "rss_bytes"}


def test_the_grades_have_the_keys_that_are_documented(result: dict[str, Any]) -> None:
    page = doc("grades.md")
    told = {name(row["key"]): names(row["meaning"]) for row in page.table("As JSON", "key")}
    assert set(result["grades"]) == set(told)
    (whole,) = result["grades"]["scenarios"]
    assert set(whole) == set(told["scenarios"])
    assert all(set(figure) | {"s", "share"} == set(told["figures"]) for figure in whole["figures"].values())


def test_the_totals_of_the_result_are_those_of_the_schedule(result: dict[str, Any]) -> None:
    totals = result["totals"]
    assert totals["requests"] + totals["dropped_iterations"] == 24, "20/s for 1.2 s, one request each"
    assert (totals["failures"], totals["errors"]) == (totals["requests"], 2)
