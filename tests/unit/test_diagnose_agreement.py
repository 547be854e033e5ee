"""What the diagnosis says where the same thing was measured in several ways: when measures agree, which do not, and what follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from observed import Scene, first, problems
from runfolder import SECOND, Iteration

from tenantry.diagnose.agreement import Range, apart
from tenantry.diagnose.model import Comparison, Diagnosis


@pytest.fixture
def scene() -> Scene:
    found = Scene()
    found.calm()
    return found


def compared(told: Diagnosis, what: str) -> Comparison:
    return next(comparison for comparison in told.validity if comparison.id == what)


@pytest.mark.parametrize(
    ("value", "least", "most", "error", "expected"),
    [
        (2.0, 1.9, 2.2, 0.0, "agree"),
        (2.0, 2.9, 2.9, 0.0, "agree"),
        (2.0, 3.1, 3.1, 0.0, "differ"),
        (2.0, 3.1, 3.1, 0.4, "agree"),
        (0.1, 0.5, 0.5, 0.0, "agree"),
        (0.0, 0.9, 0.9, 0.0, "differ"),
        (1.0, 3.1, 3.1, 0.0, "contradict"),
        (6.0, 0.0, 2.0, 0.1, "contradict"),
        (0.3, 1.2, 1.2, 0.0, "differ"),
    ],
    ids=lambda value: str(value),
)
def test_measures_are_apart_by_factor_and_by_more_than_sampling_and_the_observers_make(
    value: float, least: float, most: float, error: float, expected: str
) -> None:
    assert apart(Range(value, value), Range(least, most), error) == expected


def test_measures_that_agree_change_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.sessions(2, query_id="1")
    scene.grows("database.active_time", 21_000)
    scene.statement("1", "SELECT 1", calls=500, ms=38)
    scene.gauge("in_flight", 3.0)
    told = scene.diagnosed(tmp_path)
    assert {comparison.id: comparison.result for comparison in told.validity} == dict.fromkeys(
        ("generator", "in_flight", "server_timing", "sessions"), "agree"
    )
    found = compared(told, "sessions")
    assert found.measures == pytest.approx({"sampled": 2.0, "counted": 2.1, "statements": 1.9, "told": 2.1})
    assert found.text == (
        "sessions at work: 2 in 100 samples, 2.1 by the time that Postgres counts, 1.9 by the time of its statements,"
        " 2.1 waited for by the app"
    )


def test_samples_and_counters_that_differ_are_named_and_lower_the_confidence_of_what_is_found(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=400, db=200, app=2)
    scene.sessions(9, wait="Lock:transactionid", query_id="1")
    scene.blocked(9, "transactionid", query_id="1")
    sure = first(scene.diagnosed(tmp_path / "sure")).confidence
    scene.grows("database.active_time", 160_000)
    told = scene.diagnosed(tmp_path / "doubtful")
    found = compared(told, "sessions")
    assert found.result == "differ"
    assert "16 by the time that Postgres counts (of 9 sampled in the same time)" in found.text
    assert problems(told) == ["hot_row_lock"]
    assert first(told).confidence == pytest.approx(0.8 * sure)


def test_where_samples_and_counters_contradict_each_other_nothing_found_is_no_answer(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=0.1, db=2, app=1, door=0.5)
    scene.sessions(0.25, query_id="1")
    scene.grows("database.active_time", 60_000)
    told = scene.diagnosed(tmp_path)
    assert told.verdict == "cannot_tell"
    assert "6 by the time that Postgres counts (of 0.25 sampled in the same time)" in told.reason
    assert told.reason.endswith("they contradict each other")


def test_sessions_that_wait_for_their_client_within_a_statement_may_be_counted_or_not(scene: Scene, tmp_path: Path) -> None:
    # Behind a pooler: parsed, and the message that binds it has not come.
    scene.endpoint(pool=1, db=60, app=2)
    scene.sessions(0.5)
    scene.sessions(2, wait="Client:ClientRead")
    for counted_s in (5, 25):
        scene.readings = [row for row in scene.readings if row[2] != "database.active_time"]
        scene.grows("database.active_time", counted_s * 1000)
        found = compared(scene.diagnosed(tmp_path / str(counted_s)), "sessions")
        assert found.result == "agree"
        assert found.measures["sampled"] == pytest.approx(0.5)
        assert "beside 2 that waited for their client" in found.text


def test_time_that_postgres_forgets_is_no_disagreement_where_the_app_waited_as_long(tmp_path: Path) -> None:
    # Sessions wait for a table while their statements are parsed; `active_time` begins anew when they are executed.
    for told_ms, expected in ((80, "agree"), (0, "differ")):
        scene = Scene()
        scene.endpoint(pool=1, db=told_ms, app=2)
        if not told_ms:
            scene.timing.clear()
        scene.sessions(4, wait="Lock:relation")
        scene.grows("database.active_time", 4_000)
        found = compared(scene.diagnosed(tmp_path / expected), "sessions")
        assert found.result == expected
    assert "0.4 by the time that Postgres counts (of 4 sampled in the same time)" in found.text


def test_statements_that_had_not_ended_are_not_missed_in_the_counters(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=100, app=2)
    scene.sessions(5, wait="Lock:relation", old_s=8.0)
    scene.grows("database.active_time", 10_000)
    assert compared(scene.diagnosed(tmp_path), "sessions").result == "agree"


def test_the_observers_own_statements_are_not_the_apps(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=2, app=2)
    scene.sessions(0.25)
    scene.grows("database.active_time", 21_000)
    scene.postgres["cost"] = {"calls": 100, "exec_s": 20.0}
    assert compared(scene.diagnosed(tmp_path), "sessions").measures["counted"] == pytest.approx(0.1)


def test_a_database_that_works_for_others_is_said_and_spoils_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=0.1, db=2, app=1, door=0.5)
    scene.sessions(3)
    scene.grows("database.active_time", 30_000)
    told = scene.diagnosed(tmp_path)
    assert compared(told, "sessions").result == "others"
    assert "works for somebody else" in compared(told, "sessions").text
    assert told.verdict == "none"


def test_ways_and_poolers_in_the_apps_word_for_its_database_are_no_disagreement(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=20, app=1)
    scene.sessions(0.05, query_id="1")
    scene.sessions(0.9, "idle in transaction", "Client:ClientRead")
    assert compared(scene.diagnosed(tmp_path), "sessions").result == "agree"


def test_statements_within_functions_are_not_counted_twice(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.sessions(2, query_id="1")
    scene.statement("1", "SELECT f()", calls=500, ms=100)
    assert compared(scene.diagnosed(tmp_path / "top"), "sessions").result == "differ"
    scene.postgres["settings"] = {"pg_stat_statements.track": {"setting": "all"}}
    assert "statements" not in compared(scene.diagnosed(tmp_path / "all"), "sessions").measures


def test_requests_in_flight_follow_littles_law(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=100, db=50, app=10)
    for gauge, expected in ((8.5, "agree"), (1.0, "differ"), (40.0, "others")):
        scene.readings = [row for row in scene.readings if row[2] != "in_flight"]
        # Before the load an idle app tells the scrape alone.
        scene.readings.append((-SECOND, "app", "in_flight", "", 1.0))
        scene.gauge("in_flight", gauge + 1)
        found = compared(scene.diagnosed(tmp_path / expected), "in_flight")
        assert found.result == expected
        assert found.measures["gauge"] == pytest.approx(gauge)
        assert found.measures["rate_x_time"] == pytest.approx(8)


def test_parts_of_server_timing_that_overlap_are_no_shares(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=20, app=1)
    # Three queries at a time, each told as if it were alone.
    scene.timing = [(*row[:6], row[6] * 3, row[7]) if row[3] == "db" else row for row in scene.timing]
    found = compared(scene.diagnosed(tmp_path), "server_timing")
    assert found.result == "differ"
    assert "its parts overlap" in found.text


def test_more_iterations_in_progress_than_virtual_users_is_a_contradiction_in_the_generators_books(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=20, app=1, door=300)
    for vus, expected in ((25, "bottleneck"), (4, "cannot_tell")):
        scene.run.iterations = [Iteration(at * SECOND // 50, at * SECOND // 50, at * SECOND // 50 + SECOND // 2) for at in range(480)]
        scene.run.vus = [(second, "visit", vus) for second in range(10)]
        told = scene.diagnosed(tmp_path / expected)
        assert told.verdict == expected
    assert compared(told, "virtual_users").measures == pytest.approx({"rate_x_duration": 23.75, "busy_vus": 4})


def test_a_generator_that_spoiled_the_measurement_lowers_the_confidence(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=20, app=1, door=300)
    scene.run.iterations = [Iteration(at * SECOND // 50, at * SECOND // 50 + SECOND // 5, (at + 20) * SECOND // 50) for at in range(480)]
    told = scene.diagnosed(tmp_path)
    assert compared(told, "generator").result == "differ"
    assert "start delay p99" in compared(told, "generator").text
    assert first(told).confidence == pytest.approx(0.8)


def test_what_would_make_sure_is_named(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=2, app=1)
    missing = " ".join(scene.diagnosed(tmp_path).unseen)
    assert "requests_in_flight" in missing
    assert "pg_stat_database" in missing
