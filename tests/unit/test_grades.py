"""Grades: each figure by its bounds, exact at their edges; a whole by its worst part; nothing where there is nothing to grade."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from observed import Scene
from runfolder import MS, SECOND, Iteration, Request, RunFolder, clinic_run

from tenantry.errors import UsageErrors
from tenantry.grades import bounds
from tenantry.grading import grades
from tenantry.plan.grades import DEFAULT, FIGURES, Levels, read_bounds
from tenantry.plan.profiles import constant_vus
from tenantry.report.document import document
from tenantry.report.html import render
from tenantry.report.numbers import NOTHING
from tenantry.report.text import lines
from tenantry.results import open_run
from tenantry.scenario.decorators import scenario
from tenantry.scenario.vu import Vu
from tenantry.scenario.workload import workload
from tenantry.verdict import judge

EDGES = [
    ("p95", 0.0, "good"),
    ("p95", 0.199999999, "good"),
    ("p95", 0.2, "warning"),
    ("p95", 0.499999999, "warning"),
    ("p95", 0.5, "poor"),
    ("p95", 1.0, "poor"),
    ("p95", 1.000000001, "critical"),
    ("failures", 0.0, "good"),
    ("failures", 99 / 100_000, "good"),
    ("failures", 1 / 1000, "warning"),
    ("failures", 999 / 100_000, "warning"),
    ("failures", 1 / 100, "poor"),
    ("failures", 5 / 100, "poor"),
    ("failures", 5001 / 100_000, "critical"),
    ("throughput", 1.0, "good"),
    ("throughput", 999_999 / 1_000_000, "warning"),
    ("throughput", 80 / 100, "warning"),
    ("throughput", 79_999 / 100_000, "poor"),
    ("throughput", 50 / 100, "poor"),
    ("throughput", 49_999 / 100_000, "critical"),
    ("db_connections", 0.0, "good"),
    ("db_connections", 79 / 100, "good"),
    ("db_connections", 80 / 100, "warning"),
    ("db_connections", 89 / 100, "warning"),
    ("db_connections", 90 / 100, "poor"),
    ("db_connections", 99 / 100, "poor"),
    ("db_connections", 100 / 100, "critical"),
]


@pytest.mark.parametrize(("figure", "value", "grade"), EDGES)
def test_a_value_at_the_edge_belongs_to_the_side_that_the_table_says(figure: str, value: float, grade: str) -> None:
    assert DEFAULT.levels[figure].grade(FIGURES[figure], value) == grade


def load(*, due: int = 100, done: int | None = None, failed: int = 0, ms: float = 50, **more: Any) -> RunFolder:
    """One request for each iteration of an open load, all of them as long; those that are not done are dropped."""
    run = RunFolder(elapsed_s=10.0, **more)
    run.open_stream(due // 10)
    add(run, "visit", due=due, done=due if done is None else done, failed=failed, ms=ms)
    return run


def add(
    run: RunFolder, name: str, *, due: int, done: int, failed: int = 0, ms: float = 50, stream: str = "visit", is_open: bool = True
) -> None:
    for number in range(due):
        at = number * 10 * SECOND // due
        if number >= done:
            run.iterations.append(Iteration(at, 0, 0, name, stream, "dropped"))
            continue
        end = at + round(ms * MS)
        run.requests.append(Request(at, at, end, name=f"GET /{name}", scenario=name, kind="status" if number < failed else ""))
        run.iterations.append(Iteration(at, at, end, name, stream, "failed" if number < failed else "completed", is_open))


def told(run: RunFolder, folder: Path, **plan: Any) -> dict[str, Any]:
    path = run.write(folder)
    if plan:
        manifest = json.loads((path / "run.json").read_text())
        manifest["plan"] |= plan
        (path / "run.json").write_text(json.dumps(manifest))
    with open_run(path) as opened:
        return document(opened)


def figure(document: dict[str, Any], name: str) -> tuple[Any, Any]:
    found = document["grades"]["figures"][name]
    return found["value"], found["grade"]


@pytest.mark.parametrize(
    ("ms", "grade"), [(199.999, "good"), (200, "warning"), (499.999, "warning"), (500, "poor"), (1000, "poor"), (1000.001, "critical")]
)
def test_the_p95_of_a_stored_run_is_graded_to_the_microsecond(tmp_path: Path, ms: float, grade: str) -> None:
    assert figure(told(load(ms=ms), tmp_path), "p95") == (pytest.approx(ms / 1e3, abs=1e-9), grade)


@pytest.mark.parametrize(("failed", "grade"), [(0, "good"), (1, "warning"), (9, "warning"), (10, "poor"), (50, "poor"), (51, "critical")])
def test_the_failures_of_a_stored_run_are_graded_by_the_request(tmp_path: Path, failed: int, grade: str) -> None:
    assert figure(told(load(due=1000, failed=failed), tmp_path), "failures") == (failed / 1000, grade)


@pytest.mark.parametrize(
    ("done", "grade"), [(1000, "good"), (999, "warning"), (800, "warning"), (799, "poor"), (500, "poor"), (499, "critical")]
)
def test_the_throughput_of_a_stored_run_is_held_against_what_was_due(tmp_path: Path, done: int, grade: str) -> None:
    found = told(load(due=1000, done=done), tmp_path)
    assert figure(found, "throughput") == (done / 1000, grade)
    assert found["grades"]["figures"]["throughput"]["note"] == "of 100/s offered"


def test_a_request_that_failed_is_no_throughput_and_counts_once(tmp_path: Path) -> None:
    assert figure(told(load(due=1000, failed=30), tmp_path / "raised"), "throughput") == (0.97, "warning")
    run = load(due=1000)
    for request in run.requests[:300]:
        request.kind = "status"
    assert figure(told(run, tmp_path / "returned"), "throughput") == (0.7, "poor")


def test_grades_agree_with_the_run_folder_as_duckdb_reads_it(tmp_path: Path) -> None:
    found = told(clinic_run(20, rate=200, seed=3), tmp_path)["grades"]
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{tmp_path}'")
        rows = connection.sql("""
            WITH entries AS (SELECT scenario, unnest(response_buckets) AS b, unnest(response_counts) AS n FROM 'series/http-*.parquet'),
            ranked AS (SELECT scenario, b, sum(n) OVER (PARTITION BY scenario ORDER BY b) AS seen,
                       sum(n) OVER (PARTITION BY scenario) AS total FROM entries),
            p95 AS (SELECT scenario, min(b) AS b FROM ranked WHERE seen >= ceil(0.95 * total) GROUP BY scenario),
            sent AS (SELECT scenario, sum(requests) AS requests, sum(failures) AS failures FROM 'series/http-*.parquet' GROUP BY ALL),
            ran AS (SELECT scenario, sum(due) AS due, sum(completed + failed) AS ended FROM 'series/iterations-*.parquet' GROUP BY ALL)
            SELECT scenario, (CASE WHEN b < 2048 THEN b ELSE ((b % 1024 + 1025) << (b // 1024 - 1)::INTEGER) - 1 END) / 1e6,
                   failures / requests, ended / due * (requests - failures) / requests
            FROM p95 JOIN sent USING (scenario) JOIN ran USING (scenario)""").fetchall()
    assert len(rows) == len(found["scenarios"]) == 5
    scenarios = {one["scenario"]: one for one in found["scenarios"]}
    for name, *values in rows:
        figures = scenarios[name]["figures"]
        seen = [figures[key]["value"] for key in ("p95", "failures", "throughput")]
        assert seen == [pytest.approx(value, rel=1e-4) for value in values]
        limits = ((0.2, 0.5, 1), (0.001, 0.01, 0.05), (-1, -0.8, -0.5))
        words = [by_hand(-value if low < 0 else value, low, mid, high) for value, (low, mid, high) in zip(seen, limits, strict=True)]
        assert [figures[key]["grade"] for key in ("p95", "failures", "throughput")] == words
        assert scenarios[name]["grade"] == max(words, key=["good", "warning", "poor", "critical"].index)


def by_hand(value: float, good: float, warning: float, critical: float) -> str:
    return "good" if value < good or value == good == -1 else "warning" if value < warning else "critical" if value > critical else "poor"


def test_a_run_is_graded_by_its_worst_scenario_and_says_which(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=10.0)
    run.open_stream(110, ("quick", "slow"))
    add(run, "quick", due=2000, done=2000)
    add(run, "slow", due=60, done=60, ms=1500)
    found = told(run, tmp_path)["grades"]
    assert found["figures"]["p95"]["grade"] == "good"
    assert [(one["scenario"], one["grade"], one["note"]) for one in found["scenarios"]] == [
        ("quick", "good", ""),
        ("slow", "critical", "by response time p95"),
    ]
    assert (found["grade"], found["note"]) == ("critical", "by slow")


def test_closed_load_has_no_throughput_to_grade_and_is_graded_without(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=10.0)
    run.closed_stream(5)
    add(run, "visit", due=100, done=100, is_open=False)
    found = told(run, tmp_path)["grades"]
    assert found["figures"]["throughput"] | {"bounds": None} == {
        "value": None,
        "unit": "share",
        "bounds": None,
        "grade": None,
        "note": "closed load: no rate is offered",
    }
    assert found["grade"] == "good"


def test_beside_closed_load_the_open_one_alone_is_held_against_its_rate(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=10.0)
    run.open_stream(10)
    run.closed_stream(5, ("loop",), "loop")
    add(run, "visit", due=100, done=90)
    add(run, "loop", due=100, done=100, failed=100, stream="loop", is_open=False)
    assert figure(told(run, tmp_path), "throughput") == (0.9, "warning")


def test_too_few_samples_leave_a_scenario_without_a_grade_and_are_named(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=10.0)
    run.open_stream(20, ("often", "seldom"))
    add(run, "often", due=100, done=100)
    add(run, "seldom", due=58, done=58)
    found = told(run, tmp_path)["grades"]
    often, seldom = found["scenarios"]
    assert (often["grade"], seldom["grade"]) == ("good", None)
    assert seldom["figures"]["p95"]["value"] == pytest.approx(0.05)
    assert seldom["note"] == "only 58 samples, where p95 needs 59"
    assert (found["grade"], found["note"]) == ("good", "without seldom")


def test_a_critical_figure_is_enough_where_another_has_too_few_samples(tmp_path: Path) -> None:
    found = told(load(due=50, failed=50), tmp_path)["grades"]
    assert found["figures"]["p95"]["grade"] is None
    assert found["grade"] == "critical"


def test_a_scenario_that_never_ran_is_named(tmp_path: Path) -> None:
    run = load()
    run.streams[0]["scenarios"].append(["never", 0.001])
    found = told(run, tmp_path)["grades"]
    assert found["scenarios"][1]["note"] == "no request ended, no iteration was due"
    assert (found["grade"], found["note"]) == ("good", "without never")


def test_an_invalid_run_has_values_but_no_grade(tmp_path: Path) -> None:
    run = load(manifest={"verdict": {"verdict": "invalid", "reason": "a load process was lost", "exit": 12}})
    found = told(run, tmp_path)
    assert (found["verdict"], found["grades"]["grade"], found["grades"]["note"]) == ("invalid", None, "the run is invalid")
    assert figure(found, "p95") == (pytest.approx(0.05), None)
    assert {one["grade"] for one in found["grades"]["scenarios"]} == {None}


def test_a_run_in_which_nothing_was_measured_has_no_grade_and_says_why(tmp_path: Path) -> None:
    found = told(RunFolder(elapsed_s=2.0), tmp_path / "empty")["grades"]
    assert found["grade"] is None and found["note"].startswith("no request was made")
    raised = load()
    for iteration in raised.iterations:
        iteration.outcome = "errors"
    found = told(raised, tmp_path / "raised")["grades"]
    assert found["grade"] is None and "ended with an exception of the scenario" in found["note"]


@pytest.mark.parametrize(
    ("in_use", "size", "sessions", "expected"),
    [
        ([4.0] * 12, 5, None, (0.8, "warning")),
        ([1.0] * 6 + [5.0] * 12 + [1.0] * 2, 5, None, (1.0, "critical")),
        ([0.0] * 10 + [10.0] + [0.0] * 9, 10, None, (0.1, "good")),
        ([1.0] * 12, 5, 95, (0.95, "poor")),
        ([1.0] * 12, None, 20, (0.2, "good")),
        ([1.0] * 12, None, None, (None, None)),
    ],
)
def test_connections_in_use_are_graded_where_they_were_observed(
    tmp_path: Path, in_use: list[float], size: int | None, sessions: int | None, expected: tuple[float | None, str | None]
) -> None:
    scene = Scene(seconds=len(in_use))
    scene.endpoint("GET /")
    scene.gauge("pool.in_use", in_use, "7")
    if size is not None:
        scene.gauge("pool.size", size, "7")
    if sessions is not None:
        scene.gauge("sessions.all", sessions)
        scene.postgres["settings"] = {"max_connections": {"setting": "100"}}
    scene.write(tmp_path)
    with open_run(tmp_path) as run:
        found = grades(run, "pass").figures["db_connections"]
    assert ((found.value and pytest.approx(found.value)), found.grade) == expected


def test_stored_bounds_are_used_and_a_run_without_them_has_the_table(tmp_path: Path) -> None:
    own = bounds(p95=("10ms", "20ms", "30ms")).as_dict()
    found = told(load(), tmp_path / "own", grades=own)["grades"]["figures"]["p95"]
    assert (found["grade"], found["bounds"]) == ("critical", {"good": 0.01, "warning": 0.02, "critical": 0.03})
    assert figure(told(load(), tmp_path / "old"), "p95")[1] == "good"


@pytest.mark.parametrize(
    "row", [None, "good", {"good": 0.1}, {"good": 3, "warning": 2, "critical": 1}, {"good": None, "warning": 1, "critical": 2}]
)
def test_stored_bounds_that_cannot_be_are_those_of_the_table(row: object) -> None:
    assert read_bounds({"p95": row}) == DEFAULT
    assert read_bounds(None) == DEFAULT


def test_grades_never_change_the_verdict(tmp_path: Path) -> None:
    run = load(thresholds=["response_time p95 < 500ms"])
    strict = bounds(p95=("1ms", "2ms", "3ms"), failures=("0.001%", "0.002%", "0.003%")).as_dict()
    found = told(run, tmp_path, grades=strict)
    with open_run(tmp_path) as opened:
        verdict = judge(opened)
    assert (found["verdict"], found["exit"], found["grades"]["grade"]) == ("pass", 0, "critical")
    assert (verdict.verdict, int(verdict.exit), verdict.reason) == (found["verdict"], 0, found["reason"])


@scenario
async def visit(vu: Vu) -> None: ...


def test_bounds_travel_in_the_plan() -> None:
    own = bounds(
        p95=(0.1, "300ms", "2s"), failures=("0.5%", 0.02, "10%"), throughput=("99%", "80%", "50%"), db_connections=("50%", "60%", "70%")
    )
    plan = workload(visit, constant_vus(1, "1s"), grades=own).plan(target="http://127.0.0.1:1")
    assert plan.as_dict()["grades"] == {
        "p95": {"good": 0.1, "warning": 0.3, "critical": 2.0},
        "failures": {"good": 0.005, "warning": 0.02, "critical": 0.1},
        "throughput": {"good": 0.99, "warning": 0.8, "critical": 0.5},
        "db_connections": {"good": 0.5, "warning": 0.6, "critical": 0.7},
    }
    assert read_bounds(json.loads(json.dumps(plan.as_dict()["grades"]))) == own
    assert workload(visit, constant_vus(1, "1s")).plan(target="").grades == DEFAULT


def test_the_bounds_by_default_are_those_of_the_design() -> None:
    assert bounds() == DEFAULT
    assert DEFAULT.levels == {
        "p95": Levels(0.2, 0.5, 1.0),
        "failures": Levels(0.001, 0.01, 0.05),
        "throughput": Levels(1.0, 0.8, 0.5),
        "db_connections": Levels(0.8, 0.9, 1.0),
    }


def test_everything_that_is_wrong_with_bounds_is_told_with_the_rest_of_the_file() -> None:
    wrong = bounds(
        p95=("500ms", "500ms", "1s"),
        failures=("1%", "120%", "5 percent"),
        throughput=("50%", "80%", "100%"),
        db_connections=("80%", "90%"),  # type: ignore[arg-type]
    )
    with pytest.raises(UsageErrors) as caught:
        workload(visit, constant_vus(0, "1s"), grades=wrong).plan(target="http://127.0.0.1:1")
    told = [fault.what for fault in caught.value.faults]
    assert told == [
        "vus is 0; it must be 1 or more",
        "the bounds of p95 must rise from good to critical, but are good 500ms, warning 500ms, critical 1s",
        "warning of failures '120%' is not a share above 0 % and up to 100 %",
        "critical of failures '5 percent' is not a share above 0 % and up to 100 %",
        "the bounds of throughput must fall from good to critical, but are good 50%, warning 80%, critical 100%",
        "the bounds of db_connections are ('80%', '90%'), not those of good, warning, critical",
    ]
    assert all("test_grades.py" in fault.where and fault.hint for fault in caught.value.faults)
    assert caught.value.faults[-1].hint == 'write db_connections=("80%", "90%", "100%")'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"p95": ("200", "500ms", "1s")}, "good of p95 '200' is not understood"),
        ({"p95": ("0ms", "500ms", "1s")}, "good of p95 is zero"),
        ({"p95": ("5%", "500ms", "1s")}, "good of p95 '5%' is not understood"),
        ({"p95": None}, "the bounds of p95 are None"),
        ({"failures": ("1ms", "1%", "5%")}, "good of failures '1ms' is not a share"),
        ({"failures": ("0%", "1%", "5%")}, "good of failures '0%' is not a share"),
        ({"throughput": (1, "80%", "50%")}, "good of throughput 1 is not a share"),
    ],
)
def test_a_bound_in_another_unit_is_a_fault(given: dict[str, Any], message: str) -> None:
    (fault,) = bounds(**given).faults
    assert fault.what.startswith(message)


def test_grades_that_are_no_bounds_are_a_fault() -> None:
    (fault,) = workload(visit, constant_vus(1, "1s"), grades={"p95": "200ms"}).faults  # type: ignore[arg-type]
    assert "not bounds" in fault.what and "tenantry.grades" in fault.hint


def shown(document: dict[str, Any], width: int = 80) -> list[str]:
    whole = [line.plain.rstrip() for line in lines(document, width=width)]
    start = next(number for number, line in enumerate(whole) if line.startswith("Grades"))
    return whole[start : whole.index("", start)]


def test_the_summary_has_a_line_of_words_for_the_run_and_each_scenario(tmp_path: Path) -> None:
    found = told(clinic_run(10, rate=200, seed=4), tmp_path)
    title, first, *others = shown(found)
    assert title.split() == ["Grades", "grade", "p95", "failed", "throughput"]
    assert first.startswith("all ") and found["grades"]["grade"] in first
    for one, line in zip(found["grades"]["scenarios"], others, strict=False):
        words = [one["grade"], *(figure["grade"] for figure in one["figures"].values())]
        assert (
            line.startswith(one["scenario"]) and [word for word in line.split() if word in ("good", "warning", "poor", "critical")] == words
        )
        assert len(line) <= 80
    assert len(others) == len(found["grades"]["scenarios"]) + 2, "and two lines on what grades are"


def test_the_summary_of_one_scenario_has_one_line_and_a_missing_grade_its_reason(tmp_path: Path) -> None:
    _, row, note, _, _ = shown(told(load(due=50), tmp_path))
    assert row.split() == ["all", "none", "50.0", "ms", NOTHING, "0", "%", "good", "100", "%", "good"]
    assert note == "  only 50 samples, where p95 needs 59"


def test_the_summary_of_many_scenarios_has_the_worst_ones(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=10.0)
    run.open_stream(110, [f"s{number}" for number in range(30)])
    for number in range(30):
        add(run, f"s{number}", due=60, done=60, ms=1500 if number == 23 else 50)
    rows = shown(told(run, tmp_path))
    assert rows[2].startswith("s23 ") and len(rows) == 15 and "all scenarios are in the report" in " ".join(rows)


def test_a_run_without_grades_says_so_in_a_line(tmp_path: Path) -> None:
    invalid = load(manifest={"verdict": {"verdict": "invalid", "reason": "lost", "exit": 12}})
    assert shown(told(invalid, tmp_path)) == ["Grades     none: the run is invalid"]


def test_the_page_has_the_grades_in_words_after_the_thresholds(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=10.0, thresholds=["failures < 1%"])
    run.open_stream(110, ("quick", "slow"))
    add(run, "quick", due=2000, done=2000)
    add(run, "slow", due=60, done=60, ms=700)
    page = render(told(run, tmp_path))
    assert page.index('id="thresholds"') < page.index('id="h-grades"') < page.index('id="h-charts"')
    section = page[page.index('id="h-grades"') : page.index('id="h-charts"')]
    for words in (
        "Overall: poor (by slow).",
        "700 ms: poor",
        "0 %: good",
        "no data (not observed)",
        "good &lt; 200 ms, warning &lt; 500 ms",
    ):
        assert words in section, words
    assert "100 %: good (of 206/s offered)" in section


def test_the_page_of_a_run_without_grades_says_so_and_one_of_before_has_none(tmp_path: Path) -> None:
    invalid = told(load(manifest={"verdict": {"verdict": "invalid", "reason": "lost", "exit": 12}}), tmp_path)
    assert "No grade: the run is invalid." in render(invalid) and "50.0 ms: no grade" in render(invalid)
    assert 'id="h-grades"' not in render({key: value for key, value in invalid.items() if key != "grades"})
