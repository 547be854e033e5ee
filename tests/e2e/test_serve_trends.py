"""Trends over HTTP, against the figures of the run folders."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from commandline import Shell
from serving import dashboard, edit, store

from tenantry.report.numbers import duration
from tenantry.results import open_run

POINT = re.compile(r'<a href="/runs/([^"]+)"><title>[^:]+: (\w+) ([^<]+)</title>')


@pytest.fixture
def runs(shell: Shell) -> Path:
    folder = shell.folder / "runs"
    folder.mkdir()
    return folder


def sections(page: str) -> dict[str, str]:
    """The parts of a page by their headings."""
    return {html.unescape(title): text for title, text in re.findall(r"<h2[^>]*>(.*?)</h2>(.*?)</section>", page, re.DOTALL)}


def test_each_run_is_a_point_of_the_whole_and_of_each_endpoint(shell: Shell, runs: Path) -> None:
    names = [store(runs, minute, speed=minute + 1) for minute in range(3)]
    with dashboard(shell) as server:
        server.wait_for_figures()
        found = sections(server.get("/trends?workload=clinic").text)
    whole = [(name, value) for name, figure, value in POINT.findall(found["All requests"]) if figure == "p95"]
    endpoint = [(name, value) for name, figure, value in POINT.findall(found["search: GET /api/search"]) if figure == "p95"]
    totals, searches = [], []
    for name in names:
        with open_run(runs / name) as run:
            assert run.totals.response_time_s is not None
            totals.append((name, duration(run.totals.response_time_s.p95)))
            (search,) = (series for series in run.series if series.name == "GET /api/search")
            assert search.response_time_s is not None
            searches.append((name, duration(search.response_time_s.p95)))
    assert (whole, endpoint) == (totals, searches)
    assert {figure for _, figure, _ in POINT.findall(found["All requests"])} == {"p50", "p95", "p99", "throughput", "failed"}


def test_baselines_are_marked(shell: Shell, runs: Path) -> None:
    names = [store(runs, minute) for minute in range(3)]
    (runs / "baselines.json").write_text(json.dumps({"main": names[0]}))
    with dashboard(shell) as server:
        server.wait_for_figures()
        page = sections(server.get("/trends?workload=clinic").text)["All requests"]
    marked = {(name, value.partition(", baseline ")[2]) for name, _, value in POINT.findall(page)}
    assert marked == {(names[0], "main"), (names[1], ""), (names[2], "")} and page.count('class="baseline"') == 3


def test_what_measured_nothing_sound_is_left_out_and_told(shell: Shell, runs: Path) -> None:
    names = [store(runs, minute) for minute in range(3)]
    edit(runs / names[1], verdict={"verdict": "invalid", "reason": "", "exit": 12})
    edit(runs / names[2], verdict=None, end=None, elapsed_ns=None)
    with dashboard(shell) as server:
        server.wait_for_figures()
        page = server.get("/trends?workload=clinic").text
    assert {name for name, _, _ in POINT.findall(page)} == {names[0]}
    assert "1 invalid, 1 killed" in page


def test_other_workloads_are_not_in_a_trend_and_all_of_them_are_offered(shell: Shell, runs: Path) -> None:
    evil = "<b>&amp;"
    one, other, odd = store(runs, 1), store(runs, 2, name="shop"), store(runs, 3)
    edit(runs / odd, name=evil)
    with dashboard(shell) as server:
        server.wait_for_figures()
        assert {name for name, _, _ in POINT.findall(server.get("/trends?workload=clinic").text)} == {one}
        page = server.get("/trends").text
        assert evil not in page
        links = {
            html.unescape(text): html.unescape(link)
            for link, text in re.findall(r'<li><a href="(/trends\?[^"]+)">([^<]*)</a>, 1 run', page)
        }
        assert set(links) == {"clinic", "shop", evil}
        found = {text: {name for name, _, _ in POINT.findall(server.get(link).text)} for text, link in links.items()}
        assert found == {"clinic": {one}, "shop": {other}, evil: {odd}}
        assert server.get("/trends?workload=nothing").status_code == 404


def test_endpoints_can_be_searched_for(shell: Shell, runs: Path) -> None:
    store(runs, 1)
    with dashboard(shell) as server:
        server.wait_for_figures()
        found = sections(server.get("/trends?workload=clinic&q=APPOINTMENTS+post").text)
    assert [title for title in found if ": " in title] == ["booking / booking: POST /api/appointments"]


TURN = re.compile(r'<li><b class="(\w+)">(\S+) ([^<]+)</b> since <a href="/runs/([^"]+)">')


def test_a_change_that_is_no_chance_is_marked_and_told_with_the_run_from_which_it_holds(shell: Shell, runs: Path) -> None:
    names = [store(runs, minute, speed=1.0 if minute < 6 else 0.5) for minute in range(12)]
    with dashboard(shell) as server:
        server.wait_for_figures()
        found = sections(server.get("/trends?workload=clinic").text)
    told = shell.run("runs", "--trend", "clinic", "--json").document["histories"][0]["changes"]
    assert {change["run"] for change in told if change["figure"] == "p95"} == {names[6]}
    whole = TURN.findall(found["All requests"])
    assert {(figure, run) for _, figure, _, run in whole} == {
        (change["figure"].replace("failures", "failed"), change["run"]) for change in told
    }
    (p95,) = [change for change in told if change["figure"] == "p95"]
    assert ("worse", "p95", f"{p95['change'] * 100:+.1f} %", names[6]) in whole
    assert found["All requests"].count('class="turn ') == len(whole)
    endpoint = {(figure, run) for _, figure, _, run in TURN.findall(found["search: GET /api/search"])}
    assert ("p50", names[6]) in endpoint


def test_steady_runs_have_no_change(shell: Shell, runs: Path) -> None:
    for minute in range(8):
        edit(runs / store(runs, minute), name="same")
    with dashboard(shell) as server:
        server.wait_for_figures()
        assert "p95 +" not in server.get("/trends?workload=same").text
