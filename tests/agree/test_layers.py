"""Imports point one way: a module of layer n imports only from lower layers. The table is that of the architecture."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "python"

# The whole number is the layer of the architecture; the decimals order the modules within one.
LAYERS: dict[str, float] = {
    "errors": 0,
    "types": 0,
    "files": 0,
    "units": 0.1,
    "plan": 1,
    "metrics": 1.05,
    "datasets.columns": 1.1,
    "datasets.pools": 1.1,
    "datasets.spread": 1.15,
    "datasets.functions": 1.15,
    "datasets.times": 1.15,
    "datasets.spec": 1.2,
    "thresholds": 2,
    "scenario": 2.02,
    "tenants": 2,
    "grades": 2,
    "http": 2.05,
    "results": 2,
    "processes": 2,
    "revision": 2,
    "interrupts": 2,
    "postgres": 2.1,
    "safety": 2,
    "config": 2,
    "engine": 3,
    "prepare": 3,
    "quick": 3.01,
    "validity": 3,
    "verdict": 3.05,
    "grading": 3.06,
    "diagnose": 3.07,
    "datasets": 3.1,
    "feeders": 3.15,
    "driver": 3.2,
    "hooks": 3.25,
    "channel": 3.1,
    "folder": 3.3,
    "workers": 3.35,
    "drill": 3.35,
    "load": 3.36,
    "generators": 3.37,
    "generator": 3.37,
    "control": 3.38,
    "observe": 3.39,
    "conductor": 3.4,
    "compare": 3.5,
    "report": 4,
    "alerts": 4.1,
    "distributed": 4,
    "run": 5,
    "against": 5,
    "capacity": 5.1,
    "interleave": 5.1,
    "experiment": 5.15,
    "serve": 5.2,
    "cli": 6,
    "__main__": 7,
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def title(path: Path) -> str:
    """`tenantry.plan.plan` of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every imported module with its line, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield node.lineno, inner if is_module(inner) else str(node.module)


def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file() or any(path.parent.glob(f"{path.name}.*.so"))


def unit(name: str) -> str:
    """The entry of the table that a module belongs to; the longest one wins."""
    inner = name.removeprefix("tenantry").removeprefix(".")
    fitting = [entry for entry in LAYERS if inner == entry or inner.startswith(f"{entry}.")]
    return max(fitting, key=len, default="")


OWN = [path for path in modules("tenantry") if title(path) != "tenantry"]


@pytest.mark.parametrize("path", OWN, ids=[title(path) for path in OWN])
def test_a_module_imports_only_from_lower_layers(path: Path) -> None:
    own = unit(title(path))
    assert own, f"{title(path)} has no layer: add it to the table here and to the architecture"
    for line, name in imports(path):
        if name.split(".")[0] != "tenantry" or name in ("tenantry", "tenantry._core"):
            continue
        other = unit(name)
        assert other == own or LAYERS[other] < LAYERS[own], f"{path}:{line}: {own} ({LAYERS[own]}) imports {name} ({LAYERS.get(other)})"


@pytest.mark.parametrize("path", OWN, ids=[title(path) for path in OWN])
def test_no_module_imports_the_reference_app(path: Path) -> None:
    assert not [f"{path}:{line}" for line, name in imports(path) if name.split(".")[0] == "tenantry_clinic"]


def test_only_the_engine_and_the_reader_of_histograms_import_the_native_module() -> None:
    importers = {title(path) for path in modules("tenantry") if any(name.startswith("tenantry._core") for _, name in imports(path))}
    assert importers == {"tenantry.engine", "tenantry.results.stored"}


def test_the_package_itself_imports_nothing_of_its_own_when_it_is_loaded() -> None:
    tree = ast.parse((ROOT / "tenantry/__init__.py").read_text("utf-8"))
    own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tenantry")]
    assert not own
