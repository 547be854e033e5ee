"""The run in slices: what a page works its tables out of, against the raw samples and against DuckDB over all samples of the folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from runfolder import SECOND, Request, RunFolder, clinic_run

from tenantry.results import Run, open_run
from tenantry.results.heat import lowest_us, row_of
from tenantry.results.slices import HALF, Line, highest_us
from tenantry.results.stored import everything

PARTS = [(0, 20), (3, 4), (5, 12)]


@pytest.fixture(scope="module")
def raw() -> RunFolder:
    raw = clinic_run(20)
    raw.keeps_all = True
    return raw


@pytest.fixture(scope="module")
def run(raw: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with open_run(raw.write(tmp_path_factory.mktemp("slices"))) as run:
        yield run


def line(run: Run, *key: str) -> Line:
    return next(line for line in run.slices.lines if line.key == key)


def merged(cells: list[list[int]]) -> Counter[int]:
    """Histograms of slices added up, as the page's script does it."""
    found: Counter[int] = Counter()
    for cell in cells:
        bucket = 0
        for distance, count in zip(cell[::2], cell[1::2], strict=True):
            bucket += distance
            found[bucket] += count
    return found


def quantile_us(counts: Counter[int], q: float) -> int:
    wanted, seen = -(-q * sum(counts.values()) // 1), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return highest_us(bucket)
    raise AssertionError


def coarse_of(us: int) -> int:
    """The bucket of a slice's histogram that holds `us` microseconds."""
    shift = max(us.bit_length() - HALF.bit_length(), 0)
    return shift * HALF + (us >> shift)


@pytest.mark.parametrize("us", [0, 1, 63, 64, 65, 2047, 2048, 2049, 5000, 123_456, 599_999_999])
def test_coarse_buckets_hold_whole_fine_ones_and_are_at_most_a_32nd_wide(us: int, tmp_path: Path) -> None:
    one = RunFolder(requests=[Request(0, 0, us * 1000)], elapsed_s=us // 1_000_000 + 1.0)
    with open_run(one.write(tmp_path / "run")) as run:
        ((_, merged),) = run.tables.merged("http", "response", everything).items()
    assert merged.coarse() == [(coarse_of(us), 1)]
    assert us <= highest_us(coarse_of(us)) <= us * 33 / 32 + 1


@pytest.mark.parametrize(("start", "end"), PARTS)
def test_counts_of_a_part_are_those_of_its_samples(raw: RunFolder, run: Run, start: int, end: int) -> None:
    inside = [one for one in raw.requests if start <= one.end_ns // SECOND < end]
    for key, wanted in (
        (("all",), inside),
        (("scenario", "booking"), [one for one in inside if one.scenario == "booking"]),
        (("group", "booking", "booking"), [one for one in inside if one.group == "booking"]),
        (("series", "search", "", "GET /api/search"), [one for one in inside if one.name == "GET /api/search"]),
    ):
        counts = line(run, *key).counts
        assert sum(counts["requests"][start:end]) == len(wanted)
        assert sum(counts["failures"][start:end]) == sum(bool(one.kind) for one in wanted)


@pytest.mark.parametrize(("start", "end"), PARTS)
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_percentiles_of_a_part_agree_with_duckdb_over_the_samples_within_a_bucket(run: Run, start: int, end: int, q: float) -> None:
    files = str(run.folder / "samples" / "*.parquet")
    for name, begin in (("response", "intended_start_ns"), ("service", "start_ns")):
        sql = f"""SELECT quantile_disc((end_ns - {begin}) // 1000, {q}) FROM read_parquet(?)
                  WHERE end_ns // 1000000000 >= ? AND end_ns // 1000000000 < ? AND name = 'GET /api/dashboard'"""
        ((truth,),) = duckdb.execute(sql, [files, start, end]).fetchall()
        times = line(run, "series", "dashboard", "", "GET /api/dashboard").times
        counts = merged(times["response"][start:end])
        if name == "service":
            counts.update(merged(times["service"][start:end]))
        assert truth <= quantile_us(counts, q) <= truth * 33 / 32 + 1


def test_failures_checks_iterations_and_statuses_have_lines_that_add_up(run: Run) -> None:
    for failure in run.failures:
        assert sum(line(run, "failure", failure.name, failure.scenario, failure.kind).counts["count"]) == failure.count
    for check in run.checks:
        assert sum(line(run, "check", check.scenario, check.name).counts["fails"]) == check.fails
    for name, counts in run.iterations.items():
        assert name == "" or sum(line(run, "iterations", name).counts["started"]) == counts.started
    for status in run.statuses:
        key = ("status", str(status.status), "failed" if status.failed else "fine")
        assert sum(line(run, *key).counts["requests"]) == pytest.approx(status.requests, abs=run.slices.count)


def test_the_metrics_of_scripts_are_read_once_for_a_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    with open_run(run.folder) as again:
        rows = again.tables.rows

        def counted(sql: str, *more: Any, of: tuple[str, ...]) -> list[Any]:
            read.extend(of)
            return rows(sql, *more, of=of)

        monkeypatch.setattr(again.tables, "rows", counted)
        assert again.metrics == run.metrics
        assert again.slices == run.slices
    assert read.count("custom") == 1


def test_a_long_run_of_many_names_keeps_its_slices_few(tmp_path: Path) -> None:
    raw = RunFolder(elapsed_s=86_400.0)
    starts = [at // 500 * 8_000 * SECOND for at in range(5000)]
    raw.requests = [Request(start, start, start + 1_000_000, name=f"GET /{at}") for at, start in enumerate(starts)]
    with open_run(raw.write(tmp_path)) as run:
        assert run.slices.count <= 60
        assert sum(one.key[0] == "series" for one in run.slices.lines) == 200
        assert sum(line(run, "all").counts["requests"]) == 5000
        assert len(run.heat.columns) <= 180


def test_the_heatmap_counts_every_request_in_its_field(raw: RunFolder, run: Run) -> None:
    truth: dict[int, Counter[int]] = {}
    for one in raw.requests:
        truth.setdefault(one.end_ns // SECOND, Counter())[row_of(highest_us(coarse_of(one.response_ns // 1000)))] += 1
    assert {at: Counter(dict(column)) for at, column in enumerate(run.heat.columns) if column} == truth
    assert all(lowest_us(row_of(us)) <= us < lowest_us(row_of(us) + 1) for us in (0, 1, 15, 16, 17, 1000, 65_535, 10**8))


def test_statuses_add_up_to_the_requests(raw: RunFolder, run: Run) -> None:
    truth = Counter((one.status, bool(one.kind)) for one in raw.requests)
    assert {(one.status, one.failed): one.requests for one in run.statuses} == truth
    assert not any(one.estimated for one in run.statuses)


def test_the_slowest_requests_are_the_slowest_with_their_trace_ids(raw: RunFolder, run: Run) -> None:
    truth = sorted((one.response_ns for one in raw.requests), reverse=True)
    assert [round(one.response_s * 1e9) for one in run.slowest[:100]] == truth[:100]
    assert all(len(one.trace_id) == 32 for one in run.slowest)


def test_failures_tell_the_first_the_last_and_an_exchange(raw: RunFolder, run: Run) -> None:
    for failure in run.failures:
        seconds = [one.end_ns // SECOND for one in raw.requests if (one.name, one.kind) == (failure.name, failure.kind)]
        assert (failure.first_second, failure.last_second) == (min(seconds), max(seconds))
        assert failure.request.startswith(failure.name)


def test_a_folder_of_before_there_were_trace_ids_still_reads(raw: RunFolder, tmp_path: Path) -> None:
    folder = raw.write(tmp_path)
    for file in (folder / "samples").glob("*.parquet"):
        older = f"SELECT * EXCLUDE (trace_id, request, response) FROM read_parquet('{file}')"
        duckdb.execute(f"COPY ({older}) TO '{file}.new' (FORMAT parquet)")
        file.with_name(f"{file.name}.new").replace(file)
    with open_run(folder) as run:
        assert {one.trace_id for one in run.slowest} == {""}
        assert {one.request for one in run.failures} == {""}
        assert run.warnings == []


def test_fairness_is_jains_index() -> None:
    from tenantry.results.side import fairness

    assert fairness([3.0, 3.0, 3.0]) == pytest.approx(1)
    assert fairness([1.0, 0.0, 0.0, 0.0]) == pytest.approx(1 / 4)
    assert fairness([1.0, 2.0, 3.0]) == pytest.approx(36 / 42)
    assert fairness([1.0]) is None
