"""What breaks first: stations with their capacity laws, the load at which each is full, and whether its cause lies upstream."""

from __future__ import annotations

from pathlib import Path

import pytest
from observed import Scene
from runfolder import Reading

from tenantry.diagnose.model import Diagnosis, Station
from tenantry.report import html, ladder, markdown
from tenantry.report.document import page_document
from tenantry.results import open_run

RISE = range(10, 70)


def station(told: Diagnosis, name: str) -> Station:
    return next(station for station in told.ladder if station.id == name)


@pytest.fixture
def rising() -> Scene:
    """A load that rises from 10 to 69 requests a second in a minute; a pool of 3 connections, each held for 50 ms."""
    scene = Scene(rates=RISE)
    for metric, value in (("pool.size", 3.0), ("cpu.cores", 2.0)):
        scene.gauge(metric, value)
    scene.gauge("pool.in_use", [min(rate * 0.05, 3.0) for rate in RISE])
    for group, each_s in (("app", 0.010), ("app:7", 0.010), ("postgres", 0.004)):
        scene.grows("process.cpu_s", [rate * each_s for rate in RISE], group)
    scene.grows("cpu.busy_s", [0.5 + rate * 0.014 for rate in RISE])
    scene.endpoint(pool=1, db=30, app=10)
    return scene


def test_the_load_at_which_a_station_becomes_full_is_that_of_its_first_full_window(rising: Scene, tmp_path: Path) -> None:
    told = rising.diagnosed(tmp_path)
    first = told.ladder[0]
    assert (first.id, first.servers, first.unit) == ("app_pool", 3, "connections")
    assert first.limit is not None
    assert (first.limit.how, first.limit.second) == ("reached", 45)
    # Nine tenths of 3 connections by 50 ms are 54 requests a second.
    assert first.limit.requests_per_s == pytest.approx(55, rel=0.03)
    assert first.limit.iterations_per_s == pytest.approx(56, rel=0.03)
    assert first.capacity_per_s == pytest.approx(62, rel=0.08)
    assert first.hold_low_s == pytest.approx(0.05, rel=0.1)
    assert first.grew is False
    assert told.as_dict()["ladder"][0]["limit"]["how"] == "reached"


def test_what_was_not_full_is_extrapolated_by_servers_over_the_time_held(rising: Scene, tmp_path: Path) -> None:
    told = rising.diagnosed(tmp_path)
    app, machine = station(told, "app_cpu"), station(told, "machine_cpu")
    assert (app.servers, app.limit and app.limit.how) == (1, "extrapolated")
    assert app.hold_s == pytest.approx(0.010, rel=0.03)
    assert app.capacity_per_s == pytest.approx(100, rel=0.03)
    # Half a core goes to others, whatever the load: it is not a request's.
    assert machine.hold_s == pytest.approx(0.014, rel=0.03)
    assert machine.capacity_per_s == pytest.approx(1.5 / 0.014, rel=0.03)
    assert [each.id for each in told.ladder] == ["app_pool", "app_cpu", "machine_cpu", "generator", "database_cpu"]


def test_a_time_held_that_grew_with_the_load_puts_the_cause_upstream(rising: Scene, tmp_path: Path) -> None:
    rising.readings = [row for row in rising.readings if row[2] != "pool.in_use"]
    rising.gauge("pool.in_use", [min(rate * (0.01 if rate < 40 else 0.06), 3.0) for rate in RISE])
    pool = station(rising.diagnosed(tmp_path), "app_pool")
    assert pool.is_full
    assert pool.grew
    assert pool.hold_low_s == pytest.approx(0.01, rel=0.1)


def test_a_few_scrapes_more_are_noise_and_no_growth(rising: Scene, tmp_path: Path) -> None:
    rising.readings = [row for row in rising.readings if row[2] != "pool.in_use"]
    # Once in eight seconds somebody is met, at twice the load twice as many.
    rising.gauge("pool.in_use", [float((second % 8 == 0) * (1 + (second > 30) * (second % 16 == 0) * 3)) for second in range(60)])
    assert station(rising.diagnosed(tmp_path), "app_pool").grew is False


def test_a_constant_load_tells_a_limit_by_extrapolation_or_that_it_lies_below(tmp_path: Path) -> None:
    for in_use, expected in ((2.0, ("extrapolated", 250)), (9.5, ("from_start", 50))):
        scene = Scene()
        scene.calm(in_use=in_use)
        scene.endpoint(pool=1, db=5, app=2)
        pool = station(scene.diagnosed(tmp_path / expected[0]), "app_pool")
        assert pool.limit is not None
        assert pool.limit.how == expected[0]
        assert pool.limit.requests_per_s == pytest.approx(expected[1], rel=0.03)
        assert (pool.grew, pool.hold_low_s) == (None, None)


def test_a_queue_makes_a_pool_full_that_scrapes_meet_between_two_of_its_users(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(pool=10, in_use=7.5)
    scene.readings = [row for row in scene.readings if row[2] != "pool.waiting"]
    scene.gauge("pool.waiting", 4.0)
    scene.endpoint(pool=80, db=5, app=2)
    pool = station(scene.diagnosed(tmp_path), "app_pool")
    assert pool.limit is not None
    assert pool.limit.sign == "4 waited for it at a time"


def test_connections_that_a_pool_holds_anyway_are_not_extrapolated(tmp_path: Path) -> None:
    scene = Scene()
    scene.postgres["settings"] = {"max_connections": {"setting": "50"}, "reserved_connections": {"setting": "7"}}
    scene.endpoint(pool=1, db=5, app=2)
    for held, full in ((12.0, False), (38.0, True)):
        scene.gauge("sessions.all", held)
        found = station(scene.diagnosed(tmp_path / str(held)), "connections")
        assert (found.servers, found.is_full, found.capacity_per_s) == (40, full, None)
        scene.readings = [row for row in scene.readings if row[2] != "sessions.all"]


def test_the_poolers_busiest_pool_is_a_station(tmp_path: Path) -> None:
    scene = Scene()
    scene.facts["pgbouncer"] = {"settings": {"default_pool_size": "20"}, "databases": [{"name": "app", "pool_size": "4"}]}
    scene.endpoint(pool=1, db=50, app=2)
    for subject, active in (("app/web", 3.9), ("reports/web", 1.0)):
        scene.gauge("pooler.sv_active", active, subject)
    pool = station(scene.diagnosed(tmp_path), "pooler_pool")
    assert (pool.servers, pool.is_full) == (4, True)


def test_a_lock_is_held_while_somebody_waits_for_it(tmp_path: Path) -> None:
    scene = Scene()
    scene.endpoint(pool=1, db=200, app=2)
    scene.sessions(9, wait="Lock:transactionid", query_id="1")
    scene.blocked(9, "transactionid", query_id="1")
    lock = station(scene.diagnosed(tmp_path), "lock")
    assert (lock.title, lock.servers, lock.busy) == ("the hottest row lock", 1, 1.0)
    assert lock.hold_s == pytest.approx(0.02, rel=0.03)


def test_workers_are_as_many_as_are_in_the_app_while_others_wait_at_its_door(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm()
    scene.endpoint(pool=1, db=5, ext=70, app=4, door=300)
    workers = station(scene.diagnosed(tmp_path), "app_workers")
    assert (workers.servers, workers.limit and workers.limit.sign) == (4, "requests waited at its door")
    assert workers.hold_s == pytest.approx(0.08, rel=0.05)


def test_a_late_event_loop_is_full_while_its_processor_is_idle(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(lag=0.08, app=0.2)
    scene.endpoint(pool=1, db=5, app=40, door=40)
    told = scene.diagnosed(tmp_path)
    app = station(told, "app_cpu")
    assert app.is_full
    assert app.busy == pytest.approx(0.2)
    assert "app_workers" not in {each.id for each in told.ladder}
    assert ladder.notes(told.as_dict())[0].endswith("its event loop was late")


def test_a_process_with_threads_may_use_all_cores(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(app=1.5, busy=0.9)
    scene.endpoint(pool=1, db=5, app=4)
    assert station(scene.diagnosed(tmp_path), "app_cpu").servers == 2


def test_the_generator_is_full_where_a_run_becomes_invalid(tmp_path: Path) -> None:
    scene = Scene()
    scene.run.readings = [Reading(second, loop_busy=0.87) for second in range(scene.seconds)]
    scene.endpoint(pool=1, db=5, app=4)
    assert station(scene.diagnosed(tmp_path), "generator").is_full


def test_the_ladder_is_told_in_rows_and_sentences_that_fit_a_terminal(rising: Scene, tmp_path: Path) -> None:
    document = rising.diagnosed(tmp_path).as_dict()
    assert ladder.rows(document)[0] == ("the app's connection pool", "56.0", "98 %", "3 connections", "47.6 ms")
    assert ladder.rows(document)[1][:4] == ("the app's processes", "~99.9", "62 %", "1 core")
    assert ladder.notes(document) == [
        "the app's connection pool broke first: full from second 45 on, at 56.0 requests/s (56.0 iterations/s asked for)",
        "~: extrapolated from 61.9 requests/s, as servers / time held; it may be lower",
    ]
    assert all(len(line.plain) <= 80 for line in ladder.lines(document, 80))


def test_page_and_markdown_show_the_ladder_as_tables(rising: Scene, tmp_path: Path) -> None:
    rising.diagnosed(tmp_path)
    with open_run(tmp_path) as opened:
        document = page_document(opened)
    page = html.render(document)
    table = page[page.index('<table id="ladder">') : page.index("</table>", page.index('<table id="ladder">'))]
    assert '<th scope="row">the app&#39;s connection pool</th><td class="num">56.0</td>' in table
    assert "data-sortable" not in table
    assert "broke first: full from second 45 on" in page
    summary = markdown.render(document)
    assert "<summary>What breaks first</summary>" in summary
    assert "| the app's connection pool | 56.0 | 98 % | 3 connections | 47.6 ms |" in summary


def test_where_nothing_was_full_that_is_said(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm()
    scene.endpoint(pool=1, db=5, app=4)
    assert ladder.notes(scene.diagnosed(tmp_path).as_dict())[0] == "no limit was reached"


def test_a_problem_says_what_it_gains_and_which_limit_comes_next(rising: Scene, tmp_path: Path) -> None:
    rising.endpoint("GET /slow", pool=300, db=30, app=10)
    told = rising.diagnosed(tmp_path)
    first = told.findings[0]
    assert first.id == "app_pool_small"
    assert first.gain is not None
    assert first.gain.response_time_s == pytest.approx(first.share * 0.239, rel=0.02)
    assert first.gain.next_limit_per_s == station(told, "app_cpu").capacity_per_s
    assert "; the next limit is the app's processes, at about" in first.gain.text
    assert first.as_dict()["gain"]["failures"] is None
    assert any(text.startswith("the law of the app's connection pool: 3 connections, held ") for text in first.evidence)


def test_what_fails_gains_requests_that_do_not(tmp_path: Path) -> None:
    scene = Scene()
    scene.endpoint("POST /checkout", pool=1, db=5, app=2, ext=2, failed=0.5, detail="503 the invoicing service refused: 429")
    gain = scene.diagnosed(tmp_path).findings[0].gain
    assert gain is not None
    assert gain.failures == pytest.approx(0.5)
    assert gain.response_time_s is None


def test_a_station_with_room_speaks_against_the_finding_that_blames_it(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(in_use=2)
    scene.endpoint(pool=100, db=10, app=2)
    first = scene.diagnosed(tmp_path).findings[0]
    assert first.id == "app_pool_small"
    assert "the app's connection pool: 20 % busy at the highest load" in first.against


def test_a_hold_that_grew_and_what_was_full_before_speak_against_a_finding(rising: Scene, tmp_path: Path) -> None:
    rising.readings = [row for row in rising.readings if row[2] not in ("pool.in_use", "cpu.busy_s")]
    rising.gauge("pool.in_use", [min(rate * (0.01 if rate < 40 else 0.06), 3.0) for rate in RISE])
    rising.grows("cpu.busy_s", [1.95 if rate > 30 else 0.5 for rate in RISE])
    rising.endpoint("GET /slow", pool=300, db=30, app=10)
    pool = next(finding for finding in rising.diagnosed(tmp_path).findings if finding.id == "app_pool_small")
    assert any("at the lowest 5" in text and "may be the cause" in text for text in pool.against)
    assert any(
        text.startswith("something else broke first, at ") and text.endswith("requests/s: the machine's processors")
        for text in pool.against
    )


def test_what_has_room_is_named_with_figures_and_what_is_the_problem_is_not(rising: Scene, tmp_path: Path) -> None:
    fine = " ".join(rising.diagnosed(tmp_path / "calm").fine)
    assert "what has room at 62 requests/s: the app's processes (62 % busy, full at about 100)" in fine
    assert "the database: " in fine
    slow = Scene()
    slow.calm(in_use=9.5)
    slow.endpoint(pool=400, db=200, app=2)
    slow.sessions(9, wait="Lock:transactionid", query_id="1")
    slow.blocked(9, "transactionid", query_id="1")
    fine = " ".join(slow.diagnosed(tmp_path / "locked").fine)
    assert "the database: " not in fine
    assert "locks: " not in fine
    assert "connection pool" not in fine


def test_a_parent_and_helpers_of_the_app_are_no_workers(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(app=0.4)
    scene.endpoint(pool=1, db=5, app=4)
    for worker, cores in (("8", 0.35), ("9", 0.1), ("10", 0.0)):
        scene.grows("process.cpu_s", cores * scene.seconds, f"app:{worker}")
    app = station(scene.diagnosed(tmp_path), "app_cpu")
    assert app.servers == 2
    assert app.busy == pytest.approx(0.375)


def test_a_machine_that_others_fill_does_not_break_as_the_load_grows(rising: Scene, tmp_path: Path) -> None:
    rising.readings = [row for row in rising.readings if row[2] != "cpu.busy_s"]
    rising.grows("cpu.busy_s", [1.95] * 60)
    rising.endpoint("GET /slow", pool=300, db=30, app=10)
    told = rising.diagnosed(tmp_path)
    machine = station(told, "machine_cpu")
    assert machine.limit is not None
    assert (machine.limit.how, machine.limit.sign) == ("others", "1.4 of them go to others")
    assert told.ladder[0].id == "app_pool"
    pool = next(finding for finding in told.findings if finding.id == "app_pool_small")
    assert "the machine's processors were full, whatever the load: 1.4 of them go to others" in pool.against
