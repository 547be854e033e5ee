"""The report in a real browser, opened from disk with the network watched, against the document it was made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import report_documents as documents
from chromium import AXE, chromium
from playwright.sync_api import Browser, Page
from runfolder import MS, SECOND, Iteration, Request, RunFolder

from tenantry.report.html import render
from tenantry.report.write import write_report

SHAPES: dict[str, Callable[[], documents.Doc]] = {
    "normal": documents.normal,
    "failing": documents.failing,
    "invalid": documents.invalid,
    "empty": documents.empty,
    "hostile": documents.hostile,
    "closed": documents.closed,
    "one second": lambda: documents.normal(1, 5),
}
CHARTS = ("response", "heat", "iterations", "requests", "failures", "vus", "service", "phases", "delay")


@dataclass
class Opened:
    """A report in a tab, and what it did that it should not."""

    page: Page
    path: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def hover(self, chart: str, second: int, seconds: int) -> dict[str, str]:
        """Legend values (unrounded) with the cursor over the middle of a second."""
        area = self.page.locator(f'[data-chart="{chart}"] .u-over')
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] * (second + 0.5) / seconds, box["y"] + box["height"] / 2)
        return self.legend(chart)

    def legend(self, chart: str) -> dict[str, str]:
        entries = self.page.locator(f'[data-chart="{chart}"] .legend button').all()
        return {str(entry.get_attribute("data-key")): str(entry.locator("data").get_attribute("value")) for entry in entries}

    def column(self, table: str, at: int) -> list[str]:
        return self.page.locator(f"#{table} tbody tr > :nth-child({at + 1})").all_inner_texts()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


Open = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Call it with a document or a page on disk, and options of a browser context, for its report in a tab."""
    contexts = []

    def open_report(source: documents.Doc | Path, *, width: int = 1440, **options: Any) -> Opened:
        path = source if isinstance(source, Path) else tmp_path / "report.html"
        if not isinstance(source, Path):
            path.write_text(render(source), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        found = Opened(context.new_page(), path)
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            found.page.wait_for_selector("html[data-ready=yes]")
        return found

    yield open_report
    for context in contexts:
        context.close()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_asks_nobody_and_complains_of_nothing(opened: Open, shape: str) -> None:
    report = opened(SHAPES[shape]())
    assert [url for url in report.requests if not url.startswith("data:")] == [report.path.as_uri()]
    assert report.complaints == []


@pytest.mark.parametrize("shape", SHAPES)
def test_no_page_scrolls_sideways_on_a_phone(opened: Open, shape: str) -> None:
    report = opened(SHAPES[shape](), width=390)
    assert report.page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize(("shape", "word"), [("normal", "Pass"), ("failing", "Fail"), ("invalid", "Invalid"), ("empty", "No data")])
def test_the_verdict_comes_first_with_a_word_and_a_symbol(opened: Open, shape: str, word: str) -> None:
    document = SHAPES[shape]()
    page = opened(document).page
    assert page.title().startswith(word)
    assert page.locator("main h1").inner_text() == word
    assert page.locator("main h1 svg path").count() == 1
    assert page.locator("main .reason").inner_text() == document["reason"]
    assert page.evaluate("document.querySelector('main').firstElementChild.id") == "verdict"


def test_every_chart_is_drawn_in_the_colours_of_its_lines(opened: Open) -> None:
    page = opened(documents.failing()).page
    assert page.locator("[data-chart] canvas").count() == len(CHARTS)
    for chart in CHARTS:
        seen = page.evaluate(PIXELS, chart)
        assert seen["colours"] > 8, chart
        assert all(count > 5 for count in seen["lines"].values()), (chart, seen)


# Counts the pixels of each line's colour, taken from the legend's swatch, on the chart's canvas.
PIXELS = """(chart) => {
  const host = document.querySelector(`[data-chart="${chart}"]`);
  const canvas = host.querySelector('canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Map();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 255) continue;
    const key = `rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  const lines = {};
  for (const button of host.querySelectorAll('.legend button[aria-pressed=true]')) {
    const shape = getComputedStyle(button.querySelector('svg > *'));
    lines[button.dataset.key] = found.get(shape.stroke === 'none' ? shape.fill : shape.stroke) ?? 0;
  }
  return { colours: found.size, lines };
}"""


@pytest.mark.parametrize("second", [0, 17, 119])
def test_the_legend_tells_the_values_under_the_cursor(opened: Open, second: int) -> None:
    document = documents.failing()
    report = opened(document)
    told = report.hover("response", second, 180)
    time = document["timeline"]
    for key in ("response_p50", "response_p95", "response_p99"):
        assert float(told[key]) == pytest.approx(time[key][second], rel=1e-3), key
    assert float(report.legend("service")["service_p95"]) == pytest.approx(time["service_p95"][second], rel=1e-3)


def test_all_charts_share_one_cursor(opened: Open) -> None:
    document = documents.failing()
    report = opened(document)
    time = document["timeline"]
    told = report.hover("iterations", 117, 180)
    assert {key: float(value) for key, value in told.items()} == {key: time[key][117] for key in ("offered", "started", "completed")}
    assert {key: float(value) for key, value in report.legend("failures").items()} == {k: v[117] for k, v in time["failure_kinds"].items()}
    assert float(report.legend("requests")["throughput"]) == time["requests"][117] - time["failures"][117]
    assert float(report.legend("vus")["dropped"]) == time["dropped"][117]
    assert float(report.legend("phases")["wait"]) == pytest.approx(time["phases_s"]["wait"][117], rel=1e-3)
    assert report.page.locator('[data-chart="delay"] .when').inner_text() == "1:57"


def test_without_a_cursor_the_legend_tells_the_peak(opened: Open) -> None:
    document = documents.normal()
    told = opened(document).legend("delay")
    assert float(told["start_delay_max"]) == pytest.approx(max(document["timeline"]["start_delay_max"]), rel=1e-3)


def test_the_keyboard_moves_the_cursor(opened: Open) -> None:
    document = documents.normal()
    page = opened(document).page
    plot = page.locator('[data-chart="requests"] .plot')
    plot.focus()
    plot.press("Home")
    plot.press("ArrowRight")
    plot.press("ArrowRight")
    assert page.locator('[data-chart="requests"] .when').inner_text() == "0:02"
    spoken = page.locator('[data-chart="requests"] [aria-live]').inner_text()
    assert f"ended {document['timeline']['requests'][2]}/s" in spoken


def test_dragging_zooms_every_chart_and_the_button_shows_all_again(opened: Open) -> None:
    document = documents.normal()
    report = opened(document)
    page = report.page
    area = page.locator('[data-chart="response"] .u-over')
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    whole = page.locator("#whole-run")
    assert not whole.is_visible()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    page.mouse.move(5, 5)
    for chart, key in (("response", "response_p95"), ("vus", "vus")):
        assert float(report.legend(chart)[key]) == pytest.approx(max(document["timeline"][key][30:60]), rel=1e-3)
    whole.click()
    assert not whole.is_visible()
    for chart, key in (("response", "response_p95"), ("vus", "vus")):
        assert float(report.legend(chart)[key]) == pytest.approx(max(document["timeline"][key]), rel=1e-3)


def test_a_line_can_be_hidden_and_a_scale_switched(opened: Open) -> None:
    page = opened(documents.normal()).page
    entry = page.locator('[data-chart="response"] [data-key=response_p99]')
    assert page.evaluate(PIXELS, "response")["lines"]["response_p99"] > 20
    entry.click()
    assert "response_p99" not in page.evaluate(PIXELS, "response")["lines"]
    assert entry.get_attribute("aria-pressed") == "false"
    switch = page.locator("#figure-response .switch")
    assert switch.inner_text() == "Linear scale"
    switch.click()
    assert switch.inner_text() == "Log scale"
    assert page.evaluate(PIXELS, "response")["lines"]["response_p95"] > 20


def test_the_numbers_of_a_chart_can_be_read_as_a_table(opened: Open) -> None:
    document = documents.normal(10, 50)
    page = opened(document).page
    page.locator("#figure-requests summary").click()
    # The table is made when the browser tells that it was opened, a moment after the click.
    table = page.locator("#figure-requests .numbers tbody tr")
    table.first.wait_for()
    rows = table.all_inner_texts()
    assert len(rows) == 10
    assert rows[3].split("\t")[:2] == ["3 s", f"{document['timeline']['requests'][3]}/s"]


def test_after_the_load_nothing_is_offered(opened: Open) -> None:
    document = documents.normal(10, 50)
    document["about"]["duration_s"] = 8.5
    report = opened(document)
    assert report.hover("iterations", 8, 10)["offered"] == "50"
    assert report.hover("iterations", 9, 10) == {"offered": "", "started": "", "completed": str(document["timeline"]["completed"][9])}
    assert "the load is over" in report.page.locator(".charts-head").inner_text()


def test_the_page_of_a_run_folder_shows_what_was_sent(opened: Open, tmp_path: Path) -> None:
    """50 requests a second of 15 ms each, in second 3 most of 80 ms; every tenth of second 5 timed out."""
    run = RunFolder(elapsed_s=10, thresholds=["response_time p95 < 500ms"])
    run.open_stream(50)
    for number in range(500):
        start = number * SECOND // 50
        second = start // SECOND
        end = start + (80 if second == 3 and number % 50 < 45 else 15) * MS
        run.requests.append(Request(start, start, end, kind="timeout" if second == 5 and number % 10 == 0 else ""))
        run.iterations.append(Iteration(start, start, end))
    report = opened(write_report(run.write(tmp_path / "run")))
    assert report.page.locator("main h1").inner_text() == "Pass"
    assert report.column("series", 2) == ["500"]
    told = report.hover("response", 3, 10)
    assert float(told["response_p95"]) == pytest.approx(0.080, rel=2e-3)
    assert float(report.legend("requests")["requests"]) == 50
    assert float(report.hover("failures", 5, 10)["timeout"]) == 5
    assert float(report.legend("requests")["throughput"]) == 45


def test_columns_sort_both_ways_with_unknown_values_last(opened: Open) -> None:
    document = documents.normal()
    document["series"][2]["response_time_s"] = None
    report = opened(document)
    header = report.page.locator("#series th", has_text=re.compile("^p95$")).first
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    at = int(str(header.get_attribute("data-col")))
    down = report.column("series", at)
    header.locator("button").click()
    up = report.column("series", at)
    truth = sorted(row["response_time_s"]["p95"] * 1000 for row in document["series"] if row["response_time_s"])
    assert [float(text.partition(" ±")[0]) for text in up[:-1]] == pytest.approx(truth, rel=6e-3)
    assert down[:-1] == up[-2::-1]
    assert up[-1] == down[-1] == "\N{EN DASH}"


def test_search_and_sort_reach_rows_beyond_the_first_two_hundred(opened: Open) -> None:
    report = opened(documents.many())
    assert len(report.column("series", 0)) == 200
    report.page.get_by_role("searchbox", name="Search Requests by name").fill("items/04321")
    assert report.column("series", 0) == ["GET /api/items/04321"]
    report.page.get_by_role("searchbox").fill("")
    report.page.locator("#series th[data-col='0'] button").click()
    report.page.locator("#series th[data-col='0'] button").click()
    assert report.column("series", 0)[0] == "GET /api/items/04999"
    assert report.path.stat().st_size < 1_000_000


def test_hostile_names_stay_text(opened: Open) -> None:
    report = opened(documents.hostile())
    assert report.page.locator("img, b:text('49')").count() == 0
    assert "owned" not in report.page.evaluate("document.title.replace(/^.*?<img.*$/, '')")
    shown = documents.HOSTILE.replace("\u202e", "\ufffd").replace("\x00", "\ufffd")
    assert report.column("series", 0)[0] == shown
    assert report.page.locator("main .reason").inner_text() == shown
    assert "(10,005 characters)" in report.column("series", 0)[1]
    assert report.page.locator("script").count() == 2


def test_nothing_that_is_injected_would_run(opened: Open) -> None:
    page = opened(documents.normal()).page
    page.evaluate("() => { const s = document.createElement('script'); s.append('window.ran = 1'); document.body.append(s); }")
    assert page.evaluate("window.ran") is None
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("() => { document.body.innerHTML = '<b>x</b>'; }")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_have_their_own_paper_and_lines(opened: Open, scheme: Any) -> None:
    page = opened(documents.normal(), color_scheme=scheme).page
    brightness = page.evaluate("Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))")
    assert brightness > 240 if scheme == "light" else brightness < 40
    assert all(count > 20 for count in page.evaluate(PIXELS, "response")["lines"].values())
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert all(count > 20 for count in page.evaluate(PIXELS, "response")["lines"].values())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shape", ["normal", "failing", "invalid", "empty"])
def test_axe_finds_no_violation(opened: Open, shape: str, scheme: Any) -> None:
    page = opened(SHAPES[shape](), color_scheme=scheme).page
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then((all) => all.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))")
    assert found == []


def test_without_javascript_the_verdict_and_the_tables_read(opened: Open) -> None:
    document = documents.failing()
    page = opened(document, java_script_enabled=False).page
    text = page.locator("main").inner_text()
    assert text.startswith("Fail")
    for said in (document["reason"], "27.0 ms (5%) beyond", "switched off", "KeyError: 'slots'", "no answer within 10 s"):
        assert said in text, said
    assert page.locator("#series tbody tr").count() == len(document["series"])
    assert page.locator("figcaption").count() == len(CHARTS) + 2
    assert page.locator("[data-chart] svg.still").count() == len(CHARTS)


def test_a_run_without_requests_says_so_and_draws_nothing(opened: Open) -> None:
    page = opened(documents.empty()).page
    assert page.locator("canvas").count() == 0
    assert page.locator("figcaption p").first.inner_text() == "No request ended, so there is no response time to show."


def test_it_prints_in_light_colours_without_controls(opened: Open, tmp_path: Path) -> None:
    page = opened(documents.normal(), color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator(".bar").is_visible()
    assert all(count > 20 for count in page.evaluate(PIXELS, "response")["lines"].values())
    assert page.evaluate("getComputedStyle(document.querySelector('h2')).color") == "rgb(27, 31, 36)"
    assert len(page.pdf()) > 20_000
