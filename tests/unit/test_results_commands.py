"""`tenantry report` and `tenantry runs` on folders that were written before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from runfolder import RunFolder, clinic_run

from tenantry.cli.report import command as report
from tenantry.cli.runs import command as runs
from tenantry.errors import UsageError
from tenantry.report.document import document
from tenantry.results import open_run
from tenantry.results.folders import find_run
from tenantry.results.running import mark_running

OLD, NEW = "20260105T080000Z-clinic", "20260106T080000Z-clinic"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two runs, of which the newer one was killed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENANTRY_RUNS", raising=False)
    first, second = clinic_run(3), clinic_run(2)
    first.manifest = {"verdict": {"verdict": "pass", "reason": "fine", "exit": 0}}
    second.elapsed_s = second.end = None
    first.write(tmp_path / "runs" / OLD)
    second.write(tmp_path / "runs" / NEW)
    return tmp_path / "runs"


def call(command: object, *arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)  # type: ignore[arg-type]
    if result.exception is not None:
        raise result.exception
    return result


def test_report_writes_the_page_into_the_folder_and_prints_its_path(stored: Path) -> None:
    page = Path(call(report, OLD).stdout.strip())
    assert page == Path("runs") / OLD / "report.html"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_report_as_json_is_the_document_of_the_folder(stored: Path) -> None:
    told = json.loads(call(report, str(stored / OLD), "--format", "json").stdout)
    with open_run(stored / OLD) as run:
        assert told == json.loads(json.dumps(document(run)))


def test_a_killed_run_can_still_be_reported(stored: Path) -> None:
    assert "INTERRUPTED" in call(report, "latest", "--format", "text").stdout.upper()
    assert (stored / NEW / "report.html").exists() is False
    call(report, "latest")
    assert (stored / NEW / "report.html").exists()


def test_a_report_needs_nothing_but_the_folder(stored: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    (stored / OLD).rename(moved)
    assert json.loads(call(report, str(moved), "--format", "json").stdout)["totals"]["requests"] > 0


def test_damage_is_told_on_stderr(stored: Path) -> None:
    (stored / OLD / "series" / "http-000000.parquet").write_bytes(b"PAR1")
    result = call(report, OLD, "--format", "json")
    assert "http-000000.parquet" in result.stderr
    assert json.loads(result.stdout)["warnings"]


@pytest.mark.parametrize(("reference", "found"), [("latest", NEW), (OLD, OLD), ("0106", NEW), (f"runs/{OLD}", OLD)])
def test_a_run_is_found_by_folder_name_part_of_it_or_latest(stored: Path, reference: str, found: str) -> None:
    assert find_run(reference, Path("runs")).name == found


@pytest.mark.parametrize(
    ("reference", "says"),
    [("nowhere", "there is no run 'nowhere'"), ("clinic", "2 runs are named like 'clinic'")],
    ids=["unknown", "several"],
)
def test_an_unclear_run_is_a_usage_error_that_names_some(stored: Path, reference: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        find_run(reference, Path("runs"))
    assert NEW in caught.value.hint


def test_latest_of_nothing_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs yet"):
        find_run("latest", tmp_path / "runs")


def test_list_has_the_newest_first_with_verdicts(stored: Path) -> None:
    lines = call(runs, "list").stdout.splitlines()
    assert lines[1].startswith(NEW)
    assert "killed" in lines[1]
    assert lines[2].startswith(OLD)
    assert "pass" in lines[2]


def test_list_tells_a_run_that_goes_on_from_one_that_was_killed_and_a_part_from_a_whole(stored: Path) -> None:
    mark = mark_running(stored / NEW)
    assert "running" in call(runs, "list").stdout.splitlines()[1]
    assert [run["running"] for run in json.loads(call(runs, "list", "--json").stdout)["runs"]] == [True, False]
    with pytest.raises(UsageError, match="the run goes on, so it was left alone"):
        call(runs, "rm", "latest")
    assert (stored / NEW / "run.json").exists()
    os.close(mark)
    assert "killed" in call(runs, "list").stdout.splitlines()[1]
    manifest = json.loads((stored / OLD / "run.json").read_text())
    (stored / OLD / "run.json").write_text(json.dumps(manifest | {"end": "interrupted"}))
    assert "pass so far" in call(runs, "list").stdout.splitlines()[2]
    call(runs, "rm", "latest")
    assert not (stored / NEW).exists()


def test_list_as_json_tells_each_run(stored: Path) -> None:
    told = json.loads(call(runs, "list", "--json").stdout)["runs"]
    assert [(run["name"], run["verdict"], run["exit"]) for run in told] == [(NEW, None, None), (OLD, "pass", 0)]


def test_list_keeps_going_past_a_damaged_run(stored: Path) -> None:
    (stored / NEW / "run.json").write_text("{")
    lines = call(runs, "list").stdout.splitlines()
    assert "unreadable" in lines[1]
    assert "pass" in lines[2]


def test_list_of_nothing_says_so(stored: Path, tmp_path: Path) -> None:
    assert "no runs in" in call(runs, "list", "--runs", str(tmp_path / "empty")).stdout


def test_show_prints_the_summary_or_the_document(stored: Path) -> None:
    assert "PASS" in call(runs, "show", OLD).stdout
    assert json.loads(call(runs, "show", OLD, "--json").stdout)["verdict"] == "pass"


def test_rm_removes_the_named_runs_alone(stored: Path) -> None:
    assert json.loads(call(runs, "rm", NEW, "--json").stdout)["removed"] == [f"runs/{NEW}"]
    assert [path.name for path in stored.iterdir()] == [OLD]


def test_rm_refuses_what_is_not_a_run(stored: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    with pytest.raises(UsageError, match="left alone"):
        call(runs, "rm", str(precious))
    assert precious.is_dir()


def test_rm_names_a_wrong_run_before_anything_is_removed(stored: Path) -> None:
    with pytest.raises(UsageError):
        call(runs, "rm", OLD, "nowhere")
    assert (stored / OLD).is_dir()


def test_listing_runs_does_not_import_the_database(stored: Path) -> None:
    code = "import sys; from pathlib import Path; from tenantry.results.folders import list_runs"
    code += "; list_runs(Path('runs')); print('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_an_empty_run_makes_a_page_too(tmp_path: Path) -> None:
    folder = RunFolder(elapsed_s=1.0).write(tmp_path / "run")
    call(report, str(folder))
    assert (folder / "report.html").stat().st_size > 1000
