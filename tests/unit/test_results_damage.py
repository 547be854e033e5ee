"""Run folders that are incomplete, damaged, or none at all."""

import json
import shutil
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest
from runfolder import SECOND, Reading, Request, RunFolder, clinic_run

from tenantry.errors import EnvironmentFault, UsageError
from tenantry.report.document import document
from tenantry.results import open_run
from tenantry.results.tables import Tables


def test_a_run_without_any_data_file_is_empty_not_broken(tmp_path: Path) -> None:
    with open_run(RunFolder(elapsed_s=3.0).write(tmp_path)) as run:
        assert run.totals.requests == 0
        assert run.totals.response_time_s is None
        assert (run.series, run.checks, run.failures, run.errors, run.events) == ([], [], [], [], [])
        assert run.timeline.requests == [0, 0, 0]
        assert run.tenants.p95_ratio is None
        assert (run.generator.busy_share, run.generator.cpu_s, run.generator.rss_bytes) == (None, None, None)
        assert run.warnings == []


def test_a_manifest_alone_is_enough_to_open(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"schema": 1}')
    with open_run(tmp_path) as run:
        told = document(run)
    assert (told["verdict"], told["about"]["duration_s"], told["timeline"]["second"]) == ("no_data", 0.0, [])


def test_of_a_killed_run_the_seconds_count_that_were_written_in_full(tmp_path: Path) -> None:
    raw = clinic_run(7)
    raw.elapsed_s, raw.end = None, None
    raw.readings = [reading for reading in raw.readings if reading.second < 5]
    seen = [request for request in raw.requests if request.end_ns < 5 * SECOND]
    with open_run(raw.write(tmp_path)) as run:
        assert run.duration_s == 5
        assert run.totals.requests == len(seen) < len(raw.requests)
        assert run.totals.throughput == sum(not request.kind for request in seen) / 5
        assert run.totals.started_rate == sum(one.intended_ns < 5 * SECOND and one.outcome != "dropped" for one in raw.iterations) / 5
        assert run.count("requests", (), 0, None) == len(seen)


def test_the_tenants_of_a_killed_run_are_ranked_whatever_their_numbers(tmp_path: Path) -> None:
    raw = clinic_run(7, rate=400)
    with open_run(raw.write(tmp_path / "ended")) as run:
        truth = run.tenants
    raw.elapsed_s, raw.end = None, None
    with open_run(raw.write(tmp_path / "killed")) as run:
        assert (run.tables.whole_seconds() or 0) < max(one.tenant for one in truth.worst)
        assert run.tenants == truth


def test_a_killed_run_without_readings_of_the_generator_lasts_as_long_as_its_data(tmp_path: Path) -> None:
    raw = RunFolder(requests=[Request(0, 0, 3 * SECOND)], elapsed_s=None, end=None)
    with open_run(raw.write(tmp_path)) as run:
        assert (run.duration_s, run.totals.requests) == (4, 1)


def test_of_several_processes_that_were_killed_the_seconds_count_that_all_had_written(tmp_path: Path) -> None:
    raw = [RunFolder(readings=[Reading(second) for second in range(n)], elapsed_s=None, end=None) for n in (5, 3)]
    for process in raw:
        process.requests = [Request(second * SECOND, second * SECOND, second * SECOND + 1000) for second in range(6)]
    folder = raw[0].write(tmp_path / "run")
    shutil.copytree(raw[1].write(tmp_path / "second"), folder / "process-1")
    with open_run(folder) as run:
        assert (run.duration_s, run.totals.requests) == (3, 6)


def test_half_written_files_are_not_read(tmp_path: Path) -> None:
    folder = RunFolder(requests=[Request(0, 0, 1000)]).write(tmp_path)
    (folder / "series" / "http-000099.part").write_bytes(b"PAR1 and then the power went")
    (folder / "tenants.part").write_bytes(b"PAR1")
    with open_run(folder) as run:
        assert run.totals.requests == 1
        assert run.tenants.seen == 0
        assert run.warnings == []


@pytest.mark.parametrize("keep", [0, 4, 300], ids=["empty", "only the magic bytes", "cut in the middle"])
def test_a_damaged_file_is_named_and_the_rest_is_read(tmp_path: Path, keep: int) -> None:
    requests = [Request(second * SECOND, second * SECOND, second * SECOND + 1000) for second in range(0, 9, 3)]
    folder = RunFolder(requests=requests).write(tmp_path)
    victim = sorted((folder / "series").glob("http-*.parquet"))[1]
    victim.write_bytes(victim.read_bytes()[:keep])
    with open_run(folder) as run:
        assert run.totals.requests == 2
        assert len(run.warnings) == 1
        assert victim.name in run.warnings[0]
        assert document(run)["warnings"] == run.warnings


def test_garbled_pages_inside_a_file_are_found_as_well(tmp_path: Path) -> None:
    folder = clinic_run(3).write(tmp_path)
    victim = sorted((folder / "series").glob("http-*.parquet"))[0]
    content = bytearray(victim.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    victim.write_bytes(content)
    with open_run(folder) as run:
        assert run.totals.requests > 0
        assert [victim.name in warning for warning in run.warnings] == [True]


def test_a_damaged_list_of_script_errors_is_a_warning(tmp_path: Path) -> None:
    folder = RunFolder().write(tmp_path)
    (folder / "errors.json").write_text("[{")
    with open_run(folder) as run:
        assert run.errors == []
        assert "errors.json" in run.warnings[0]


def test_too_little_memory_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "a file, not a folder"
    nowhere.write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(nowhere))
    monkeypatch.setattr("tenantry.results.tables._MEMORY", "1MB")
    with open_run(clinic_run(30, rate=200).write(tmp_path / "run")) as run, pytest.raises(EnvironmentFault, match="larger than the memory"):
        run.totals  # noqa: B018


def test_counts_beyond_any_load_are_damage(tmp_path: Path) -> None:
    folder = clinic_run(3).write(tmp_path / "run")
    file = sorted(folder.glob("series/http-*.parquet"))[0]
    read = f"SELECT * REPLACE (list_transform(response_counts, lambda n: 1_000_000_000_000) AS response_counts) FROM '{file}'"
    duckdb.sql(f"COPY ({read}) TO '{tmp_path}/absurd.parquet'")
    shutil.move(tmp_path / "absurd.parquet", file)
    with open_run(folder) as run:
        assert run.totals.response_time_s and 0 < run.totals.response_time_s.n < run.totals.requests
        assert [warning for warning in run.warnings if f"{file.name} is damaged" in warning and "counts 1000000000000" in warning]


def test_requests_before_the_load_are_not_part_of_it(tmp_path: Path) -> None:
    requests = [Request(-SECOND, -SECOND, -SECOND // 2), Request(0, 0, 1000)]
    with open_run(RunFolder(requests=requests).write(tmp_path)) as run:
        assert run.totals.requests == 1


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        open_run(tmp_path / "nowhere")


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        open_run(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": "one"}', '{"name": "no schema"}', '{"schema": 1, "plan": 3}'])
def test_a_damaged_manifest_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match="damaged"):
        open_run(tmp_path)


def test_a_run_of_a_newer_schema_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": 2, "name": ["of another shape"]}))
    with pytest.raises(UsageError, match="newer tenantry") as caught:
        open_run(tmp_path)
    assert "upgrade" in caught.value.hint


def test_ctrl_c_in_the_middle_of_a_query_is_an_interrupt_and_no_fault(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.connection = Mock(**{"execute.side_effect": RuntimeError("Query interrupted")})
    with pytest.raises(KeyboardInterrupt):
        tables.rows("SELECT 1", of=())
