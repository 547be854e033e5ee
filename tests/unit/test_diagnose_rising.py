"""What the diagnosis says of loads that rise, where a limit is reached at their end, and how problems are weighed against each other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from observed import Scene, first, problems
from runfolder import SECOND

from tenantry.diagnose.answer import cost_s
from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import WHOLE, Finding, Fix, Stretch
from tenantry.report.diagnosis import print_diagnosis
from tenantry.report.findings import beside
from tenantry.results import open_run

RISE = (12, 12, 12, 28, 36, 44, 52, 56, 60, 60, 60, 60, 60, 60, 60)
BEFORE, AT_THE_END = range(6), range(6, 15)


def rising(**calm: Any) -> Scene:
    """A load that rises for nine seconds and stays for six."""
    scene = Scene(rates=RISE)
    scene.calm(**calm)
    return scene


def far_away(scene: Scene) -> None:
    """Every request travels 25 ms to its database and back, in four statements."""
    scene.sessions(0.05, query_id="1")
    scene.sessions(0.9, "idle in transaction", "Client:ClientRead")
    for number in ("1", "2", "3", "4"):
        scene.statement(number, f"SELECT {number}", calls=sum(RISE), ms=0.1)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (RISE, Stretch(6, None)),
        ((*RISE, 12, 12, 12), Stretch(6, 15)),
        ((12,) * 12 + (60,) * 3, WHOLE),
        ((60,) * 15, WHOLE),
    ],
    ids=["to the end", "a peak in the middle", "a peak too short to go by", "a load that does not rise"],
)
def test_evidence_is_taken_where_the_load_was_highest(tmp_path: Path, rates: tuple[int, ...], expected: Stretch) -> None:
    scene = Scene(rates=rates)
    scene.endpoint(pool=1, db=2, app=1)
    told = scene.diagnosed(tmp_path)
    assert told.as_dict()["stretch"] == {"from_s": expected.from_s, "until_s": expected.until_s}
    with open_run(tmp_path) as run:
        highest = Evidence(run).at_highest_load
        assert highest.stretch == expected
        assert highest.rate == pytest.approx(sum(rates[expected.from_s : expected.until_s]) / highest.duration_s, rel=0.02)


@pytest.mark.parametrize(
    ("rates", "title"),
    [(RISE, " from second 6 on"), ((*RISE, 12, 12, 12), " from second 6 until 15"), ((60,) * 15, "")],
)
def test_people_are_told_which_seconds_the_parts_of_the_time_are_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rates: tuple[int, ...], title: str
) -> None:
    scene = Scene(rates=rates)
    scene.endpoint(pool=1, db=2, app=1)
    told = scene.diagnosed(tmp_path).as_dict()
    print_diagnosis(told)
    assert f"Where the request time went{title} " in capsys.readouterr().out
    assert f"Where the request time went{title}" in dict(beside({"diagnosis": told}))


def test_a_pool_that_fills_up_at_the_end_goes_before_a_distance_that_was_there_from_the_start(tmp_path: Path) -> None:
    scene = rising(pool=2)
    far_away(scene)
    scene.endpoint(pool=0.1, db=25, app=1, during=BEFORE)
    scene.endpoint(pool=9, db=25, app=1, during=AT_THE_END)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["app_pool_small", "distant_database"]
    assert first(told).share < told.findings[1].share, "the distance takes more time, but no load brought it"


def test_a_distance_alone_is_named_although_no_load_makes_it_longer(tmp_path: Path) -> None:
    scene = rising()
    far_away(scene)
    scene.endpoint(pool=0.1, db=25, app=1)
    assert problems(scene.diagnosed(tmp_path)) == ["distant_database"]


def test_of_a_load_that_does_not_rise_the_larger_share_goes_first(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(pool=2)
    far_away(scene)
    scene.endpoint(rate=60, pool=9, db=25, app=1)
    assert problems(scene.diagnosed(tmp_path)) == ["distant_database", "app_pool_small"]


def test_counters_grow_evenly_between_the_snapshots_about_the_highest_load(tmp_path: Path) -> None:
    scene = rising()
    scene.endpoint(pool=1, db=2, app=1)
    scene.readings += [(at * SECOND, "postgres.counters", "snapshot", "", 1.0) for at in (5, 10)]
    scene.grows("database.sessions", [0.0] * 5 + [10.0] * 5 + [30.0] * 5)
    scene.readings.append((15 * SECOND, "postgres.counters", "statement.calls", "7", 90.0))
    scene.diagnosed(tmp_path)
    with open_run(tmp_path) as run:
        whole = Evidence(run)
        assert whole.readings.growth("database.sessions") == 200
        assert whole.at_highest_load.readings.growth("database.sessions") == 40 + 150
        assert whole.at_highest_load.readings.growth("statement.calls", "7") == 90, "a statement that came later began at zero"


def test_requests_of_a_stretch_that_ends_before_the_load_does_are_asked_for_once(tmp_path: Path) -> None:
    scene = rising()
    scene.endpoint(pool=1, db=2, app=1)
    scene.diagnosed(tmp_path)
    with open_run(tmp_path) as run:
        lowest = Evidence(run).at_lowest_load
        assert lowest is not None and lowest.stretch.until_s is not None
        assert lowest.endpoints_meanwhile is lowest.endpoints


def found(**what: Any) -> Finding:
    return Finding("x", summary="", evidence=(), fix=Fix(""), confidence=1.0, **what)


@pytest.mark.parametrize(
    ("finding", "mean_s", "expected"),
    [
        (found(share=0.8), 0.025, 0.020),
        (found(share=0.8, lasting=0.9), 0.025, 0.002),
        (found(share=0.1, failed=0.1), 0.025, 0.1),
        (found(share=0.1, failed=0.1), 3.0, 0.3),
    ],
    ids=["time", "time that was there before", "a failure costs a critical response time", "or the mean where that is longer"],
)
def test_problems_cost_seconds_of_waiting(finding: Finding, mean_s: float, expected: float) -> None:
    evidence: Any = SimpleNamespace(mean_s=mean_s, critical_s=1.0)
    assert cost_s(finding, evidence) == pytest.approx(expected)


def test_requests_that_fail_go_before_a_large_part_of_a_short_time(tmp_path: Path) -> None:
    scene = rising()
    scene.endpoint("GET /", pool=1, db=30, app=2)
    scene.endpoint("POST /checkout", pool=1, db=5, app=2, ext=3, failed=0.3, detail="503 the invoicing service refused: 429")
    scene.sessions(2, wait="Lock:transactionid", query_id="1")
    scene.blocked(2, "transactionid", query_id="1")
    assert problems(scene.diagnosed(tmp_path)) == ["external_rate_limit", "hot_row_lock"]


def test_connections_that_come_back_now_and_then_are_not_lost(tmp_path: Path) -> None:
    scene = rising()
    scene.readings = [row for row in scene.readings if row[2] != "pool.in_use"]
    scene.gauge("pool.in_use", [0.0, 10.0, 10.0] * 5)
    scene.sessions(8, "idle", old_s=7.0)
    scene.endpoint(pool=500, db=5, app=2)
    assert problems(scene.diagnosed(tmp_path)) == ["app_pool_small"]


def test_what_it_takes_to_open_connections_is_seen_in_processor_time_as_well(tmp_path: Path) -> None:
    scene = rising(postgres=0.5)
    scene.endpoint(pool=0.1, db=6, app=5)
    scene.grows("database.sessions", sum(RISE))
    scene.grows("database.xact_commit", sum(RISE))
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["connection_churn"]
    assert any("cores beyond its statements" in text for text in first(told).evidence)


@pytest.mark.parametrize(
    ("cores", "expected"),
    [(0.1, ["few_workers", "machine_cpu"]), (0.6, ["machine_cpu"])],
    ids=["others fill it", "the load itself fills it"],
)
def test_requests_at_the_door_of_a_full_machine_lack_workers_only_where_others_fill_it(
    tmp_path: Path, cores: float, expected: list[str]
) -> None:
    scene = rising(busy=0.99, app=cores, postgres=cores)
    scene.endpoint(pool=1, db=5, app=2, door=300)
    assert problems(scene.diagnosed(tmp_path)) == expected


def test_a_pool_is_not_too_small_where_the_load_leaves_no_processor(tmp_path: Path) -> None:
    scene = rising(busy=0.99, app=0.7, postgres=0.7, in_use=10)
    scene.endpoint(pool=400, db=150, app=5)
    scene.sessions(9)
    assert problems(scene.diagnosed(tmp_path)) == ["machine_cpu"]


def test_a_loop_that_is_late_without_anything_that_has_it_does_not_explain_the_way_to_the_database(tmp_path: Path) -> None:
    scene = rising(lag=0.04, pool=2, in_use=1.9)
    scene.endpoint(pool=40, db=25, app=1)
    assert problems(scene.diagnosed(tmp_path)) == ["app_pool_small"]


def test_bursts_are_counted_over_the_whole_load(tmp_path: Path) -> None:
    scene = rising()
    scene.endpoint(pool=10, db=60, app=2)
    for burst in (10, 50, 100):
        scene.sessions(9, query_id="1", samples=range(burst, burst + 6))
    scene.statement("1", "SELECT count(*) FROM visits", calls=100, ms=125)
    assert problems(scene.diagnosed(tmp_path))[0] == "cache_stampede"


@pytest.mark.parametrize(("db", "expected"), [(25, ["distant_database"]), (3, [])], ids=["far", "near"])
def test_without_counts_a_request_is_taken_to_have_the_fewest_statements(tmp_path: Path, db: float, expected: list[str]) -> None:
    scene = rising()
    scene.sessions(0.9, "idle in transaction", "Client:ClientRead")
    scene.endpoint(pool=0.1, db=db, app=1)
    assert problems(scene.diagnosed(tmp_path)) == expected
