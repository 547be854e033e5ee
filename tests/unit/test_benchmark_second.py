"""The second app's loads are shares of what it manages on the machine, which is measured once for each scene."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.second_app.faults")


@pytest.mark.parametrize(
    ("share", "most", "managed", "rate"),
    [
        (0.3, float("inf"), 1147, "340/s"),
        (0.3, float("inf"), 36.7, "11/s"),
        (0.15, float("inf"), 12.1, "1.8/s"),
        (0.3, 25, 1147, "25/s"),
        (0.3, 25, 40, "12/s"),
    ],
)
def test_a_rate_is_a_share_of_what_the_depot_manages(second: ModuleType, share: float, most: float, managed: float, rate: str) -> None:
    assert second.rate(second.Show("mixed", share, most=most), managed) == rate


def test_what_the_depot_manages_is_measured_once_for_each_scene_and_kept(
    second: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, float]] = []

    def managed(depot: Any, shown: Any) -> float:
        measured.append((shown.workload, shown.distance_ms))
        return 100.0

    monkeypatch.setattr(second, "managed", managed)
    for _ in range(2):
        rates = second.Rates(None, tmp_path / "managed.json")
        asked = [rates.of(second.Show("mixed", share, distance_ms=distance)) for share, distance in ((0.3, 0), (0.5, 0), (0.3, 5))]
        assert asked == ["30/s", "50/s", "30/s"]
    assert measured == [("mixed", 0), ("mixed", 5)]
