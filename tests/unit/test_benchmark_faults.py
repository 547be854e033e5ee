"""`make bench-faults` judges figures as it says, and leaves the figures of other faults in the document."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.faults")


def proof(bench: ModuleType, name: str, *values: dict[str, float]) -> Any:
    """Of the figures before, with and after; what is not given is healthy."""
    runs = ({"p95": 10.0, "throughput": 50.0, "failed": 0.0} | given for given in values)
    moves = bench.faults.fault(name).shown.moves
    return bench.Proof(name, 1.0, "mixed 60/s", moves, *(bench.Figures(5.0, *run.values(), {}, {}) for run in runs))


@pytest.mark.parametrize(
    ("name", "before", "broken", "after", "moved", "back"),
    [
        ("missing_index", {}, {"p95": 13}, {}, True, True),
        ("missing_index", {}, {"p95": 12.9}, {}, False, False),
        ("missing_index", {}, {"p95": 30}, {"p95": 29}, True, False),
        ("deadlocks", {}, {"failed": 0.01}, {}, True, True),
        ("deadlocks", {}, {"failed": 0.009, "p95": 1000}, {}, False, False),
        ("deadlocks", {"failed": 0.1}, {"failed": 0.12}, {"failed": 0.1}, False, False),
        ("deadlocks", {}, {"failed": 0.5}, {"failed": 0.5}, True, False),
    ],
)
def test_an_indicator_moves_by_30_percent_and_is_back(
    bench: ModuleType, name: str, before: dict[str, float], broken: dict[str, float], after: dict[str, float], moved: bool, back: bool
) -> None:
    judged = proof(bench, name, before, broken, after)
    assert (judged.moved, judged.back, judged.holds) == (moved, back, moved and back)


def test_the_healthy_app_holds_when_nothing_moves(bench: ModuleType) -> None:
    assert proof(bench, "none", {}, {"p95": 12}, {}).holds
    assert not proof(bench, "none", {}, {"p95": 14}, {}).holds


def test_figures_of_other_faults_stay_in_the_document(bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "faults.md"
    page.write_text(bench.PAGE.read_text())
    monkeypatch.setattr(bench, "PAGE", page)
    bench.write_page([proof(bench, "bloat", {}, {"p95": 20}, {}), proof(bench, "none", {}, {}, {})])
    bench.write_page([proof(bench, "bloat", {}, {"p95": 77}, {})])
    figures = {line.split("`")[1]: line for line in page.read_text().splitlines() if line.startswith("| `") and "→" in line}
    assert "10.0 → 77.0" in figures["bloat"]
    assert "nothing moves" in figures["none"]
    assert page.read_text().count("| `bloat` |") == 2, "once in the list, once among the figures"
