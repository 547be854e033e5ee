"""What the diagnosis says of runs whose cause is known, and of those that look like it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from observed import EACH_S, Scene, first, problems, scan
from runfolder import SECOND, Reading

from tenantry.diagnose.model import Finding

OWN = "(clinic_id = $0)"


@pytest.fixture
def scene() -> Scene:
    found = Scene()
    found.calm()
    return found


def test_a_healthy_run_has_no_bottleneck(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=0.1, db=2, app=1, door=0.5)
    scene.sessions(0.1, query_id="1")
    scene.statement("1", "SELECT 1", calls=500, ms=1)
    told = scene.diagnosed(tmp_path)
    assert (told.verdict, problems(told)) == ("none", [])
    assert told.reason == "no bottleneck was reached"


def test_the_parts_add_up_to_the_request_time(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=3, db=20, app=5, ext=7, door=4, late=2)
    scene.sessions(0.5, wait="Lock:tuple")
    scene.sessions(0.2)
    told = scene.diagnosed(tmp_path)
    whole = 50 * ((3 + 20 + 5 + 7 + 4) / 0.8 + 2) / 1000
    assert sum(part.at_a_time for part in told.parts) == pytest.approx(whole, rel=1e-6)
    by_name = {part.name: part.at_a_time for part in told.parts}
    assert by_name["other services"] == pytest.approx(50 * 0.007)
    assert by_name["generator"] == pytest.approx(50 * 0.002)


def test_a_pool_that_is_full_of_quick_work_is_too_small(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(pool=2, in_use=1.9)
    scene.endpoint(pool=100, db=10, app=2)
    scene.sessions(0.4, query_id="1")
    scene.sessions(1.4, "idle in transaction", "Client:ClientRead")
    assert problems(scene.diagnosed(tmp_path)) == ["app_pool_small"]


def test_a_lock_that_fills_the_pool_is_the_problem_and_the_pool_a_symptom(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=400, db=200, app=2)
    scene.sessions(9, wait="Lock:transactionid", query_id="1")
    scene.blocked(9, "transactionid", query_id="1")
    scene.statement("1", "UPDATE counters SET n = n + 1", calls=500, ms=180)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["hot_row_lock"]
    assert first(told).subject["statement"].startswith("UPDATE counters")
    symptoms = {finding.id: finding.explained_by for finding in told.findings if finding.kind == "symptom"}
    assert symptoms["app_pool_small"] == "hot_row_lock"
    assert first(told).share > 0.7, "the time that others wait for its connections is its own doing"


WAITS = [("Lock:transactionid", "transactionid"), ("Lock:advisory", "advisory")]


def queue_of(scene: Scene, folder: Path, waits: Sequence[tuple[int, str, str]], wait: tuple[str, str] = WAITS[0]) -> Finding:
    """The finding where so many sessions of a tenant wait behind another one, or the same."""
    scene.endpoint(pool=10, db=200, app=2)
    for number, tenant, holder in waits:
        scene.sessions(number, wait=wait[0], tenant=tenant)
        scene.blocked(number, wait[1], tenant=tenant, holder=holder)
    return first(scene.diagnosed(folder))


@pytest.mark.parametrize("wait", WAITS, ids=["row", "advisory"])
def test_a_key_that_a_busy_tenant_waits_for_by_itself_is_the_tenants(scene: Scene, tmp_path: Path, wait: tuple[str, str]) -> None:
    found = queue_of(scene, tmp_path, [(5, "7", "7"), (2, "8", "8"), (2, "9", "9")], wait)
    assert found.subject["tenant"] == "7"
    wanted = "100 % of them wait behind their own tenant: the key is the tenant's; 56 % are those of tenant 7, an even part is 5 %"
    assert wanted in found.evidence


@pytest.mark.parametrize(
    "waits",
    [
        [(5, "7", "7"), (2, "8", "7"), (2, "9", "7")],
        [(2, "1", "1"), (2, "2", "2"), (2, "3", "3"), (2, "4", "4"), (2, "5", "5")],
        [(5, "7", "7"), (4, "", "7")],
        [(5, "7", "7"), (4, "8", "")],
        [(9, "", "")],
    ],
    ids=["others wait for it, too", "tenants are alike", "waiting tenants unknown", "holders unknown", "no tenants known"],
)
def test_a_key_of_all_tenants_or_of_nobody_knows_whom_is_no_tenants(
    scene: Scene, tmp_path: Path, waits: list[tuple[int, str, str]]
) -> None:
    found = queue_of(scene, tmp_path, waits)
    assert found.id == "hot_row_lock"
    assert "tenant" not in found.subject
    assert not any("their own tenant" in line for line in found.evidence)


@pytest.mark.parametrize(
    ("wait", "lock", "expected"), [("Lock:advisory", "advisory", "advisory_lock"), ("Lock:relation", "relation", "ddl_lock")]
)
def test_locks_are_told_apart(scene: Scene, tmp_path: Path, wait: str, lock: str, expected: str) -> None:
    scene.endpoint(pool=10, db=200, app=2)
    scene.sessions(9, wait=wait)
    scene.blocked(9, lock, mode="AccessExclusiveLock", relation="pets")
    assert problems(scene.diagnosed(tmp_path)) == [expected]


def test_deadlocks_explain_the_rows_that_are_waited_for(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=10, db=800, app=2, failed=0.1, detail="503 deadlock")
    scene.sessions(9, wait="Lock:transactionid")
    scene.blocked(9, "transactionid")
    scene.grows("database.deadlocks", 30)
    assert problems(scene.diagnosed(tmp_path)) == ["deadlocks"]


WASTEFUL = {"calls": 500, "ms": 40, "rows": 2, "blocks": 5_000}


def test_a_filter_without_an_index_asks_for_one_that_begins_with_the_tenant(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("records")
    scene.index("records", "clinic_id", "visited_at")
    scene.sessions(2, query_id="1")
    plan = {"Node Type": "Limit", "Plans": [scan("records", index="records_idx", condition=OWN, kept="(pet_id = $2)")]}
    scene.statement("1", "SELECT * FROM records WHERE pet_id = $1 LIMIT $2", **WASTEFUL, plan=plan)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["missing_index"]
    assert first(told).fix.statement == "CREATE INDEX CONCURRENTLY records_pet_id_idx ON public.records (clinic_id, pet_id)"


@pytest.mark.parametrize(("rows", "expected"), [(200_000, ["missing_index"]), (20_000, [])])
def test_where_calls_are_not_counted_the_plan_says_whether_much_is_read_for_little(
    scene: Scene, tmp_path: Path, rows: int, expected: list[str]
) -> None:
    """Of 20 tenants one has a twentieth of the rows."""
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("records", rows=rows)
    scene.index("records", "clinic_id", "visited_at")
    scene.sessions(2, query_id="1")
    scene.postgres["statements"]["1"] = "SELECT * FROM records WHERE pet_id = $1"
    scene.postgres["plans"].append({"query_id": "1", "plan": scan("records", index="records_idx", condition=OWN, kept="(pet_id = $2)")})
    told = scene.diagnosed(tmp_path)
    assert problems(told) == expected
    if expected:
        assert "its plan expects 10 of about 10,000 rows that it has to read" in first(told).evidence


def test_no_index_is_asked_for_where_one_is_there_already(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("records")
    scene.index("records", "clinic_id", "pet_id")
    scene.sessions(2, query_id="1")
    scene.statement("1", "SELECT * FROM records WHERE pet_id = $1", **WASTEFUL, plan=scan("records", kept="(pet_id = $2)"))
    assert "missing_index" not in problems(scene.diagnosed(tmp_path))


def test_a_table_without_an_index_on_the_tenant_needs_one(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("scan")
    scene.index("scan", "scan_id")
    scene.sessions(2, query_id="1")
    plan = scan("scan", index="scan_idx", condition="(scan.scan_id < $1)", kept=OWN)
    scene.statement("1", "SELECT * FROM scan WHERE scan_id < $1 LIMIT $2", calls=500, ms=40, rows=100, blocks=3400, plan=plan)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["missing_index"]
    assert first(told).fix.statement == "CREATE INDEX CONCURRENTLY scan_clinic_id_idx ON public.scan (clinic_id)"


def test_deep_pages_are_not_a_missing_index(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("records")
    scene.sessions(2, query_id="1")
    text = "SELECT * FROM records WHERE kind = $1 ORDER BY id OFFSET $2 LIMIT $3"
    scene.statement("1", text, **WASTEFUL, plan=scan("records", kept="(kind = $2)"))
    assert problems(scene.diagnosed(tmp_path)) == ["offset_pagination"]


def test_a_policy_function_in_a_filter_is_named(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("pets", policy="visible(clinic_id)")
    scene.postgres["functions"].append({"schema": "public", "name": "visible", "language": "plpgsql", "volatility": "v"})
    scene.sessions(2, query_id="1")
    scene.statement("1", "SELECT count(*) FROM pets", **WASTEFUL, plan=scan("pets", kept="visible(clinic_id)"))
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["rls_per_row_function"]
    assert first(told).subject["function"] == "visible"


def test_an_operator_that_leaks_is_kept_from_its_index(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("pets")
    scene.index("pets", "clinic_id", "name_key")
    scene.sessions(2, query_id="1")
    plan = scan("pets", index="pets_idx", condition=OWN, kept="(p.name_key ~~ $2)")
    scene.statement("1", "SELECT * FROM pets p WHERE p.name_key LIKE $1", **WASTEFUL, plan=plan)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["rls_non_leakproof"]
    assert first(told).subject["tables"] == "public.pets"


def test_a_table_that_changed_since_it_was_analyzed_misleads_the_planner(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("invoices", n_live_tup=100_000, n_mod_since_analyze=90_000, options="autovacuum_enabled=false")
    scene.grows("table.n_tup_upd", 90_000, "public.invoices")
    scene.sessions(2, query_id="1")
    scene.statement("1", "SELECT * FROM invoices LIMIT $1", **WASTEFUL, plan=scan("invoices", index="i", condition=OWN))
    assert problems(scene.diagnosed(tmp_path)) == ["stale_statistics"]


@pytest.mark.parametrize(("dead", "named"), [(300_000, True), (100_000, False)], ids=["many times each", "once each"])
def test_rows_that_changed_many_times_leave_more_to_read_than_there_is(scene: Scene, tmp_path: Path, dead: int, named: bool) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("pets", n_live_tup=100_000, n_dead_tup=dead, pages=6_000, options="autovacuum_enabled=false")
    scene.index("pets", "clinic_id")
    scene.sessions(2, query_id="1")
    scene.statement("1", "SELECT count(*) FROM pets", calls=500, ms=40, blocks=50, plan=scan("pets", index="pets_idx", condition=OWN))
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["bloat"] * named
    assert not named or first(told).fix.statement == "VACUUM (ANALYZE) public.pets"


@pytest.mark.parametrize("indexed", [False, True])
def test_rows_that_go_are_looked_for_in_all_of_a_table_that_refers_to_them(scene: Scene, tmp_path: Path, indexed: bool) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.table("holds")
    key = {"schema": "public", "table": "holds", "name": "holds_slot_fkey", "columns": ["clinic_id", "slot_id"], "references": "slots"}
    scene.postgres["foreign_keys"] = [{**key, "indexed": indexed}]
    scene.grows("table.seq_tup_read", 50_000_000, "public.holds")
    scene.grows("table.n_tup_del", 500, "public.slots")
    scene.sessions(2, query_id="1")
    scene.statement("1", "DELETE FROM slots WHERE id = $1", calls=500, ms=40)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["unindexed_fk"] * (not indexed)
    assert indexed or first(told).fix.statement == "CREATE INDEX CONCURRENTLY ON public.holds (clinic_id, slot_id)"


@pytest.mark.parametrize(("megabytes", "named"), [(200, True), (10, False)])
def test_a_cache_that_the_data_does_not_fit_in_is_too_small(scene: Scene, tmp_path: Path, megabytes: int, named: bool) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.postgres["settings"] = {"shared_buffers": {"setting": "2048"}}
    scene.table("records", bytes=megabytes * 1e6)
    scene.sessions(1, wait="IO:DataFileRead")
    scene.sessions(1)
    scene.grows("database.blks_read", 50_000)
    scene.grows("database.blks_hit", 100_000)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["small_shared_buffers"] * named
    assert not named or "33 % of the blocks were read from outside the cache, 5,000 a second" in first(told).evidence


@pytest.mark.parametrize("wait", ["WALSync", "WALInitSync", "WalInitWrite"])
@pytest.mark.parametrize("requested", [6, 0])
def test_waits_for_the_log_are_checkpoints_where_the_log_asks_for_them(scene: Scene, tmp_path: Path, wait: str, requested: int) -> None:
    scene.endpoint(db=10, app=1)
    scene.sessions(0.2, wait=f"IO:{wait}")
    scene.sessions(0.3)
    scene.grows("bgwriter.checkpoints_req", requested)
    scene.grows("wal.wal_records", 100_000)
    scene.grows("wal.wal_fpi", 25_000)
    assert problems(scene.diagnosed(tmp_path)) == ["wal_checkpoints"] * (requested > 0)


@pytest.mark.parametrize(("sessions", "expected"), [(97, "too_many_connections"), (60, "failing_requests")])
def test_refusals_are_a_lack_of_connections_where_none_is_left(scene: Scene, tmp_path: Path, sessions: int, expected: str) -> None:
    scene.endpoint(db=2, app=1, failed=0.3, detail="503")
    scene.postgres["settings"] = {"max_connections": {"setting": "100"}, "superuser_reserved_connections": {"setting": "3"}}
    scene.sessions(0.1)
    scene.gauge("sessions.all", sessions)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == [expected]
    assert first(told).share == pytest.approx(0.3)
    assert (first(told).share_of, told.findings[1:] != ()) == ("requests", expected == "too_many_connections"), "else its symptom"
    assert told.verdict == ("bottleneck" if expected == "too_many_connections" else "cannot_tell")


def test_temporary_files_are_a_sort_that_spills(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=42, app=2)
    scene.sessions(1, wait="IO:BufFileWrite", query_id="1")
    scene.statement("1", "SELECT * FROM records ORDER BY a", calls=500, ms=40, rows=100, blocks=900, temp=300)
    assert problems(scene.diagnosed(tmp_path)) == ["sort_spill"]


def test_many_small_statements_per_request_are_named_with_the_page(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint("GET /calendar", pool=1, db=30, app=3)
    scene.sessions(0.2, query_id="1", route="GET /calendar")
    scene.sessions(0.5, "idle in transaction", "Client:ClientRead", route="GET /calendar")
    scene.statement("1", "SELECT name FROM pets WHERE id = $1", calls=10_000, ms=0.1)
    told = scene.diagnosed(tmp_path)
    assert problems(told)[0] == "n_plus_one"
    assert first(told).subject["route"] == "GET /calendar"


def test_a_statement_that_came_after_the_first_snapshot_counts_from_its_first_call(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint("GET /calendar", pool=1, db=30, app=3)
    scene.sessions(0.2, query_id="1", route="GET /calendar")
    scene.sessions(0.5, "idle in transaction", "Client:ClientRead", route="GET /calendar")
    scene.postgres["statements"]["1"] = "SELECT name FROM pets WHERE id = $1"
    for metric, value in (("calls", 6_000.0), ("total_exec_time", 600.0)):
        scene.readings += [(at * SECOND, "postgres.counters", f"statement.{metric}", "1", value * at / 10) for at in (5, 10)]
    told = scene.diagnosed(tmp_path)
    assert problems(told)[0] == "n_plus_one"
    assert "12 times per request" in first(told).summary, "not half as often, as the last five seconds alone would say"


def test_open_transactions_that_grow_old_are_a_leak_and_short_ones_are_not(tmp_path: Path) -> None:
    for old_s, expected in ((6.0, ["idle_in_transaction"]), (0.1, ["app_pool_small"])):
        scene = Scene()
        scene.calm(in_use=9.5)
        scene.endpoint(pool=500, db=5, app=2)
        scene.sessions(9, "idle in transaction", "Client:ClientRead", old_s=old_s)
        folder = tmp_path / str(old_s)
        assert problems(scene.diagnosed(folder)) == expected


def test_idle_sessions_behind_a_pool_in_use_are_a_leak(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(in_use=10)
    scene.endpoint(pool=500, db=5, app=2)
    scene.sessions(9, "idle", old_s=7.0)
    assert problems(scene.diagnosed(tmp_path)) == ["connection_leak"]


@pytest.mark.parametrize(("idle_s", "expected"), [(0.01, "pooler_pool_small"), (2.0, "app_pool_small")])
def test_sessions_that_a_pool_in_use_never_leaves_idle_are_too_few_in_the_pooler(tmp_path: Path, idle_s: float, expected: str) -> None:
    scene = Scene()
    scene.calm(in_use=10)
    scene.endpoint(pool=1800, db=200, app=2)
    scene.sessions(2, "idle", old_s=3.0, samples=range(10))
    loaded = range(10, round(scene.seconds / EACH_S))
    scene.sessions(1.4, "active", query_id="1", samples=loaded)
    scene.sessions(0.6, "idle", old_s=idle_s, samples=loaded)
    assert problems(scene.diagnosed(tmp_path)) == [expected]


def test_a_session_per_transaction_is_churn(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=50, db=5, app=2)
    scene.grows("database.sessions", 450)
    scene.grows("database.xact_commit", 500)
    assert problems(scene.diagnosed(tmp_path)) == ["connection_churn"]


def test_statements_that_travel_mean_a_distant_database(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=20, app=1)
    scene.sessions(0.05, query_id="1")
    scene.sessions(0.9, "idle in transaction", "Client:ClientRead")
    for number in ("1", "2", "3", "4"):
        scene.statement(number, f"SELECT {number}", calls=500, ms=0.1)
    assert problems(scene.diagnosed(tmp_path)) == ["distant_database"]


@pytest.mark.parametrize(("db", "expected"), [(10, []), (20, ["distant_database"])])
def test_short_trips_tell_nothing_where_other_machines_have_the_processors(
    scene: Scene, tmp_path: Path, db: int, expected: list[str]
) -> None:
    scene.endpoint(pool=1, db=db, app=1)
    scene.sessions(0.9, "idle in transaction", "Client:ClientRead")
    scene.grows("cpu.steal_s", [0.5] * scene.seconds)
    for number in ("1", "2", "3", "4"):
        scene.statement(number, f"SELECT {number}", calls=500, ms=0.1)
    assert problems(scene.diagnosed(tmp_path)) == expected


def test_a_late_loop_is_a_blocking_call_when_the_processor_is_idle_and_work_when_it_is_not(tmp_path: Path) -> None:
    for cores, expected in ((0.2, "event_loop_blocking"), (0.98, "app_cpu")):
        scene = Scene()
        scene.calm(lag=0.04, app=cores)
        scene.endpoint(pool=1, db=5, app=40, door=40)
        assert problems(scene.diagnosed(tmp_path / str(cores)))[0] == expected


def test_a_loop_is_as_late_as_nothing_makes_it_unless_its_process_is_idle(tmp_path: Path) -> None:
    for lag, cores, expected in ((0.020, 0.2, ["event_loop_blocking"]), (0.014, 0.2, []), (0.020, 0.65, ["app_cpu"])):
        scene = Scene()
        scene.calm(lag=lag, app=cores)
        scene.endpoint(pool=1, db=2, app=15, door=8)
        assert problems(scene.diagnosed(tmp_path / f"{lag}-{cores}")) == expected


@pytest.mark.parametrize(("lag", "expected"), [(0.04, []), (0.15, ["event_loop_blocking"])])
def test_the_loop_of_a_nearly_full_process_is_late_by_some_requests(tmp_path: Path, lag: float, expected: list[str]) -> None:
    scene = Scene()
    scene.calm(lag=lag, app=0.75)
    scene.endpoint(rate=400, pool=1, db=2, app=15, door=8)
    assert problems(scene.diagnosed(tmp_path)) == expected


@pytest.mark.parametrize(("stolen", "expected"), [(0.1, ["event_loop_blocking"]), (0.5, [])])
def test_a_loop_is_late_where_other_machines_have_the_processors(tmp_path: Path, stolen: float, expected: list[str]) -> None:
    scene = Scene()
    scene.calm(lag=0.04, app=0.3)
    scene.grows("cpu.steal_s", [stolen] * scene.seconds)
    scene.endpoint(pool=1, db=5, app=40, door=40)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == expected
    assert [each.text[:14] for each in told.validity if each.id == "processors"] == ([] if expected else ["other machines"])


def test_a_process_with_hardly_any_time_left_holds_the_connections(tmp_path: Path) -> None:
    for cores, stolen, expected in ((0.6, 0.0, "app_pool_small"), (0.75, 0.0, "app_cpu"), (0.6, 0.4, "app_cpu")):
        scene = Scene()
        scene.calm(app=cores, in_use=9.0)
        scene.grows("cpu.steal_s", [stolen] * scene.seconds)
        scene.endpoint(rate=900, pool=60, db=3, app=8, door=6)
        assert problems(scene.diagnosed(tmp_path / f"{cores}-{stolen}")) == [expected]


def test_a_process_that_a_rising_load_fills_at_its_end_holds_the_connections(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(app=0.1, in_use=9.0)
    scene.grows("process.cpu_s", [0.5] * (scene.seconds * 2 // 3) + [0.8] * (scene.seconds - scene.seconds * 2 // 3), "app:8")
    scene.endpoint(rate=900, pool=60, db=3, app=8, door=6)
    assert problems(scene.diagnosed(tmp_path)) == ["app_cpu"]


def test_long_work_of_a_process_is_the_problem_before_it_is_full(tmp_path: Path) -> None:
    for cores, expected in ((0.55, ["app_cpu"]), (0.45, [])):
        scene = Scene()
        scene.calm(app=cores)
        scene.endpoint(rate=150, pool=0.1, db=2, app=4, door=2)
        assert problems(scene.diagnosed(tmp_path / str(cores))) == expected


def test_a_pool_of_a_process_that_has_no_more_to_give_is_a_symptom(tmp_path: Path) -> None:
    for cores, expected in ((0.5, "app_pool_small"), (0.95, "app_cpu")):
        scene = Scene()
        scene.calm(app=cores, in_use=9.0)
        scene.endpoint(rate=1000, pool=60, db=3, app=8, door=6)
        told = scene.diagnosed(tmp_path / str(cores))
        assert problems(told) == [expected]
        assert cores < 0.9 or [each.id for each in told.findings if each.explained_by == "app_cpu"] == ["app_pool_small"]


def test_a_process_with_time_left_is_the_problem_where_most_of_the_time_is_its_work(tmp_path: Path) -> None:
    for db_ms, expected in ((2, ["app_cpu"]), (25, [])):
        scene = Scene()
        scene.calm(app=0.55)
        scene.endpoint(rate=26, pool=0.1, db=db_ms, app=22)
        scene.sessions(26 * db_ms / 1000, query_id="1")
        assert problems(scene.diagnosed(tmp_path / str(db_ms))) == expected


def test_requests_that_wait_at_the_door_of_a_calm_app_lack_workers(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=5, app=2, door=300)
    assert problems(scene.diagnosed(tmp_path)) == ["few_workers"]


def test_a_slow_service_is_worse_inside_of_a_transaction(tmp_path: Path) -> None:
    for open_sessions, expected in ((0.0, "slow_external_call"), (9.5, "slow_external_call_in_transaction")):
        scene = Scene()
        scene.calm(in_use=9)
        scene.endpoint("POST /checkout", pool=100 if open_sessions else 1, db=5, app=2, ext=250)
        if open_sessions:
            scene.sessions(open_sessions, "idle in transaction", "Client:ClientRead", route="POST /checkout", old_s=0.25)
        assert problems(scene.diagnosed(tmp_path / expected)) == [expected]


def test_requests_that_end_after_the_load_say_nothing_of_the_transactions_within_it(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(in_use=9.5)
    scene.endpoint("POST /checkout", pool=6000, db=5, app=2, ext=640)
    scene.sessions(9.5, "idle in transaction", "Client:ClientRead", route="POST /checkout", old_s=0.64)
    assert problems(scene.diagnosed(tmp_path)) == ["slow_external_call_in_transaction"]


@pytest.mark.parametrize("failed", [0.5, 0.02])
def test_refusals_of_a_service_are_a_limit(scene: Scene, tmp_path: Path, failed: float) -> None:
    scene.endpoint("POST /checkout", pool=1, db=5, app=2, ext=2, failed=failed, detail="503 the invoicing service refused: 429")
    assert problems(scene.diagnosed(tmp_path)) == ["external_rate_limit"]


def test_one_tenant_that_takes_the_database_is_named(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=30, app=2)
    scene.sessions(3, tenant="7", query_id="1", route="GET /report")
    for tenant in range(8, 18):
        scene.sessions(0.1, tenant=str(tenant), query_id="2")
    scene.statement("1", "SELECT sum(total) FROM invoices", calls=100, ms=300)
    scene.statement("2", "SELECT 1", calls=500, ms=20)
    told = scene.diagnosed(tmp_path)
    assert problems(told)[0] == "noisy_tenant"
    assert first(told).subject["tenant"] == "7"


def test_a_tenant_that_waits_for_its_own_row_is_not_noisy(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint("POST /checkout", pool=1, db=80, app=2)
    scene.sessions(3, wait="Lock:transactionid", tenant="7", query_id="1", route="POST /checkout")
    for tenant in range(8, 18):
        scene.sessions(0.1, tenant=str(tenant), query_id="2")
    scene.blocked(3, "transactionid", query_id="1")
    assert problems(scene.diagnosed(tmp_path)) == ["hot_row_lock"]


def test_few_samples_tell_of_a_plan_that_does_not_suit_one_tenant_where_its_requests_are_slower(tmp_path: Path) -> None:
    for slower, expected in ((4, ["generic_plan_skew"]), (1, [])):
        scene = Scene()
        scene.endpoint(pool=0.1, db=8, app=2)
        for request in scene.run.requests:
            if request.tenant == 3:
                request.end_ns += (slower - 1) * (request.end_ns - request.start_ns)
        scene.statement("1", "SELECT sum(total) FROM invoices WHERE org = $1", calls=500, ms=8)
        scene.sessions(1, tenant="acme", query_id="1", samples=range(40, 44))
        assert problems(scene.diagnosed(tmp_path / str(slower))) == expected


def test_bursts_of_one_statement_are_a_stampede(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=10, db=60, app=2)
    for burst in (10, 50, 80):
        scene.sessions(9, query_id="1", samples=range(burst, burst + 4))
    scene.statement("1", "SELECT count(*) FROM visits", calls=100, ms=125)
    assert problems(scene.diagnosed(tmp_path))[0] == "cache_stampede"


@pytest.mark.parametrize(("begin", "named"), [(10, True), (70, False)], ids=["over", "to the end"])
def test_one_burst_is_a_stampede_once_it_is_over(scene: Scene, tmp_path: Path, begin: int, named: bool) -> None:
    scene.endpoint(pool=10, db=60, app=2)
    scene.sessions(9, query_id="1", samples=range(begin, begin + 30))
    scene.statement("1", "SELECT count(*) FROM visits", calls=100, ms=125)
    assert ("cache_stampede" in problems(scene.diagnosed(tmp_path))) == named


def test_large_answers_are_named_by_their_size(tmp_path: Path) -> None:
    scene = Scene()
    scene.calm(app=0.7)
    scene.endpoint("GET /services", pool=1, db=4, app=30, bytes_each=900_000)
    told = scene.diagnosed(tmp_path)
    assert problems(told) == ["large_json"]
    assert "900 kB" in first(told).summary


def test_foreign_rows_are_a_leak_and_missing_ones_a_lost_tenant(tmp_path: Path) -> None:
    leak = Scene()
    leak.endpoint(pool=1, db=2, app=1)
    leak.run.checks.append((1, "dashboard", "own clinic", 400, 100))
    assert problems(leak.diagnosed(tmp_path / "leak")) == ["tenant_leak"]
    lost = Scene()
    lost.table("pets")
    lost.endpoint("GET /pets/{id}", pool=1, db=2, app=1, failed=0.1, detail="404 not found")
    lost.endpoint("GET /bills/{id}", pool=1, db=2, app=1, failed=0.1, detail="404 not found")
    assert problems(lost.diagnosed(tmp_path / "lost")) == ["tenant_context_missing"]
    # A list that is empty fails the check on whose rows it has, too.
    lost.run.checks.append((1, "patients", "forty different own patients", 400, 30))
    assert problems(lost.diagnosed(tmp_path / "empty")) == ["tenant_context_missing"]


def test_a_generator_that_cannot_keep_up_makes_the_answer_invalid(scene: Scene, tmp_path: Path) -> None:
    scene.run.readings = [Reading(second, loop_busy=0.97) for second in range(scene.seconds)]
    scene.endpoint(pool=1, db=2, app=1, late=50)
    assert scene.diagnosed(tmp_path).verdict == "invalid"


def test_a_run_that_nobody_observed_cannot_be_told(tmp_path: Path) -> None:
    from runfolder import clinic_run

    from tenantry.diagnose.answer import diagnose
    from tenantry.results import open_run

    run = clinic_run(10)
    run.requests = [request for request in run.requests if not request.kind]
    with open_run(run.write(tmp_path)) as opened:
        told = diagnose(opened)
    assert told.verdict == "cannot_tell"
    assert any("Server-Timing" in text for text in told.unseen)
    assert any("pg_monitor" in text for text in told.unseen)


def test_what_the_observer_could_not_see_is_told_with_what_helps(scene: Scene, tmp_path: Path) -> None:
    scene.endpoint(pool=1, db=2, app=1)
    scene.facts["notes"] = ["pg_stat_statements cannot be read: permission denied"]
    scene.postgres["missing"] = ["pg_stat_statements"]
    scene.postgres["settings"] = {"pg_stat_statements.max": {"setting": "5000"}}
    scene.grows("statements.dealloc", 12)
    unseen = scene.diagnosed(tmp_path).unseen
    assert unseen[-1] == "pg_stat_statements cannot be read: permission denied"
    assert "statements were forgotten, 12 times: there were more different ones than pg_stat_statements.max = 5000" in unseen
    assert not any("shared_preload_libraries" in text for text in unseen), "it is there"


def test_a_finding_can_be_silenced(scene: Scene, tmp_path: Path) -> None:
    from tenantry.diagnose.answer import diagnose
    from tenantry.results import open_run

    scene.endpoint(pool=1, db=5, app=2, door=300)
    scene.diagnosed(tmp_path)
    with open_run(tmp_path) as opened:
        assert problems(diagnose(opened, silent=["few_workers"])) == []
