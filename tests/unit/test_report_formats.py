"""What `tenantry report --format` makes for other programs, read back by their own parsers and compared with `runs show --json`."""

from __future__ import annotations

import csv
import gc
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import report_documents as documents
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt
from runfolder import MS, SECOND, Iteration, Reading, Request, RunFolder, clinic_run

from tenantry.cli.report import command as report
from tenantry.cli.runs import command as runs
from tenantry.errors import EnvironmentFault, UsageError
from tenantry.report import benchmark, junit, k6, markdown, sheet
from tenantry.report.formats import FORMS
from tenantry.report.numbers import NOTHING

ELEMENTS = {"h2", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "details", "summary", "span", "em"}
NAME = "20260105T080000Z-clinic"
SHAPES = {
    "normal": documents.normal,
    "failing": documents.failing,
    "invalid": documents.invalid,
    "empty": documents.empty,
    "hostile": documents.hostile,
    "closed": documents.closed,
    "nothing": dict,
}


def call(command: Any, *arguments: str) -> Result:
    result = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def failing_run() -> RunFolder:
    """One that breaks its limits from second 10 on: quick and sound before, slow and failing after."""
    run = RunFolder(elapsed_s=20.0, thresholds=["response_time p95 < 100ms", "failures < 1% over 5s", "checks > 99%", "throughput > 5/s"])
    run.open_stream(20)
    for number in range(400):
        at = number * SECOND // 20
        slow = number >= 200
        end = at + (400 if slow else 20) * MS
        run.requests.append(Request(at, at, end, kind="status" if slow and number % 2 else "", status=500 if slow else 200))
        run.iterations.append(Iteration(at, at, end))
    run.checks = [(second, "visit", "fine", 20, 0) for second in range(20)]
    run.readings = [Reading(second) for second in range(20)]
    return run


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENANTRY_RUNS", raising=False)
    return clinic_run(20).write(tmp_path / "runs" / NAME)


@pytest.fixture
def failed(stored: Path) -> Path:
    return failing_run().write(stored.with_name("20260106T080000Z-failing"))


def test_a_report_leaves_the_garbage_collector_as_it_was(stored: Path) -> None:
    before = gc.get_threshold()
    call(report, str(stored), "--format", "json")
    assert gc.get_threshold() == before


def told(reference: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(runs, "show", reference, "--json").stdout)
    return found


def made(form: str, reference: str = NAME) -> str:
    return call(report, reference, "--format", form).stdout_bytes.decode()


def test_each_row_of_the_sheet_has_the_figures_of_its_series(stored: Path) -> None:
    rows = list(csv.DictReader(StringIO(made("csv"), newline="")))
    series = told()["series"]
    assert len(rows) == len(series) == 6
    for row, one in zip(rows, series, strict=True):
        assert (row["scenario"], row["group"], row["name"]) == (one["scenario"], one["group"], one["name"])
        for count in ("requests", "failures", "throughput", "started_rate", "iterations", "bytes_received"):
            assert float(row[count]) == one[count]
        for kind in ("service_time", "response_time"):
            stats = one[f"{kind}_s"]
            assert [float(row[f"{kind}_{stat}_s"]) for stat in ("p50", "p95", "p99.9", "avg", "max")] == [
                stats[stat] for stat in ("p50", "p95", "p99.9", "avg", "max")
            ]
            assert row[f"{kind}_insufficient"].split() == stats["insufficient"]
            assert {stat: [float(row[f"{kind}_{stat}_{end}_s"]) for end in ("low", "high")] for stat in stats["interval"]} == stats[
                "interval"
            ]
    assert rows[2]["service_time_p99_low_s"] == "", "a percentile without an interval has none"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_every_sheet_has_as_many_cells_in_each_row_as_titles(shape: Any) -> None:
    head, *rows = csv.reader(StringIO(sheet.render(shape()), newline=""))
    assert len(rows) == len(shape().get("series") or [])
    assert {len(row) for row in rows} <= {len(head)} == {len(set(head))}


def cases(page: str) -> dict[tuple[str, str], ElementTree.Element]:
    """The test cases by class and name; the counts of both levels are those of the elements."""
    root = ElementTree.fromstring(page.encode())
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    found = suite.findall("testcase")
    for level in (root, suite):
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(level.attrib[attribute]) == len(suite.findall(f"testcase/{tag}")), attribute
        assert int(level.attrib["tests"]) == len(found)
    assert {child.tag for case in found for child in case} <= {"failure", "error", "skipped", "system-out"}
    return {(case.attrib["classname"], case.attrib["name"]): case for case in found}


def outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag != "system-out"), "passed")


def test_junit_has_a_case_for_each_threshold_and_check_with_observed_and_limit(failed: Path) -> None:
    found, document = cases(made("junit", "latest")), told("latest")
    expected = {("tenantry.threshold", row["text"]): row["result"] for row in document["thresholds"]}
    seen = {key: {"passed": "pass", "failure": "fail"}[outcome(case)] for key, case in found.items() if key[0] == "tenantry.threshold"}
    assert seen == expected
    assert list(expected.values()) == ["fail", "fail", "pass", "pass"]
    slow = found["tenantry.threshold", "response_time p95 < 100ms"].find("failure")
    assert slow is not None
    assert slow.attrib["message"] == "observed 400 ms, limit < 100 ms"
    assert (
        outcome(found["tenantry.check", "visit: fine"])
        == outcome(found["tenantry.run", "the run says something about the app"])
        == "passed"
    )


def test_a_broken_check_fails_its_case_unless_a_threshold_on_checks_was_met(stored: Path) -> None:
    key = ("tenantry.check", "booking: booking can be read back")
    assert outcome(cases(made("junit"))[key]) == "passed"
    bare = told()
    bare["thresholds"] = []
    failure = cases(junit.render(bare))[key].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "observed 98.4 % of 183, limit 100 %"


def test_invalid_runs_and_runs_without_data_are_errors_and_their_thresholds_no_verdicts() -> None:
    invalid = cases(junit.render(documents.invalid()))
    assert outcome(invalid["tenantry.run", "the run says something about the app"]) == "error"
    assert {outcome(case) for (group, _), case in invalid.items() if group == "tenantry.threshold"} == {"skipped"}
    row = documents.threshold("response_time{name='GET /x'} p95 < 1s", "p95", "<", 1.0, None, "s", "no_data")
    empty = cases(junit.render({"verdict": "no_data", "reason": "never", "thresholds": [row]}))
    assert [outcome(case) for case in empty.values()] == ["error", "error"]


def test_a_part_of_a_load_is_an_error_and_a_failure_beyond_thresholds_is_one() -> None:
    about = documents.run(end=None)
    cut = cases(junit.render(documents.normal() | {"about": about}))
    assert outcome(cut["tenantry.run", "the run says something about the app"]) == "error"
    broken = cases(junit.render({"verdict": "fail", "reason": "the error breaker stopped the run", "about": documents.run(end="aborted")}))
    assert [outcome(case) for case in broken.values()] == ["failure"]


UGLY = [
    "\x00\x1b[31m\x07",
    "\ud800",
    "\ufffe\uffff",
    "]]>&<'\"",
    "🐈‍⬛ 猫",
    "x" * 10_000,
    "a\nb\tc\rd",
    "\u202eevil",
    "",
    "``|`|@everyone #1",
]


@pytest.mark.parametrize("name", UGLY, ids=ascii)
def test_any_name_makes_well_formed_documents_with_as_many_rows(name: str) -> None:
    document = documents.normal()
    document["checks"] = [{"scenario": name, "name": name, "passes": 1, "fails": 1}]
    document["series"] = [row | {"name": name, "scenario": name, "group": name} for row in document["series"][:2]]
    document["failures"] = [{"name": name, "scenario": name, "kind": name, "count": 1, "detail": name}]
    document["about"]["workload"] = name
    assert len(cases(junit.render(document))) == 1 + len(document["thresholds"]) + 1
    assert len(list(csv.reader(StringIO(sheet.render(document), newline="")))) == 3
    tables = parsed_tables(markdown.render(document))
    assert [len(rows) for title, rows in tables.items() if "Example" in title] == [1]
    (group,) = json.loads(k6.render(document))["root_group"]["groups"].values()
    assert [check["fails"] for check in group["checks"].values()] == [1]


def parsed_tables(page: str) -> dict[str, list[list[str]]]:
    """The tables of a page as GitHub's grammar reads them: the text of each cell, by the titles."""
    tables: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(page)
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and tokens[place - 1].type in ("th_open", "td_open"):
            rows[-1].append("".join(child.content for child in token.children or () if child.type != "html_inline"))
        elif token.type == "table_close":
            tables["|".join(rows[0])] = rows[1:]
            assert {len(row) for row in rows} == {len(rows[0])}
    return tables


def test_the_markdown_has_the_thresholds_as_the_result_tells_them(failed: Path) -> None:
    page, document = made("md", "latest"), told("latest")
    rows = parsed_tables(page)["|Threshold|limit|observed|margin|failing since"]
    assert page.startswith("## ❌ Fail: clinic\n")
    assert [row[1].partition(" (")[0] for row in rows] == [row["text"] for row in document["thresholds"]]
    assert [row[0] for row in rows] == ["❌ not met", "❌ not met", "✅ met", "✅ met"]
    assert rows[0][2:5] == ["< 100 ms", "400 ms", "300 ms (300%) beyond"]
    assert [row[5] for row in rows] == ["second 10", "second 6", NOTHING, NOTHING]


def test_the_markdown_tells_grades_tenants_failures_and_what_ran(stored: Path) -> None:
    tables, document = parsed_tables(made("md")), told()
    grades = next(rows for titles, rows in tables.items() if titles.startswith("Scenario|Grade"))
    assert [(row[0], row[1]) for row in grades[1:]] == [(row["scenario"], row["grade"]) for row in document["grades"]["scenarios"]]
    failures = next(rows for titles, rows in tables.items() if titles.startswith("Request|Scenario|Class"))
    assert [(row[0], row[2], int(row[3])) for row in failures] == [(row["name"], row["kind"], row["count"]) for row in document["failures"]]
    tenants = next((rows for titles, rows in tables.items() if titles.startswith("Tenant|")), [])
    assert [row[0] for row in tenants] == [str(row["tenant"]) for row in document["tenants"]["worst"]]
    assert ["Git", "0123abc"] in tables["|"]


def test_the_markdown_stays_below_the_bound_and_closes_what_it_opened() -> None:
    document = documents.normal()
    document["failures"] = [{"name": "<|>" * 900, "scenario": "&" * 900, "kind": "x", "count": 1, "detail": "`" * 900}] * 500
    document["thresholds"] = [row | {"text": "*" * 400} for row in document["thresholds"] * 20]
    page = markdown.render(document)
    assert 60_000 < len(page.encode()) <= 65_536
    assert page.count("<details>") == page.count("</details>") > 0
    assert "does not fit here" in page
    assert "does not fit here" not in markdown.render(documents.normal())


def test_text_from_outside_is_no_markup_of_the_markdown() -> None:
    page = markdown.render(documents.hostile())
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(page)
    assert set(re.findall(r"<(\w+)", html)) <= ELEMENTS
    assert not re.search(r"@\w", page)


def test_the_k6_summary_has_the_figures_of_the_result(stored: Path) -> None:
    summary, document = json.loads(made("k6-json")), told()
    metrics, totals = summary["metrics"], document["totals"]
    stats = totals["service_time_s"]
    assert metrics["http_reqs"]["count"] == totals["requests"] and metrics["http_reqs"]["rate"] == totals["requests"] / 20
    assert metrics["http_req_failed"]["passes"] == totals["failures"]
    assert metrics["http_req_failed"]["value"] == totals["failures"] / totals["requests"]
    assert metrics["iterations"]["count"] == totals["iterations"]
    assert metrics["http_req_duration"]["p(95)"] == pytest.approx(stats["p95"] * 1e3)
    assert metrics["http_req_duration"]["med"] == pytest.approx(stats["p50"] * 1e3)
    assert metrics["checks"]["passes"] + metrics["checks"]["fails"] == sum(row["passes"] + row["fails"] for row in document["checks"])
    assert metrics["vus"]["max"] == max(document["timeline"]["vus"])
    assert summary["root_group"]["groups"]["booking"]["checks"]["booking can be read back"]["fails"] == 3
    assert metrics["response_time"]["thresholds"] == {"response_time p95 < 500ms": False}


def test_a_threshold_that_was_not_met_is_true_in_the_k6_summary(failed: Path) -> None:
    metrics = json.loads(made("k6-json", "latest"))["metrics"]
    assert metrics["http_req_failed"]["thresholds"] == {"failures < 1% over 5s": True}
    assert metrics["http_reqs"]["thresholds"] == {"throughput > 5/s": False}


def test_the_time_to_the_first_byte_is_that_of_the_kept_requests_by_their_weight(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=1.0)
    run.open_stream(100)
    # Ten kept requests of ten each: 8 ms of 10 ms in nine of them, 80 of 100 ms in one; and five failures that stand for themselves.
    for number in range(100):
        end = 100 * MS if number == 50 else 10 * MS
        run.requests.append(Request(0, 0, end))
    run.requests += [Request(0, 0, 1000 * MS, kind="status", status=500) for _ in range(5)]
    waits = json.loads(call(report, str(run.write(tmp_path / "run")), "--format", "json").stdout)["wait_s"]
    assert (waits["p50"], waits["p90"], waits["p95"], waits["n"]) == (0.008, 0.08, 0.08, 15)
    assert waits["avg"] == pytest.approx((99 * 0.008 + 0.08 + 5 * 0.8) / 105)


def test_the_benchmark_has_the_figures_that_are_better_when_smaller(stored: Path) -> None:
    rows, document = {row["name"]: row for row in json.loads(made("github-benchmark"))}, told()
    stats = document["totals"]["response_time_s"]
    assert rows["response time p95"]["value"] == pytest.approx(stats["p95"] * 1e3)
    low, high = stats["interval"]["p95"]
    assert rows["response time p95"]["range"] == f"± {max(high - stats['p95'], stats['p95'] - low) * 1e3:.3g}"
    assert rows["failures"] == {"name": "failures", "unit": "%", "value": pytest.approx(20 / 1992 * 100), "extra": f"{NAME} 0123abc"}
    assert {name for name in rows if "GET /api/search" in name} == {"search / GET /api/search p95"}


def test_a_run_that_says_nothing_is_no_point_of_a_history() -> None:
    assert json.loads(benchmark.render(documents.invalid())) == []
    assert json.loads(benchmark.render(documents.normal()))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "html"])
def test_a_form_goes_to_stdout_into_a_file_or_into_a_folder_by_its_name(stored: Path, tmp_path: Path, form: str) -> None:
    to_stdout = call(report, NAME, "--format", form, "--out", "-").stdout_bytes
    assert to_stdout
    (tmp_path / "out").mkdir()
    for place, path in ((tmp_path / "one", tmp_path / "one"), (tmp_path / "out", tmp_path / "out" / FORMS[form].file)):
        assert call(report, NAME, "--format", form, "--out", str(place)).stdout.strip() == str(path)
        assert path.read_bytes() == to_stdout
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == [FORMS[form].file]


def test_the_page_goes_elsewhere_when_asked_to(stored: Path, tmp_path: Path) -> None:
    call(report, NAME, "--out", str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not (stored / "report.html").exists()


def test_a_place_that_cannot_be_written_is_told(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="the report cannot be written"):
        call(report, NAME, "--format", "csv", "--out", str(tmp_path / "nowhere" / "x.csv"))


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_works_on_a_killed_and_damaged_run_and_says_so(stored: Path, form: str) -> None:
    killed = clinic_run(5)
    killed.elapsed_s = killed.end = None
    folder = killed.write(stored.with_name("20260107T080000Z-killed"))
    (folder / "series" / "http-000000.parquet").write_bytes(b"PAR1")
    result = call(report, "latest", "--format", form, "--out", "-")
    assert "http-000000.parquet" in result.stderr + result.stdout
    if form in ("text", "md", "junit", "json", "html"):
        assert "killed" in result.stdout


@pytest.mark.parametrize("form", list(FORMS))
def test_an_unknown_run_is_told_whatever_the_form(stored: Path, form: str) -> None:
    with pytest.raises(UsageError, match="there is no run 'nowhere'"):
        call(report, "nowhere", "--format", form)


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_every_form_takes_every_shape_of_run(form: str, shape: Any) -> None:
    assert FORMS[form].load()(shape())
