"""The manifest of a run while it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runfolder import RunFolder as Stored
from test_overrides import RATE, plan

from tenantry import folder
from tenantry.folder import RunFolder
from tenantry.results import open_run
from tenantry.verdict import judge


def test_on_a_full_disk_the_verdict_is_stored_and_the_grades_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_run(Stored(elapsed_s=2.0).write(tmp_path / "empty")) as run:
        verdict = judge(run).changed(reason="x" * 800)
    made = RunFolder.create(tmp_path / "runs", plan(a=RATE), population=None, command=["tenantry"])
    before = (made.path / "run.json").stat().st_size

    def no_room(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_whole", no_room)
    with pytest.raises(OSError, match="No space left"):
        made.finish("finished", elapsed_ns=1, verdict=verdict, grades={"figures": "x" * 20_000})
    stored = json.loads((made.path / "run.json").read_text())
    assert (stored["verdict"]["reason"], stored["grades"]) == ("x" * 800, None)
    assert (made.path / "run.json").stat().st_size <= before


def test_the_manifest_is_json_before_and_after_its_end(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "runs", plan(a=RATE), population=None, command=["tenantry"])
    assert json.loads((made.path / "run.json").read_text())["grades"] is None
    made.finish("finished", elapsed_ns=1, grades={"grade": "good"})
    assert json.loads((made.path / "run.json").read_text())["grades"] == {"grade": "good"}
