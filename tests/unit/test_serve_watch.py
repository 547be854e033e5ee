"""What the live page says, against what the results say of the same run folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from runfolder import clinic_run

from tenantry.results import open_run
from tenantry.serve import watch
from tenantry.serve.watch import Watch


def test_a_watch_says_what_the_results_say(tmp_path: Path) -> None:
    folder = clinic_run(20, 50).write(tmp_path / "run")
    moment = Watch(folder).look()
    with open_run(folder) as run:
        times, ran = run.timeline, run.all_iterations
    inside = slice(0, 20)
    assert moment.elapsed_s == 20
    assert moment.columns["requests"] == times.requests[inside] and moment.columns["failures"] == times.failures[inside]
    assert moment.columns["started"] == times.started[inside] and moment.columns["due"] == times.offered[inside]
    for name in ("p50", "p95", "p99"):
        assert moment.columns[name] == [pytest.approx(value, abs=1e-6) for value in getattr(times, f"response_{name}")[inside]]
    known = [value or 0 for value in times.requests[inside]]
    assert moment.totals["requests"] == sum(known) and moment.recent["requests"] == sum(known[-5:]) / 5
    assert (moment.totals["due"], moment.totals["dropped"]) == (ran.due, ran.dropped)


def test_each_file_is_read_once_however_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_FRESH_S", -1.0)
    whole, growing = clinic_run(12, 50).write(tmp_path / "whole"), tmp_path / "growing"
    files = sorted(path.relative_to(whole) for path in whole.rglob("*.parquet"))
    looker = Watch(growing)
    for part in (files[::3], files[1::3], files[2::3]):
        for path in part:
            (growing / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(whole / path, growing / path)
        looker.look()
    assert looker.look() == Watch(whole).look()


def test_seconds_that_are_shown_no_more_still_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = clinic_run(20, 50).write(tmp_path / "run")
    expected = Watch(folder).look()
    monkeypatch.setattr(watch, "SHOWN_S", 6)
    monkeypatch.setattr(watch, "_LATE_S", 2)
    moment = Watch(folder).look()
    assert moment.totals == expected.totals and moment.recent == expected.recent
    assert moment.columns["p95"] == expected.columns["p95"][-6:]


def test_a_damaged_file_is_left_out_and_a_folder_without_files_is_at_its_start(tmp_path: Path) -> None:
    folder = clinic_run(8, 50).write(tmp_path / "run")
    complete = Watch(folder).look().totals["requests"]
    min((folder / "series").glob("http-*")).write_bytes(b"torn")
    assert 0 < Watch(folder).look().totals["requests"] < complete
    (tmp_path / "new").mkdir()
    moment = Watch(tmp_path / "new").look()
    assert (moment.elapsed_s, moment.totals["requests"], moment.times["p95"]) == (0, 0, None)
