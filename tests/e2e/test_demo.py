"""`tenantry demo` from end to end: what it prints against its own raw data, and that nothing of it is left however it ends."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from commandline import Done, Shell, one_message, small_files

EXITS = {"pass": 0, "fail": 10, "invalid": 12, "no_data": 15}
SUMMARY = ("p50", "p90", "p95", "p99", "p99.9", "avg", "max", "n", "insufficient", "interval")
STARTING, SEEDING, LOADING = "starting PostgreSQL", "schema: in", "loading it for"


@dataclass(frozen=True)
class Demo:
    """A demo that was carried out, and what it wrote."""

    shell: Shell
    done: Done
    told: dict[str, Any]
    left: list[str]

    @property
    def folder(self) -> Path:
        return self.shell.runs()[0]

    def rows(self, table: str, columns: str, clauses: str = "") -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            return connection.sql(f"select {columns} from '{self.folder}/series/{table}-*.parquet' {clauses}").fetchall()

    def histogram(self, name: str, where: str = "true") -> Counter[int]:
        """All counts by bucket, merged here."""
        merged: Counter[int] = Counter()
        for buckets, counts in self.rows("http", f"{name}_buckets, {name}_counts", f"where {where}"):
            merged.update(dict(zip(buckets, counts, strict=True)))
        return merged


def quantile_us(histogram: Counter[int], share: float) -> int:
    """The highest value of the bucket that holds rank ceil(share * n), by the layout of 3-digit HDR histograms in microseconds."""
    rank, seen = math.ceil(share * histogram.total()), 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            shift = max(bucket // 1024 - 1, 0)
            return bucket if bucket < 2048 else ((bucket % 1024 + 1024 + 1) << shift) - 1
    raise AssertionError("no values")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all tests that only look at it."""
    with Shell(tmp_path_factory.mktemp("demo")) as shell:
        done = shell.run("demo", "--tenants", "20", "--duration", "5s", "--json")
        yield Demo(shell, done, done.document, shell.traces())


def test_its_document_has_all_that_the_contract_names(demo: Demo) -> None:
    told = demo.told
    assert told.keys() >= {
        "schema",
        "run",
        "verdict",
        "reason",
        "exit",
        "totals",
        "series",
        "thresholds",
        "generator",
        "tenants",
        "findings",
    }
    assert told["schema"] == 1
    assert Path(told["run"]).resolve() == demo.folder.resolve()
    figures = {
        "requests",
        "failures",
        "offered_rate",
        "started_rate",
        "throughput",
        "dropped_iterations",
        "service_time_s",
        "response_time_s",
    }
    assert told["totals"].keys() >= figures
    for series in told["series"]:
        assert series.keys() >= figures | {"name", "scenario", "group"}
        assert tuple(series["response_time_s"]) == tuple(series["service_time_s"]) == SUMMARY
    assert told["generator"].keys() >= {"start_delay_s", "busy_share", "cpu_s", "rss_bytes"}


def test_its_exit_code_is_that_of_its_verdict(demo: Demo) -> None:
    assert demo.done.code == demo.told["exit"] == EXITS[demo.told["verdict"]]
    failed = [threshold for threshold in demo.told["thresholds"] if threshold["result"] != "pass"]
    assert (demo.told["verdict"] == "pass") <= (failed == [])
    assert len(demo.told["thresholds"]) == 4


def test_the_app_answered_correctly(demo: Demo) -> None:
    assert demo.told["totals"]["failures"] == 0, demo.told["failures"]
    assert demo.told["errors"] == []
    assert all(check["fails"] == 0 < check["passes"] for check in demo.told["checks"])
    assert {series["scenario"] for series in demo.told["series"]} >= {"dashboard", "appointments", "patients", "booking", "checkout"}
    assert demo.told["tenants"]["seen"] == demo.told["about"]["tenants"] == 20


def test_counts_and_rates_are_those_of_the_raw_rows(demo: Demo) -> None:
    ((requests, failures),) = demo.rows("http", "sum(requests), sum(failures)")
    ((due, started, dropped),) = demo.rows("iterations", "sum(due), sum(started), sum(dropped)")
    totals = demo.told["totals"]
    assert (totals["requests"], totals["failures"], totals["dropped_iterations"]) == (requests, failures, dropped)
    assert due == 400 == started + dropped, "80/s for 5 s"
    assert totals["offered_rate"] == pytest.approx(due / 5)
    assert totals["started_rate"] == pytest.approx(started / 5)
    ((good,),) = demo.rows("http", "sum(requests - failures)", "where second < 5")
    assert totals["throughput"] == pytest.approx(good / 5), "what ended after the load is not in a rate"
    rows = demo.rows("http", 'scenario, "group", name, sum(requests)', "group by all")
    per_series = {tuple(key): count for *key, count in rows}
    assert {(each["scenario"], each["group"], each["name"]): each["requests"] for each in demo.told["series"]} == per_series


@pytest.mark.parametrize("name", ["response", "service"])
def test_percentiles_are_those_of_the_merged_histograms(demo: Demo, name: str) -> None:
    merged = demo.histogram(name)
    ((highest_ns, sum_ns),) = demo.rows("http", f"max({name}_max_ns), sum({name}_sum_ns)")
    told = demo.told["totals"][f"{name}_time_s"]
    assert told["n"] == merged.total() == demo.told["totals"]["requests"]
    assert told["max"] == pytest.approx(highest_ns / 1e9)
    assert told["avg"] == pytest.approx(sum_ns / 1e9 / told["n"])
    for stat, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)):
        expected_s = min((quantile_us(merged, share) + 1) / 1e6, highest_ns / 1e9)
        assert told[stat] == pytest.approx(expected_s, abs=1.1e-6), stat


def test_percentiles_of_a_series_are_those_of_its_requests(demo: Demo) -> None:
    series = max(demo.told["series"], key=lambda each: each["requests"])
    same = f"name = '{series['name']}' and scenario = '{series['scenario']}' and \"group\" = '{series['group']}'"
    merged = demo.histogram("response", same)
    assert series["response_time_s"]["p95"] <= (quantile_us(merged, 0.95) + 1) / 1e6
    assert series["response_time_s"]["p95"] >= quantile_us(merged, 0.90) / 1e6
    assert series["response_time_s"]["n"] == merged.total()


def test_the_report_makes_the_same_document_again_and_the_page_is_there(demo: Demo) -> None:
    again = demo.shell.run("report", demo.folder.name, "--format", "json")
    assert again.code == 0
    assert again.document == demo.told
    page = (demo.folder / "report.html").read_text()
    assert demo.folder.name in page and "http://127.0.0.1" in page


def test_it_says_on_stderr_how_it_gets_on(demo: Demo) -> None:
    err = demo.done.err
    places = [err.index(text) for text in (STARTING, SEEDING, "seeded and verified 10,980 rows of 20 clinics", LOADING, " requests, p50")]
    assert places == sorted(places)
    assert "\x1b" not in err


def test_nothing_of_it_is_left(demo: Demo) -> None:
    assert demo.left == []


SHORT = ("demo", "--tenants", "2", "--json")


@pytest.mark.parametrize(
    ("moment", "number"),
    [(STARTING, signal.SIGINT), (SEEDING, signal.SIGINT), (LOADING, signal.SIGINT), (SEEDING, signal.SIGTERM)],
    ids=["starting", "seeding", "starting the load", "terminated"],
)
def test_interrupted_before_the_load_it_stops_everything_and_stores_nothing(shell: Shell, moment: str, number: signal.Signals) -> None:
    with shell.start(*SHORT) as running:
        running.wait_for(moment)
        assert shell.processes()
        running.signal(number)
        done = running.done(timeout_s=20)
    if done.out == "":
        assert "interrupted" in one_message(done.err)
        assert shell.runs() == []
    else:
        assert moment == LOADING, "only there it can be late"
    assert done.code == 130
    assert shell.traces() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_in_the_load_it_keeps_and_tells_the_results_and_stops_everything(shell: Shell, number: signal.Signals) -> None:
    with shell.start(*SHORT, "--duration", "30s") as running:
        running.wait_for("/30 s", times=2)
        running.signal(number)
        done = running.done(timeout_s=20)
    told = done.document
    assert (done.code, told["exit"], told["about"]["end"]) == (130, 130, "interrupted")
    assert "interrupted after" in told["reason"]
    assert told["totals"]["requests"] > 80
    assert told["totals"]["failures"] == 0, "the app runs until the last answer is there"
    assert (shell.runs()[0] / "report.html").exists()
    assert "Traceback" not in done.err
    assert shell.traces() == []


def test_killed_in_the_load_it_leaves_no_process_and_a_run_that_can_be_read(shell: Shell) -> None:
    with shell.start(*SHORT, "--duration", "30s") as running:
        running.wait_for("/30 s", times=3)
        assert {process.name() for process in shell.processes()} >= {"postgres"}
        running.process.kill()
        done = running.done()
    shell.wait_until_nothing_is_left()
    again = shell.run("report", "latest", "--format", "json")
    told = again.document
    assert (again.code, told["exit"], told["about"]["end"]) == (0, 130, None)
    assert "no end in its folder" in told["reason"]
    seen_s = int(done.err.rpartition("/30 s")[0].split()[-1])
    assert told["about"]["duration_s"] >= max(seen_s - 3, 1), "at most 3 s are lost"
    assert told["totals"]["offered_rate"] == pytest.approx(80, rel=0.05)
    assert shell.run("report", "latest").code == 0
    assert (shell.runs()[0] / "report.html").exists()


def test_killed_while_seeding_it_leaves_no_process(shell: Shell) -> None:
    with shell.start(*SHORT) as running:
        running.wait_for(SEEDING)
        running.process.kill()
        running.done()
    shell.wait_until_nothing_is_left()
    assert shell.runs() == []


def test_an_app_that_does_not_start_is_one_message_with_the_end_of_its_log(shell: Shell) -> None:
    (shell.folder / "starlette.py").write_text("raise ImportError('not the starlette you are looking for')\n")
    done = shell.run(*SHORT, environment={"PYTHONPATH": str(shell.folder)})
    before, _, log = done.err.rpartition("the clinic app ended at once")
    assert one_message(before)
    assert "  | ImportError: not the starlette you are looking for" in log
    assert (done.code, done.out, shell.runs()) == (2, "", [])
    assert shell.traces() == []


def test_a_postgres_that_does_not_start_is_one_message(shell: Shell) -> None:
    done = shell.run(*SHORT, prefix=small_files(1_000_000))
    message = one_message(done.err)
    assert (done.code, done.out, shell.runs()) == (2, "", [])
    assert "initdb failed" in message or "Postgres did not start" in message
    assert shell.traces() == []


def test_a_fault_that_needs_another_postgres_gets_one_and_its_own_load(shell: Shell) -> None:
    """The app does not start on a Postgres without the settings that its fault needs."""
    done = shell.run("demo", "--fault", "small_shared_buffers=2", "--tenants", "2", "--duration", "2s", "--json")
    told = done.document
    assert done.code == told["exit"]
    assert told["totals"]["requests"] > 0
    fault = json.loads(subprocess.check_output([sys.executable, "-m", "tenantry_clinic", "faults", "small_shared_buffers", "--json"]))[0]
    assert told["about"]["workload"] == fault["shown"]["workload"].rpartition(":")[2]
    assert told["totals"]["offered_rate"] > 0
    assert shell.processes() == []


def test_a_fault_that_is_not_known_is_one_message_before_anything_starts(shell: Shell) -> None:
    done = shell.run("demo", "--fault", "mising_index", "--fault", "app_pool_small=0")
    assert done.code == 2
    message = one_message(done.err)
    assert "did you mean missing_index?" in message
    assert "app_pool_small: 0 is not 1 or more" in message
    assert STARTING not in done.err
