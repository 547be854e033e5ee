"""The exit codes are those of the command line contract, and every error has one of them."""

import re
from pathlib import Path

import pytest

from tenantry import errors
from tenantry.errors import Exit, TenantryError

ROOT = Path(__file__).parents[2]

CONTRACT = {
    "PASS": 0,
    "INTERNAL": 1,
    "USAGE": 2,
    "THRESHOLD": 10,
    "REGRESSION": 11,
    "INVALID": 12,
    "TARGET": 13,
    "ABORTED": 14,
    "NO_DATA": 15,
    "INTERRUPTED": 130,
}


def test_the_table_of_exit_codes_is_the_contract() -> None:
    assert {code.name: code.value for code in Exit} == CONTRACT


def every(kind: type[TenantryError]) -> set[type[TenantryError]]:
    return {kind} | {inner for sub in kind.__subclasses__() if sub.__module__ == "tenantry.errors" for inner in every(sub)}


@pytest.mark.parametrize("kind", sorted(every(TenantryError), key=str))
def test_an_error_that_ends_a_command_has_a_code_that_is_no_verdict(kind: type[TenantryError]) -> None:
    assert kind.exit in (Exit.USAGE, Exit.TARGET, Exit.INTERRUPTED)


def test_the_tree_drawn_in_the_docstring_has_the_codes_of_the_classes() -> None:
    drawn = {name: int(code) for name, code in re.findall(r"── (\w+)\s+(\d+)", errors.__doc__ or "")}
    assert drawn
    assert {name: getattr(errors, name).exit for name in drawn} == drawn


PAGES = [path for path in (ROOT / "docs").rglob("*.md") if re.search(r"^\| *exit", path.read_text("utf-8"), re.MULTILINE | re.IGNORECASE)]


@pytest.mark.parametrize("page", PAGES, ids=[path.name for path in PAGES])
def test_a_table_of_exit_codes_in_the_docs_is_complete(page: Path) -> None:
    table = re.search(r"^\| *exit.*?(?=^[^|]|\Z)", page.read_text("utf-8"), re.MULTILINE | re.IGNORECASE | re.DOTALL)
    assert table is not None
    assert {int(code) for code in re.findall(r"^\| *`?(\d+)`? *\|", table[0], re.MULTILINE)} == set(CONTRACT.values())
