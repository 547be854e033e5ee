"""`tenantry runs prune`: old runs go, and nothing else ever does."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from runfolder import RunFolder

from tenantry.cli.runs import command as runs
from tenantry.compare import baselines
from tenantry.errors import UsageError
from tenantry.results.prune import candidates
from tenantry.results.running import mark_running

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five runs, one each 30 days, the newest of yesterday; between them what is no run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENANTRY_RUNS", raising=False)
    place = tmp_path / "runs"
    for number in range(5):
        began = NOW - timedelta(days=1 + 30 * number)
        run = RunFolder(elapsed_s=1.0, manifest={"started_at": began.isoformat()})
        run.write(place / f"{began:%Y%m%dT%H%M%SZ}-{'abcde'[number]}")
    (place / "notes").mkdir()
    (place / "notes" / "precious.txt").write_text("ours")
    return place


def going(place: Path, **what: Any) -> list[str]:
    found = candidates(place, baselines.read(place), keep=what.get("keep"), older=what.get("older"), now=NOW)
    return [one.folder.name[-1] for one in found if not one.why]


def kept(place: Path, **what: Any) -> dict[str, str]:
    found = candidates(place, baselines.read(place), keep=what.get("keep"), older=what.get("older"), now=NOW)
    return {one.folder.name[-1]: one.why for one in found if one.why}


def named(place: Path, letter: str) -> Path:
    (found,) = place.glob(f"*-{letter}")
    return found


@pytest.mark.parametrize(
    ("keep", "days", "gone"),
    [(3, None, "ed"), (None, 90, "ed"), (1, 90, "ed"), (4, 30, "e"), (0, None, "edcba"), (5, 0, ""), (None, 200, "")],
)
def test_a_run_goes_when_it_is_beyond_the_newest_and_old_enough(stored: Path, keep: int | None, days: int | None, gone: str) -> None:
    assert "".join(going(stored, keep=keep, older=None if days is None else timedelta(days=days))) == gone


def test_a_baseline_stays_and_says_which_it_is(stored: Path) -> None:
    (stored / "baselines.json").write_text(json.dumps({"main": named(stored, "e").name, "release": named(stored, "d").name, "gone": "x"}))
    assert going(stored, keep=2) == ["c"]
    assert kept(stored, keep=2) == {"e": "is the baseline main", "d": "is the baseline release"}


@pytest.mark.parametrize("text", ["{", "[]", '{"main": 1}'])
def test_nothing_goes_while_it_is_unknown_which_runs_are_baselines(stored: Path, text: str) -> None:
    (stored / "baselines.json").write_text(text)
    with pytest.raises(UsageError, match="is damaged") as caught:
        going(stored, keep=0)
    assert "baselines" in caught.value.hint


def test_a_run_that_goes_on_or_cannot_be_read_stays(stored: Path) -> None:
    mark = mark_running(named(stored, "e"))
    (named(stored, "d") / "run.json").write_text("{")
    assert going(stored, keep=2) == ["c"]
    assert kept(stored, keep=2)["e"] == "goes on"
    assert kept(stored, keep=2)["d"].startswith("is unreadable")
    os.close(mark)
    assert going(stored, keep=2) == ["e", "c"]


def test_links_and_folders_without_a_manifest_are_never_looked_at(stored: Path, tmp_path: Path) -> None:
    outside = RunFolder(elapsed_s=1.0).write(tmp_path / "outside")
    (stored / "20200101T000000Z-link").symlink_to(outside)
    call("--keep", "0", "--yes")
    assert sorted(path.name for path in stored.iterdir()) == ["20200101T000000Z-link", "notes"]
    assert (stored / "notes" / "precious.txt").read_text() == "ours"
    assert (outside / "run.json").exists()


def test_the_name_of_the_folder_tells_the_age_of_a_run_that_never_began(stored: Path) -> None:
    folder = named(stored, "e")
    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(manifest | {"started_at": None}))
    assert going(stored, older=timedelta(days=100)) == ["e"]
    folder.rename(folder.with_name("renamed-e"))
    assert kept(stored, older=timedelta(days=100)) == {"e": "does not say when it began"}


def call(*arguments: str) -> Any:
    result = CliRunner().invoke(runs, ["prune", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def test_without_yes_it_only_tells_what_would_go_and_how_many_bytes(stored: Path) -> None:
    size = sum(path.stat().st_size for letter in "ed" for path in named(stored, letter).rglob("*") if path.is_file())
    before = sorted(path.name for path in stored.iterdir())
    told = json.loads(call("--keep", "3", "--json").stdout)
    assert (told["dry_run"], told["bytes"], [run["folder"][-1] for run in told["runs"]]) == (True, size, ["e", "d"])
    assert "2 runs" in (text := call("--keep", "3").stdout) and "nothing was changed" in text
    assert sorted(path.name for path in stored.iterdir()) == before
    assert json.loads(call("--keep", "3", "--json", "--yes").stdout) == told | {"dry_run": False}
    assert sorted(path.name[-1] for path in stored.glob("2*")) == ["a", "b", "c"]


def test_it_has_to_be_said_which_runs_may_go(stored: Path) -> None:
    with pytest.raises(UsageError, match="it is not said which runs may go"):
        call("--yes")
    with pytest.raises(UsageError, match="--older 'soon' is not understood"):
        call("--older", "soon")
    assert call("--older", f"{'9' * 30}d").stdout == "0 runs, 0 B would be removed\n"
