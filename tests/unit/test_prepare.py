"""Everything that can be wrong before the first request is told at once."""

import sys
from pathlib import Path

import pytest

from tenantry.errors import UnsafeTarget, UsageError, UsageErrors
from tenantry.prepare import prepare

FILE = """
from tenantry import Vu, constant_vus, mix, scenario, workload

@scenario
async def dashboard(vu: Vu) -> None: ...

good = workload(dashboard, constant_vus(1, "10s"), thresholds=["failures{scenario=dashboard} < 1% after 2s"])
bad = workload(mix({dashboard: -1}), constant_vus(0, "10s"), thresholds=["failurs < 1%", "failures{scenario=dashbord} < 1%"])
"""


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prepared.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_good_workload_comes_with_plan_and_thresholds() -> None:
    ready = prepare("prepared.py:good", target="http://127.0.0.1:8000/", overrides={"vus": "3"}, tenants=5)
    assert (ready.plan.name, ready.plan.target, ready.plan.max_vus) == ("good", "http://127.0.0.1:8000", 3)
    assert ready.thresholds[0].conditions[0].after_s == 2
    assert ready.workload.name == "good"


def test_all_faults_of_workload_overrides_thresholds_and_target_come_together() -> None:
    with pytest.raises(UsageErrors) as caught:
        prepare("prepared.py:bad", target="http://10.0.0.5", overrides={"colour": "red"})
    text = str(caught.value)
    for part in ("must be allowed by name", "weight of dashboard is -1", "vus is 0", "'failurs'", "'dashbord'", "'colour'"):
        assert part in text
    assert len(caught.value.faults) == 6
    assert "prepared.py:8" in text


def test_a_missing_target_is_a_fault() -> None:
    with pytest.raises(UsageError, match="there is no target"):
        prepare("prepared.py:good", target=None)


def test_a_window_that_an_override_made_too_long_is_a_fault() -> None:
    with pytest.raises(UsageError, match="needs 3 s of load, but there are 2 s"):
        prepare("prepared.py:good", target="http://127.0.0.1", overrides={"duration": "2s"})


def test_another_host_needs_to_be_allowed() -> None:
    with pytest.raises(UnsafeTarget):
        prepare("prepared.py:good", target="http://10.0.0.5")
    plan = prepare("prepared.py:good", target="http://10.0.0.5", allow=["10.0.0.5"]).plan
    assert (plan.target, plan.allow) == ("http://10.0.0.5", ("10.0.0.5",))
