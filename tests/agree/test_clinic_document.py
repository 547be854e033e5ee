"""The clinic's document lists what the clinic has."""

from __future__ import annotations

import inspect
import re

from click.testing import CliRunner
from pages import ROOT, doc, name

from tenantry_clinic.__main__ import VARIABLES, clinic
from tenantry_clinic.app import AREAS
from tenantry_clinic.openapi import document
from tenantry_clinic.telemetry import Figures, Timing

CLINIC = doc("clinic.md")
OPERATIONS = [operation for area in AREAS for operation in area.operations]


def test_the_endpoints_are_those_of_the_app_and_of_its_openapi_document() -> None:
    described = document(OPERATIONS)
    expected = []
    for operation in OPERATIONS:
        entry = described["paths"][operation.path][operation.method.lower()]
        who = "token" if entry["security"] else "all"
        summary = (inspect.getdoc(operation.endpoint) or "").partition("\n")[0]
        success, *others = str(operation.status), *(status for status in entry["responses"] if status != str(operation.status))
        expected.append((operation.name, who, summary, {success, *others}))
    found = [
        (name(row["endpoint"]), row["who"], row["what"], set(row["answers"].split(", "))) for row in CLINIC.table("Endpoints", "endpoint")
    ]
    assert found == expected
    assert sum(len(path) for path in described["paths"].values()) == len(OPERATIONS)


def test_every_operation_has_a_name_of_its_own_and_every_reference_a_schema() -> None:
    described = document(OPERATIONS)
    names = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert referred == described["components"]["schemas"].keys()


def test_the_variables_are_those_that_the_code_reads_and_the_help_names() -> None:
    sources = (ROOT / "python/tenantry_clinic").glob("*.py")
    read = {found for source in sources for found in re.findall(r'environ(?:\.get\(|\[)"(CLINIC_\w+)"', source.read_text("utf-8"))}
    documented = {name(row["variable"]) for row in CLINIC.table("Start it", "variable")}
    assert documented == read
    # The pool has an option of its own, the locale is of the dataset.
    assert set(re.findall(r"CLINIC_\w+", VARIABLES)) == read - {"CLINIC_POOL", "CLINIC_LOCALE"}


def test_the_commands_that_the_document_uses_exist() -> None:
    used = set(re.findall(r"python -m tenantry_clinic (\w+)", CLINIC.text))
    assert used == clinic.commands.keys()
    for command in used:
        assert CliRunner().invoke(clinic, [command, "--help"]).exit_code == 0


def test_the_figures_and_the_parts_of_server_timing_are_documented() -> None:
    class Pool:
        size = in_use = waiting = 0

    figures = Figures()
    figures.requests["GET /", 200] += 1
    figures.database = Pool()  # type: ignore[assignment]
    told = set(re.findall(r"^# TYPE (\w+) ", figures.text().decode(), re.MULTILINE))
    documented = {name(row["figure"]) for row in CLINIC.table("What it tells of itself", "figure")}
    assert {each for each in told if not each.endswith("_created")} == documented
    parts = re.findall(r"(\w+);dur", Timing().header().decode())
    (row,) = [row for row in CLINIC.table("What it tells of itself", "what") if name(row["what"]) == "Server-Timing"]
    assert sorted(re.findall(r"`(\w+)`", row["where"])) == sorted(parts)


def test_the_policy_of_the_document_is_that_of_the_schema() -> None:
    schema = re.sub(r"\s+", " ", (ROOT / "python/tenantry_clinic/constraints.sql").read_text("utf-8"))
    (block,) = CLINIC.blocks("sql")
    condition = re.search(r"USING \(clinic_id = (.*)\)\n", block.text)
    assert condition
    assert condition[1].replace("'", "''") in schema
    assert "CREATE POLICY tenant ON %I TO clinic_app USING (clinic_id = %2$s) WITH CHECK (clinic_id = %2$s)" in schema
