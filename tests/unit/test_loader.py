"""`FILE:WORKLOAD` finds the workload, and what is wrong with the file is told with file, line and remedy."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.errors import UsageError
from tenantry.scenario.loader import load_workload

GOOD = """
from tenantry import Vu, constant_vus, scenario, setup, teardown, workload

@setup
async def ready(vu: Vu) -> dict: return {}

@teardown
async def done(vu: Vu) -> None: ...

@scenario
async def dashboard(vu: Vu) -> None: ...

mixed = workload(dashboard, constant_vus(1, "1s"))
"""


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Imports leave no trace for the next test."""
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for title in set(sys.modules) - modules:
        del sys.modules[title]


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def fault(spec: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load_workload(spec)
    return caught.value


@pytest.mark.parametrize("spec", ["wl_good.py:mixed", "wl_good.py", "wl_good:mixed", "wl_good", "./wl_good.py:mixed"])
def test_a_workload_is_found(spec: str) -> None:
    write("wl_good.py", GOOD)
    found = load_workload(spec)
    assert found.name == "mixed"
    assert list(found.scenarios) == ["dashboard"]
    assert found.setup is not None and found.setup.__name__ == "ready"
    assert found.teardown is not None and found.teardown.__name__ == "done"
    assert found.plan(target="http://127.0.0.1:1").streams[0].name == "mixed"


def test_a_file_may_import_its_neighbours_from_anywhere() -> None:
    write("sub/wl_neighbour.py", GOOD)
    write("sub/wl_imports.py", "from wl_neighbour import mixed as busy")
    found = load_workload("sub/wl_imports.py:busy")
    assert found.name == "busy"
    assert found.setup is not None, "the hooks beside the workload count when its own file has none"


def test_a_workload_that_is_changed_elsewhere_keeps_the_hooks_of_the_file_that_made_it() -> None:
    hooks, journey = GOOD.split("@scenario")
    write("wl_journeys.py", "from tenantry import Vu, scenario\n\n@scenario" + journey.split("mixed =")[0])
    write("wl_made.py", f"from wl_journeys import dashboard\n{hooks}\nmixed ={journey.split('mixed =')[1]}")
    write("wl_changed.py", "from dataclasses import replace\n\nimport wl_made\n\nother = replace(wl_made.mixed, rng_seed=7)\n")
    found = load_workload("wl_changed.py:other")
    assert found.setup is not None and found.setup.__name__ == "ready"
    assert found.teardown is not None and found.teardown.__name__ == "done"


def test_a_file_named_like_a_known_module_does_not_replace_it() -> None:
    import json

    write("json.py", GOOD)
    assert load_workload("json.py:mixed").name == "mixed"
    assert sys.modules["json"] is json


def test_a_file_that_changed_is_read_again_also_within_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("mixed", "quiet"):
        write("wl_again.py", GOOD.replace("mixed =", f"{name} ="))
        os.utime("wl_again.py", (1_000_000_000, 1_000_000_000))
        assert load_workload("wl_again.py").name == name


def test_one_workload_under_two_names_is_one() -> None:
    write("wl_alias.py", GOOD + "default = mixed\n")
    assert load_workload("wl_alias.py").name in ("mixed", "default")


BROKEN = [
    ("a missing file", None, "wl_goood.py:mixed", "there is no such file", "wl_goood.py", "did you mean wl_good.py?"),
    ("a folder", None, "sub", "this is a folder", "sub", "clinic.py"),
    ("no file at all", None, "sub/x.py", "there is no such file", "sub/x.py", "give the path"),
    ("nothing", None, "", "names no workload", "", "FILE.py:WORKLOAD"),
    ("a colon without name", None, "wl_good.py:", "names no workload", "", "FILE.py:WORKLOAD"),
    ("a module that is not there", None, "no_such.module:mixed", "no module named 'no_such.module'", "", "FILE.py:WORKLOAD"),
    ("a workload that is not there", GOOD, "wl_x.py:mixd", "no workload named 'mixd'", "wl_x.py", "did you mean mixed?"),
    ("a scenario", GOOD, "wl_x.py:dashboard", "dashboard is a scenario", "wl_x.py", "workload(dashboard, constant_vus"),
    ("a function", GOOD, "wl_x.py:ready", "ready is a function", "wl_x.py", "mixed"),
    ("no workloads", "x = 1", "wl_x.py", "there is no workload", "wl_x.py", "make one"),
    ("no workloads, one named", "x = 1", "wl_x.py:mixed", "no workload named 'mixed'", "wl_x.py", "there are none"),
    ("several workloads", GOOD + "more = workload(dashboard, constant_vus(2, 1))", "wl_x.py", "mixed, more", "wl_x.py", "wl_x.py:mixed"),
    ("a syntax error", "x = 1\nif x\n    y = 2\n", "wl_x.py", "expected ':'\n    if x\n        ^", "wl_x.py:2", "repair"),
    ("a wrong indentation", "x = 1\n  y = 2\n", "wl_x.py", "unexpected indent", "wl_x.py:2", "repair"),
    ("a missing import", "\nimport no_such_package\n", "wl_x.py", "No module named 'no_such_package'", "wl_x.py:2", "install it"),
    ("an exception", "def f():\n    return 1 / 0\n\nf()\n", "wl_x.py", "ZeroDivisionError: division by zero", "wl_x.py:2", "--debug"),
    ("an exit", "import sys\nsys.exit(3)\n", "wl_x.py", "SystemExit: 3", "wl_x.py:2", "--debug"),
    (
        "a wrong call",
        "from tenantry import constant_vus\nconstant_vus('5m')\n",
        "wl_x.py",
        "TypeError: constant_vus()",
        "wl_x.py:2",
        "--debug",
    ),
]


@pytest.mark.parametrize(("text", "spec", "message", "where", "hint"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_file_that_does_not_serve_is_told_as_one_message(text: str | None, spec: str, message: str, where: str, hint: str) -> None:
    write("wl_good.py", GOOD)
    Path("sub").mkdir()
    if text is not None:
        write("wl_x.py", text)
    wrong = fault(spec)
    assert message in wrong.what
    assert wrong.where == where
    assert hint in wrong.hint


def test_a_fault_in_a_neighbour_is_told_at_the_neighbours_line() -> None:
    write("wl_bad_neighbour.py", "x = 1\nraise RuntimeError('not today')\n")
    write("wl_uses.py", "\n\nimport wl_bad_neighbour\n")
    wrong = fault("wl_uses.py")
    assert (wrong.where, wrong.what) == ("wl_bad_neighbour.py:2", "the file cannot be imported: RuntimeError: not today")


def test_an_import_that_failed_leaves_no_half_module() -> None:
    write("wl_half.py", "raise RuntimeError\n")
    fault("wl_half.py")
    assert "wl_half" not in sys.modules


def test_two_setup_functions_are_a_fault_of_the_workload() -> None:
    write("wl_two.py", GOOD + "@setup\nasync def also(vu): ...\n@teardown\ndef blunt(vu): ...\n")
    with pytest.raises(UsageError) as caught:
        load_workload("wl_two.py").plan(target="http://127.0.0.1:1")
    assert "there are two setup functions" in caught.value.what
    assert "the teardown blunt is not async" in caught.value.what
