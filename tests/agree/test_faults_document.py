"""The list of faults in the document is that of the modules, and each of them says all that it must."""

from __future__ import annotations

import re

import pytest
from pages import doc, name

from tenantry import load_workload
from tenantry_clinic import faults

PAGE = doc("faults.md")


def test_every_fault_is_documented_as_its_module_says() -> None:
    told = {name(row["fault"]): tuple(row.values())[1:] for row in PAGE.table("List", "fault")}
    expected = {}
    for each in faults.names():
        fault = faults.fault(each)
        parameter = f"{fault.parameter}, {fault.range}; {fault.default:g}" if fault.parameter else ""
        expected[each] = (parameter, fault.summary, fault.symptom, f"`{fault.remedy}`")
    assert told == expected


def test_the_figures_are_of_faults_that_exist_and_hold() -> None:
    rows = PAGE.table("Measured", "fault")
    assert {name(row["fault"]) for row in rows} <= set(faults.names())
    assert not [row for row in rows if "**" in row["what moves"]]


@pytest.mark.parametrize("each", faults.names())
def test_a_fault_has_a_default_within_its_range_a_load_and_words(each: str) -> None:
    fault = faults.fault(each)
    if fault.parameter:
        assert fault.value(f"{fault.default:g}") == fault.default
    assert all((fault.summary, fault.symptom, fault.remedy))
    assert fault.shown.moves in ("p95", "throughput", "failures")
    assert re.fullmatch(r"\d+/s", fault.shown.rate)
    assert load_workload(f"{faults.LOADS}:{fault.shown.workload}")


@pytest.mark.parametrize("each", faults.names())
def test_the_words_fit_into_a_table(each: str) -> None:
    fault = faults.fault(each)
    assert not [text for text in (fault.parameter, fault.summary, fault.symptom, fault.remedy) if re.search(r"[|\n]", text)]
