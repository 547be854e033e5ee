"""The page of findings is that of the rules, and each rule says all that it must."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry.diagnose.page import page
from tenantry.diagnose.rules import rules
from tenantry_clinic import faults

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
OURS = {"database_cpu", "failing_requests", "generator", "machine_cpu"}


def test_the_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text() == page(), "renew it: python -m tenantry.diagnose.page > docs/findings.md"


def test_every_fault_of_the_clinic_has_a_rule_of_its_name() -> None:
    assert set(rules()) - OURS == set(faults.names()) - {"none"}


@pytest.mark.parametrize("name", list(rules()))
def test_a_rule_has_the_name_of_its_module_and_words_for_all_that_people_ask(name: str) -> None:
    rule = rules()[name]
    assert rule.id == name
    assert all((rule.title, rule.signals, rule.confounders, rule.remedy))


@pytest.mark.parametrize("name", list(rules()))
def test_what_a_rule_explains_exists_and_does_not_explain_it_in_turn(name: str) -> None:
    assert set(rules()[name].explains) <= set(rules()) - {name}
    assert not _below(name) & {name}, "a circle of causes has no beginning"


def _below(name: str) -> set[str]:
    found: set[str] = set()
    todo = list(rules()[name].explains)
    while todo:
        at = todo.pop()
        if at not in found:
            found.add(at)
            todo += rules()[at].explains
    return found
