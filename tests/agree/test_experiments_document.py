"""What experiments try, and what they do not and why, is what the document says."""

from __future__ import annotations

from typing import get_args

from pages import doc, name, names

from tenantry.diagnose.rules import rules
from tenantry.diagnose.tried import Experiment, Figure, Outcome
from tenantry.experiment.changes import CHANGES, OTHERWISE, REASONS

PAGE = doc("diagnosis.md")


def test_the_changes_are_documented_with_the_findings_that_they_are_for() -> None:
    told: dict[str, list[str]] = {}
    for row in PAGE.table("Experiments", "change"):
        for finding in names(row["for"]):
            told.setdefault(finding, []).append(name(row["change"]))
    assert told == {finding: [change.__name__ for change in makers] for finding, makers in CHANGES.items()}


def test_the_reasons_not_to_try_are_documented() -> None:
    table = PAGE.table("Experiments", "finding")
    assert {finding: row["reason"] for row in table for finding in names(row["finding"])} == REASONS
    assert (table[-1]["finding"], table[-1]["reason"]) == ("all others", OTHERWISE)


def test_changes_and_reasons_are_of_findings_that_exist() -> None:
    assert {*CHANGES, *REASONS} <= set(rules())
    assert not set(CHANGES) & set(REASONS)


def test_the_outcomes_are_documented() -> None:
    assert {name(row["outcome"]) for row in PAGE.table("Experiments", "outcome")} == set(get_args(Outcome))


def test_the_keys_of_an_experiment_are_documented() -> None:
    told = {key for row in PAGE.table("As JSON", "key of `experiment`") for key in names(row["key of `experiment`"])}
    assert told == {*Experiment.__struct_encode_fields__} - {"finding"} | {"confidence_before"}
    assert all(f"`{key}`" in PAGE.section("As JSON") for key in Figure.__struct_encode_fields__)
