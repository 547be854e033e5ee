"""Choosing a part of a run in its report, in a real browser: what the tables tell then, against DuckDB over the samples of the folder."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from chromium import AXE, chromium
from playwright.sync_api import Page, expect
from runfolder import RunFolder, clinic_run

from tenantry.report.numbers import NOTHING
from tenantry.report.write import write_report

NAME = "GET /api/dashboard"


@pytest.fixture(scope="module")
def raw() -> RunFolder:
    raw = clinic_run(20)
    raw.keeps_all = True
    return raw


@pytest.fixture(scope="module")
def folder(raw: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = raw.write(tmp_path_factory.mktemp("part") / "run")
    write_metrics(folder / "series" / "custom-000001.parquet")
    write_report(folder)
    return folder


def baskets(second: int) -> list[float]:
    """What a trend of the scripts measured in a second, in whatever unit; some of it is negative, some zero."""
    rng = random.Random(second)
    return [0.0, -rng.uniform(1, 5), *(rng.lognormvariate(3, 1) for _ in range(50))]


def bucket_of(value: float) -> int:
    bits = struct.unpack("<q", struct.pack("<d", abs(value)))[0] >> 42
    return int(math.copysign(bits, value))


def write_metrics(path: Path) -> None:
    """A trend, a counter, a gauge and a rate; each row is a second."""
    rows: list[tuple[Any, ...]] = []
    for second in range(20):
        counted = {"orders": ("counter", [2.0, second]), "queue": ("gauge", [9.0, second]), "hit": ("rate", [1.0, 0.0, 0.0, second % 2])}
        for name, (kind, values) in {"basket": ("trend", baskets(second)), **counted}.items():
            counts = Counter(map(bucket_of, values)) if kind == "trend" else Counter()
            figures = (len(values), sum(values), min(values), max(values), values[-1], second * 10**9)
            rows.append((second, name, kind, *figures, list(counts), list(counts.values())))
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE custom (second INTEGER, name VARCHAR, kind VARCHAR, n BIGINT, sum DOUBLE, min DOUBLE, max DOUBLE, last DOUBLE,
                                    last_ns BIGINT, buckets INTEGER[], counts BIGINT[])"""
        )
        connection.executemany("INSERT INTO custom VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute(
            f"""COPY (SELECT *, 'visit' AS scenario, '' AS "group", MAP {{}}::MAP(VARCHAR, VARCHAR) AS tags, '' AS unit FROM custom)
                TO '{path}' (FORMAT parquet)"""
        )


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto((folder / "report.html").as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        yield page


def choose(page: Page, start: float, end: float) -> None:
    """By keyboard alone."""
    page.locator("[name=from]").fill(str(start))
    page.locator("[name=to]").fill(str(end))
    page.locator("[name=to]").press("Enter")
    expect(page.locator("#interval")).to_contain_text("marked")


def whole(page: Page) -> None:
    button = page.locator("#whole-run")
    if button.is_visible():
        button.click()
        expect(page.locator("#interval")).to_have_text(re.compile("^Drag"))


def cells(page: Page, table: str, first: str) -> dict[str, str]:
    """The row that begins with a text: its cells by group and title."""
    titles = page.evaluate(TITLES, table)
    row = next(row for row in page.locator(f"#{table} tbody tr").all() if row.locator("th").inner_text() == first)
    return dict(zip(titles, row.locator("th, td").all_inner_texts(), strict=True))


TITLES = """(id) => {
  const table = document.getElementById(id);
  const groups = [...table.querySelectorAll('tr.groups > *')].flatMap((cell) => Array(cell.colSpan).fill(cell.textContent.trim()));
  return [...table.querySelectorAll('th[data-col]')].map((head, at) => `${groups[at] ?? ''} ${head.textContent.trim()}`.trim());
}"""


def over_samples(folder: Path, start: int, end: int) -> dict[str, Any]:
    """The same figures from nothing but the samples."""
    times = ", ".join(f"quantile_disc(end_ns - intended_start_ns, {q}) / 1e6" for q in (0.5, 0.95, 0.99))
    row = duckdb.execute(
        f"""SELECT count(*), count(*) FILTER (kind <> ''), max(end_ns - intended_start_ns) / 1e6, {times} FROM read_parquet(?)
            WHERE name = ? AND end_ns // 1000000000 >= ? AND end_ns // 1000000000 < ?""",
        [str(folder / "samples" / "*.parquet"), NAME, start, end],
    ).fetchone()
    assert row is not None
    return dict(zip(("requests", "failures", "max", "p50", "p95", "p99"), row, strict=True))


def _printed(*words: str) -> str:
    return subprocess.run([sys.executable, "-m", "tenantry", *words], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("start", "end"), [(3, 9), (12, 20), (7, 8)])
def test_the_tables_of_a_part_agree_with_the_samples(page: Page, folder: Path, start: int, end: int) -> None:
    choose(page, start, end)
    told, truth = cells(page, "series", NAME), over_samples(folder, start, end)
    assert (told["Requests ended"], told["Requests failed"]) == (f"{truth['requests']:,}", str(truth["failures"]))
    assert float(told["Response time, ms max"]) == pytest.approx(truth["max"], rel=5e-3)
    for stat in ("p50", "p95", "p99"):
        found = float(told[f"Response time, ms {stat}"].removeprefix("\N{ALMOST EQUAL TO}"))
        assert truth[stat] * 0.994 <= found <= truth[stat] * 33 / 32 * 1.006
    whole(page)


def test_the_whole_run_tells_what_the_document_and_the_samples_do(page: Page, folder: Path) -> None:
    whole(page)
    document = json.loads(_printed("runs", "show", str(folder), "--json"))
    series = next(row for row in document["series"] if row["name"] == NAME)
    told, truth = cells(page, "series", NAME), over_samples(folder, 0, 1_000)
    assert told["Requests ended"] == f"{series['requests']:,}" == f"{truth['requests']:,}"
    assert told["Requests failed"] == str(series["failures"]) == str(truth["failures"])
    for stat in ("p50", "p95", "p99", "max"):
        shown = float(told[f"Response time, ms {stat}"].partition(" ")[0].removeprefix("\N{ALMOST EQUAL TO}"))
        assert shown == pytest.approx(series["response_time_s"][stat] * 1e3, rel=6e-3)
        assert series["response_time_s"][stat] * 1e3 == pytest.approx(truth[stat], rel=1.1e-3)


def test_a_part_is_told_in_every_table_and_taken_back(page: Page, raw: RunFolder) -> None:
    before = {
        table: page.locator(f"#{table}").inner_text() for table in ("series", "parts", "statuses", "checks", "iterations", "distributions")
    }
    choose(page, 4, 8)
    inside = [one for one in raw.requests if 4 <= one.end_ns // 10**9 < 8]
    assert cells(page, "parts", "all")["Requests ended"] == f"{len(inside):,}"
    assert cells(page, "statuses", "200")["requests"] == f"{sum(one.status == 200 for one in inside):,}"
    assert cells(page, "checks", "own clinic")["passed"] == "120"
    slowest = page.locator("#slowest tbody tr").all()
    assert all(4 <= float(row.locator("td").nth(4).inner_text()) < 8.001 for row in slowest)
    assert page.locator("#figure-curve polyline").count() == 1
    whole(page)
    assert {table: page.locator(f"#{table}").inner_text() for table in before} == before


def test_metrics_of_the_scripts_follow_the_part(page: Page) -> None:
    choose(page, 4, 8)
    values = sorted(value for second in range(4, 8) for value in baskets(second))
    told = {title: float(text.replace(",", "")) for title, text in list(cells(page, "metrics", "basket").items())[4:] if text != NOTHING}
    assert told["values"] == len(values) and "per s" not in told
    assert told["total, share, last or mean"] == pytest.approx(sum(values) / len(values), rel=6e-3)
    assert told["min"] == pytest.approx(values[0], rel=6e-3)
    assert told["max"] == pytest.approx(values[-1], rel=6e-3)
    for title, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        truth = values[math.ceil(q * len(values)) - 1]
        assert truth * 0.994 <= told[title] <= truth * 33 / 32 * 1.006
    orders = cells(page, "metrics", "orders")
    assert (orders["total, share, last or mean"], orders["per s"]) == ("30", "7.50")
    assert cells(page, "metrics", "queue")["total, share, last or mean"] == "7"
    assert cells(page, "metrics", "hit")["total, share, last or mean"] == "37.5 %"
    whole(page)


def test_a_table_is_saved_as_csv_with_its_figures(page: Page, folder: Path) -> None:
    whole(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save Requests by name as CSV").click()
    rows = list(csv.DictReader(io.StringIO(saved.value.path().read_text(encoding="utf-8"))))
    row = next(row for row in rows if row["Request"] == NAME)
    assert int(row["Requests ended"]) == over_samples(folder, 0, 1_000)["requests"]


def test_axe_finds_nothing_in_a_part(page: Page) -> None:
    choose(page, 2, 6)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate("axe.run().then((all) => all.violations.map((one) => one.id))") == []
    whole(page)
