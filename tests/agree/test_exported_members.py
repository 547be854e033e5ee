"""The public surface is a short list, each name is what its home defines, and loading it costs nothing."""

import importlib
import subprocess
import sys

import pytest

import tenantry

PUBLIC = {
    "AppFailure",
    "CheckFailed",
    "RequestFailed",
    "Response",
    "Row",
    "Scenario",
    "TenantryError",
    "UsageError",
    "Vu",
    "Workload",
    "__version__",
    "constant_rate",
    "constant_vus",
    "load_workload",
    "mix",
    "on_start",
    "on_stop",
    "per_vu_iterations",
    "poisson_rate",
    "ramping_rate",
    "ramping_vus",
    "scenario",
    "setup",
    "shared_iterations",
    "teardown",
    "workload",
}


def test_the_public_names_are_these() -> None:
    assert set(tenantry.__all__) == PUBLIC
    assert len(PUBLIC) <= 28
    assert list(tenantry.__all__) == sorted(tenantry.__all__)


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_a_public_name_is_documented_and_found_at_home(name: str) -> None:
    value = getattr(tenantry, name)
    assert value.__doc__
    assert getattr(importlib.import_module(value.__module__), name) is value


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scenari'"):
        _ = tenantry.scenari  # type: ignore[attr-defined]


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_none_of_its_modules() -> None:
    assert run("import sys, tenantry; print(sorted(name for name in sys.modules if name.startswith('tenantry')))") == "['tenantry']"


def test_a_scenario_file_loads_nothing_heavy() -> None:
    code = f"""
import sys
from tenantry import {", ".join(sorted(PUBLIC - {"__version__"}))}
print(sorted({{"duckdb", "rich", "click", "jinja2", "mimesis", "msgspec", "asyncio", "tenantry._core"}} & set(sys.modules)))
"""
    assert run(code) == "[]"


@pytest.mark.parametrize(
    "first",
    ["import tenantry.scenario.vu", "from tenantry.scenario.loader import load_workload", "from tenantry import Vu", "import tenantry"],
)
def test_the_decorator_keeps_its_name_whatever_is_imported_first(first: str) -> None:
    code = (
        f"{first}; from tenantry import scenario; import tenantry.scenario.session; print(scenario.__name__, tenantry.scenario.__module__)"
    )
    assert run(code) == "scenario tenantry.scenario.decorators"
