"""What several processes wrote, each with its own chunks and differences, merges to what one sorted list of all their samples says."""

import math
import shutil
import tempfile
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfolder import SECOND, Iteration, Reading, Request, RunFolder

from tenantry.metrics.selector import exactly
from tenantry.results import Run, open_run
from tenantry.results.histogram import Counts, Distribution

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}

durations_ns = st.integers(0, 50_000) | st.integers(0, 10**9) | st.integers(0, 700 * 10**9)
samples = st.builds(
    lambda second, took, name, late: Request(second * SECOND, second * SECOND, second * SECOND + took, name=name, late=late),
    st.integers(0, 3),
    durations_ns,
    st.sampled_from(["GET /a", "GET /b"]),
    st.booleans(),
)
processes = st.lists(st.lists(samples, min_size=1, max_size=60), min_size=1, max_size=4)


def write(made: list[list[Request]], folder: Path) -> Path:
    """One run folder: the first process wrote into it, each of the others into a folder of its own inside."""
    whole = RunFolder(requests=made[0], elapsed_s=4.0).write(folder / "run")
    for process, requests in enumerate(made[1:], 1):
        own = RunFolder(requests=requests).write(folder / str(process))
        shutil.copytree(own, whole / f"process-{process}")
    return whole


def python_merge(run: Run, name: str) -> Distribution:
    """All rows of a name added up one by one."""
    counts, sum_ns, max_ns = Counts(), 0, 0
    columns = "response_buckets, response_counts, response_sum_ns, response_max_ns"
    files = str(run.folder / "**" / "http-*.parquet")
    for buckets, numbers, row_sum, row_max in duckdb.execute(
        f"SELECT {columns} FROM read_parquet(?) WHERE name = ?", [files, name]
    ).fetchall():
        counts.add(zip(buckets, numbers, strict=True))
        sum_ns, max_ns = sum_ns + row_sum, max(max_ns, row_max)
    return Distribution(counts, sum_ns=sum_ns, max_ns=max_ns)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(processes)
def test_the_database_a_plain_merge_and_the_sorted_samples_agree(made: list[list[Request]]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_run(write(made, Path(folder))) as run:
        everything = [request for requests in made for request in requests]
        assert run.totals.requests == len(everything)
        assert {series.name for series in run.series} == {request.name for request in everything}
        for series in run.series:
            values = sorted(request.response_ns for request in everything if request.name == series.name)
            plain, found = python_merge(run, series.name), series.response_time_s
            asked = run.trend("response_time", exactly({"name": series.name}), 0, None)
            assert found is not None and asked is not None
            assert found.n == plain.n == asked.n == len(values)
            assert found.max == plain.max == asked.max == values[-1] / 1e9
            assert math.isclose(found.avg, sum(values) / len(values) / 1e9) and found.avg == plain.avg == asked.avg
            in_words = {"p50": found.p50, "p90": found.p90, "p95": found.p95, "p99": found.p99, "p99.9": found.p999}
            for name, q in QUANTILES.items():
                assert in_words[name] == plain.quantile(q) == asked.quantile(q)
                exact = values[math.ceil(round(q * len(values), 9)) - 1]
                kept = min(exact, 600 * 10**9)
                assert exact == values[-1] or kept <= round(in_words[name] * 1e9) <= max(kept * 1.001, kept + 1000)


def test_what_two_processes_wrote_reads_as_if_one_had_written_all_of_it(tmp_path: Path) -> None:
    """Requests, tenants, failures, checks, iterations, virtual users, errors: everything but the generator itself."""
    halves = [half(process) for process in (0, 1)]
    whole = RunFolder(
        requests=[*halves[0].requests, *halves[1].requests],
        iterations=[*halves[0].iterations, *halves[1].iterations],
        checks=[*halves[0].checks, *halves[1].checks],
        vus=[(second, "visit", 5) for second in range(4)],
        elapsed_s=4.0,
        errors=[{"scenario": "visit", "message": "ValueError", "location": "a.py:1", "count": 5, "first_second": 1}],
    )
    apart = halves[0].write(tmp_path / "apart")
    shutil.copytree(halves[1].write(tmp_path / "second"), apart / "process-1")
    with open_run(whole.write(tmp_path / "whole")) as one, open_run(apart) as two:
        for part in ("totals", "series", "checks", "failures", "errors", "tenants", "timeline", "iterations", "metrics"):
            assert getattr(one, part) == getattr(two, part), part
        assert two.tenants.seen == 3 and two.totals.failures == 8 and max(value or 0 for value in two.timeline.vus) == 5
        assert one.schedule == two.schedule


def half(process: int) -> RunFolder:
    """What one of two processes saw: tenant 0 is common to both."""
    at = [second * SECOND + process * 1000 for second in range(4) for _ in range(15)]
    requests = [Request(ns, ns, ns + (n + 1) * 1_000_000, tenant=0 if n % 2 else process + 1) for n, ns in enumerate(at)]
    for request in requests[::15]:
        request.kind, request.status = "status", 500
    return RunFolder(
        requests=requests,
        iterations=[Iteration(ns, ns, ns + 2_000_000) for ns in at],
        checks=[(0, "visit", "is there", 3 + process, process)],
        vus=[(second, "visit", 2 + process) for second in range(4)],
        elapsed_s=4.0,
        errors=[{"scenario": "visit", "message": "ValueError", "location": "a.py:1", "count": 2 + process, "first_second": 2 - process}],
    )


def test_the_load_processes_are_told_apart_and_added_up(tmp_path: Path) -> None:
    """The busiest thread is that of one process; memory and CPU time are those of all."""
    readings = [
        [Reading(second, loop_busy=busy, io_busy=0.1, rss_bytes=50, process_cpu_s=0.5) for second in range(10)] for busy in (0.25, 0.75)
    ]
    folder = RunFolder(readings=readings[0]).write(tmp_path / "run")
    shutil.copytree(RunFolder(readings=readings[1]).write(tmp_path / "second"), folder / "process-1")
    with open_run(folder) as run:
        found = run.generator
    assert (found.busiest, found.busy_share) == ("scripts", 0.75)
    assert (found.rss_bytes, found.cpu_s) == (100, 10.0)


def test_processes_that_share_cores_are_busy_together(tmp_path: Path) -> None:
    """Two processes on two cores: each of them takes 0.92 s of CPU time a second, no thread more than 0.5 s."""
    readings = [Reading(second, loop_busy=0.5, io_busy=0.42, process_cpu_s=0.92, cores=2.0) for second in range(10)]
    folder = RunFolder(readings=readings).write(tmp_path / "run")
    shutil.copytree(RunFolder(readings=readings).write(tmp_path / "second"), folder / "process-1")
    with open_run(folder) as run:
        assert (run.generator.busiest, round(run.generator.busy_share or 0, 6)) == ("process", 0.92)
