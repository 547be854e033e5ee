"""What several processes wrote, each with its own chunks and differences, merges to what one sorted list of all their samples says."""

import math
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfolder import SECOND, Request, RunFolder

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
    """One run folder with the chunks of all processes, numbered apart."""
    whole = RunFolder(elapsed_s=4.0).write(folder / "run")
    for process, requests in enumerate(made):
        own = RunFolder(requests=requests).write(folder / str(process))
        for file in own.glob("series/*.parquet"):
            table, number = file.stem.rsplit("-", 1)
            shutil.copy(file, whole / "series" / f"{table}-{process * 100_000 + int(number):06}.parquet")
    return whole


def python_merge(run: Run, name: str) -> Distribution:
    """All rows of a name added up one by one."""
    counts, sum_ns, max_ns = Counts(), 0, 0
    columns = "response_buckets, response_counts, response_sum_ns, response_max_ns"
    for buckets, numbers, row_sum, row_max in run.tables.rows(f"SELECT {columns} FROM http WHERE name = ?", [name], of=("http",)):
        counts.add(buckets, numbers)
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
