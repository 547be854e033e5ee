"""Where the time of each request name went: parts that add up, at low load and at high."""

from __future__ import annotations

from pathlib import Path

import pytest
from observed import Scene

from tenantry.diagnose.model import Decomposed
from tenantry.report.diagnosis import print_diagnosis
from tenantry.report.document import page_document
from tenantry.report.html import render
from tenantry.report.markdown import render as markdown
from tenantry.results import open_run

SLOW, QUICK = "POST /slow", "GET /quick"


def two_names(*, routes: bool) -> Scene:
    """One name that waits for a lock in the database, and one that is quick; 50 of each per second."""
    scene = Scene()
    scene.calm()
    scene.endpoint(SLOW, pool=4, db=40, app=2, ext=6, late=2)
    scene.endpoint(QUICK, db=4, app=1, door=3)
    scene.sessions(1.5, wait="Lock:tuple", query_id="1", route=SLOW if routes else "")
    scene.sessions(0.5, query_id="1", route=SLOW if routes else "")
    scene.sessions(0.1, query_id="2", route=QUICK if routes else "")
    scene.statement("1", "UPDATE counters SET n = n + 1", calls=500, ms=40)
    scene.statement("2", "SELECT 1", calls=500, ms=2)
    return scene


def by_name(found: tuple[Decomposed, ...], load: str = "highest") -> dict[str, Decomposed]:
    return {each.name: each for each in found if each.load == load}


@pytest.mark.parametrize("routes", [True, False])
def test_the_parts_of_each_name_add_up_to_its_mean_response_time(tmp_path: Path, routes: bool) -> None:
    told = by_name(two_names(routes=routes).diagnosed(tmp_path).decomposition)
    with open_run(tmp_path) as run:
        truth = {one.name: one.response_time_s.avg for one in run.series if one.response_time_s} | {
            "": run.totals.response_time_s.avg if run.totals.response_time_s else 0.0
        }
    assert {name: sum(seconds for _, seconds in each.parts) for name, each in told.items()} == pytest.approx(truth)
    assert dict(told[SLOW].parts)["other services"] == pytest.approx(0.006)
    assert dict(told[SLOW].parts)["generator"] == pytest.approx(0.002)
    assert dict(told[QUICK].parts)["before the app"] == pytest.approx(0.003)
    assert told[""].requests_per_s == pytest.approx(2 * told[SLOW].requests_per_s)


def test_where_sessions_tell_their_route_the_database_is_divided_by_it(tmp_path: Path) -> None:
    told = by_name(two_names(routes=True).diagnosed(tmp_path).decomposition)
    slow, quick = dict(told[SLOW].parts), dict(told[QUICK].parts)
    # 2 sessions at work for 50 requests a second are 40 ms of each.
    assert slow["database: Lock:tuple"] == pytest.approx(0.03, rel=0.05)
    assert slow["database: executing"] == pytest.approx(0.01, rel=0.05)
    assert "database: Lock:tuple" not in quick
    assert quick["database: executing"] == pytest.approx(0.002, rel=0.15)
    assert [(number, text) for number, text, _ in told[SLOW].statements] == [("1", "UPDATE counters SET n = n + 1")]
    assert told[QUICK].statements[0][2] == pytest.approx(0.002, rel=0.15)


def test_where_they_do_not_each_name_has_its_share_of_everybodys(tmp_path: Path) -> None:
    told = by_name(two_names(routes=False).diagnosed(tmp_path).decomposition)
    slow, quick = dict(told[SLOW].parts), dict(told[QUICK].parts)
    assert slow["database: Lock:tuple"] == pytest.approx(10 * quick["database: Lock:tuple"])
    assert told[SLOW].statements == ()


def test_a_load_that_rises_is_told_at_both_its_ends(tmp_path: Path) -> None:
    scene = Scene(rates=(12, 12, 12, 12, 12, 12, *(60,) * 9))
    scene.endpoint(QUICK, pool=1, db=2, app=1)
    told = scene.diagnosed(tmp_path).decomposition
    assert [(each.name, each.load) for each in told] == [("", "lowest"), ("", "highest"), (QUICK, "lowest"), (QUICK, "highest")]
    low, high = by_name(told, "lowest")[QUICK], by_name(told)[QUICK]
    assert low.requests_per_s == pytest.approx(12, rel=0.05)
    assert high.requests_per_s == pytest.approx(60, rel=0.05)
    assert dict(low.parts)["app"] == pytest.approx(0.001)


def test_page_markdown_and_terminal_show_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = two_names(routes=True)
    print_diagnosis(scene.diagnosed(tmp_path).as_dict())
    terminal = capsys.readouterr().out
    line = next(line for line in terminal.splitlines() if line.startswith(SLOW))
    assert line.split()[2:] == ["67.0", "ms", "2.00", "ms", "4.00", "ms", "40.0", "ms", "21.0", "ms"]
    with open_run(tmp_path) as run:
        document = page_document(run)
    page = render(document)
    assert "Time of each request" in page and "30.0 ms" in page
    assert '<th scope="row">POST /slow</th>' in page
    assert "Time of each request" in markdown(document)
