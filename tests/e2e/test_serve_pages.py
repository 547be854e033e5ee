"""The dashboard in a real browser, with the network watched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import AXE, chromium
from commandline import Shell, write_scenarios
from playwright.sync_api import Browser, Page, expect
from serving import TOKEN, Dashboard, dashboard, store
from truth import TruthServer

from tenantry.report.write import write_report

Open = Callable[..., Page]
LOAD = """
@scenario
async def browse(vu: Vu) -> None:
    await vu.get("/browse")

load = workload(browse, constant_rate("20/s", "10m", max_vus=20))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Call it with a server and options of a browser context for a page; what it must not do fails the test at its end."""
    contexts, wrong = [], list[str]()

    def open_page(server: Dashboard, width: int = 1440, **options: str) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, base_url=str(server.client.base_url), **options)  # type: ignore[arg-type]
        contexts.append(context)
        page, own = context.new_page(), (str(server.client.base_url), "data:")
        page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(own) else None)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def stored(shell: Shell) -> list[str]:
    """Three finished runs with odd names in them, the first with its report and a baseline."""
    runs = shell.folder / "runs"
    runs.mkdir()
    names = [
        store(runs, minute, seconds=12, speed=minute + 1, git="0123abc" * 9, target="http://127.0.0.1/" + "long" * 30)
        for minute in range(3)
    ]
    write_report(runs / names[0])
    (runs / "baselines.json").write_text(json.dumps({"main": names[0]}))
    return names


def pages(names: list[str]) -> list[str]:
    return ["/", f"/runs/{names[0]}", f"/compare?run={names[2]}&run={names[0]}", "/trends?workload=clinic", "/nowhere"]


def violations(page: Page) -> list[list[str]]:
    """What axe finds, with the first place of each."""
    page.evaluate(AXE.read_text("utf-8"))
    found: list[list[str]] = page.evaluate(
        "axe.run({exclude: [['iframe']]}).then(found => found.violations.map(one => [one.id, one.nodes[0].html]))"
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_fit_and_can_be_read_by_everybody(shell: Shell, stored: list[str], opened: Open, width: int, scheme: str) -> None:
    assert AXE.is_file(), f"{AXE} is missing: run `make web`"
    with dashboard(shell) as server:
        server.wait_for_figures()
        page = opened(server, width, color_scheme=scheme)
        for path in pages(stored)[:-1]:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
            assert violations(page) == [], path


def test_runs_are_ticked_and_compared_by_a_form_without_javascript(shell: Shell, stored: list[str], browser: Browser) -> None:
    with dashboard(shell) as server:
        context = browser.new_context(java_script_enabled=False, base_url=str(server.client.base_url))
        page = context.new_page()
        page.goto("/")
        for name in (stored[2], stored[0]):
            page.get_by_label(f"Compare {name}").check()
        page.get_by_role("button", name="Compare the ticked runs").click()
        assert f"Against {stored[0]}" in page.locator("h2").all_inner_texts()
        context.close()


def test_a_login_opens_the_list_and_the_report_in_its_frame(shell: Shell, stored: list[str], opened: Open) -> None:
    with dashboard(shell, token=TOKEN) as server:
        page = opened(server)
        page.goto(f"/runs/{stored[0]}")
        assert page.locator("h1").inner_text() == "Log in"
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator("h1")).to_have_text(stored[0])
        report = page.frame_locator("iframe")
        expect(report.locator("html[data-ready=yes]")).to_be_attached()
        assert report.locator("canvas").count() > 0
        assert page.frames[1].evaluate("self.origin") == "null"


def test_a_live_page_follows_the_run_and_its_button_ends_it(shell: Shell, truth: TruthServer, opened: Open) -> None:
    write_scenarios(shell.folder, LOAD)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 10)
        name = shell.runs()[-1].name
        with dashboard(shell, token=TOKEN) as server:
            page = opened(server)
            page.goto(f"/login?next=/runs/{name}/live")
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Log in").click()
            before = page.locator("#live progress").inner_text()
            expect(page.locator("#live progress")).not_to_have_text(before, timeout=15_000)
            page.get_by_role("button", name="Stop the test").click()
            expect(page.locator("iframe")).to_be_attached(timeout=20_000)
            assert running.done(timeout_s=20).document["about"]["end"] == "stopped"
            assert page.url.endswith(f"/runs/{name}")


def test_the_live_page_fits_and_can_be_read_by_everybody_and_used_by_keyboard(shell: Shell, truth: TruthServer, opened: Open) -> None:
    write_scenarios(shell.folder, LOAD)
    with shell.start("run", "file.py:load", "--target", truth.url, "--json") as running:
        truth.wait_until(lambda: len(truth.arrivals) >= 10)
        name = shell.runs()[-1].name
        with dashboard(shell, token=TOKEN) as server:
            for scheme in ("light", "dark"):
                for width in (390, 1440):
                    page = opened(server, width, color_scheme=scheme)
                    page.goto(f"/login?next=/runs/{name}/live")
                    expect(page.get_by_label("Token")).to_be_focused()
                    page.keyboard.type(TOKEN)
                    page.keyboard.press("Enter")
                    expect(page.locator("#live progress")).to_be_attached()
                    assert page.evaluate("document.documentElement.scrollWidth") == width
                    assert violations(page) == [], (scheme, width)
                    if (scheme, width) != ("dark", 1440):
                        page.close()
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
            for _ in range(12):
                page.keyboard.press("Tab")
                if page.evaluate("document.activeElement.textContent") == "Stop the test":
                    break
            before = page.locator("#live progress").inner_text()
            expect(page.locator("#live progress")).not_to_have_text(before, timeout=15_000)
            page.keyboard.press("Enter")
            assert running.done(timeout_s=40).document["about"]["end"] == "stopped", "the button kept the focus while the page changed"
            page.close()  # before the server ends: a stream that breaks off is a message on the console


def test_changes_are_marked_so_that_everybody_can_read_them(shell: Shell, opened: Open) -> None:
    runs = shell.folder / "runs"
    runs.mkdir()
    names = [store(runs, minute, speed=1.0 if minute < 6 else 0.5, branch="faster/search") for minute in range(12)]
    with dashboard(shell) as server:
        server.wait_for_figures()
        for scheme in ("light", "dark"):
            for width in (390, 1440):
                page = opened(server, width, color_scheme=scheme)
                page.goto("/trends?workload=clinic")
                assert page.evaluate("document.documentElement.scrollWidth") == width
                assert violations(page) == [], (scheme, width)
        whole = page.locator("section").filter(has=page.get_by_role("heading", name="All requests"))
        assert whole.locator(".turns a").first.get_attribute("href") == f"/runs/{names[6]}"
        page.goto("/")
        page.get_by_label("Branch").select_option("faster/search")
        page.get_by_role("button", name="Show", exact=True).click()
        assert "branch=faster%2Fsearch" in page.url and page.locator("tbody tr").count() == 12


def test_a_report_that_tries_to_reach_the_site_gets_nowhere(shell: Shell, stored: list[str], browser: Browser) -> None:
    evil = (
        "<script>try { parent.document.title = 'caught' } catch (e) {} fetch('/api/runs').catch(() => {}); document.write('ran')</script>"
    )
    (shell.folder / "runs" / stored[1] / "report.html").write_text(evil)
    with dashboard(shell) as server:
        context = browser.new_context(base_url=str(server.client.base_url))
        page, asked = context.new_page(), list[str]()
        page.on("response", lambda response: asked.append(response.url))
        page.goto(f"/runs/{stored[1]}")
        expect(page.frame_locator("iframe").locator("body")).to_contain_text("ran")
        assert page.title() != "caught" and not [url for url in asked if url.endswith("/api/runs")]
        context.close()


def test_the_files_of_the_dashboard_are_in_the_package() -> None:
    folder = Path(__file__).parents[2] / "python/tenantry/serve"
    assert {path.name for path in (folder / "assets").iterdir()} == {"serve.css", "live.js"}
