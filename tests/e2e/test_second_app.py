"""The second app, which shares no code with the clinic: it serves its load, keeps orgs apart, and each of its faults is what it says."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import zlib
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from commandline import Shell, wait_until
from running_clinic import Answer, Database

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))

from benchmarks.second_app.app import SERVICE, Depot  # noqa: E402

if TYPE_CHECKING:
    from benchmarks.second_app.app import Running

ORGS = 12
FAULTS = sorted(path.stem for path in (SERVICE / "faults").glob("*.js") if path.stem != "index")
STATES = "SELECT state FROM pg_stat_activity WHERE application_name = 'depot' AND datname = current_database() ORDER BY state"


def uuid_of(text: str) -> str:
    return str(UUID(md5(text.encode()).hexdigest()))


PARCEL = uuid_of("parcel 5 7")
BAG = {"parcels": [{"barcode": "BAG1", "recipient": "Zola", "city": "Cork", "weight_g": 500}]}
PAGES = (
    "/v1/overview",
    "/v1/parcels?before=2026-01-02T10:00:00Z",
    f"/v1/parcels/{PARCEL}",
    "/v1/find?q=adl",
    "/v1/board?day=2026-01-05",
    "/v1/reports/transit",
)


@pytest.fixture(scope="module")
def depot() -> Iterator[Depot]:
    with Depot(orgs=ORGS) as depot:
        yield depot


@pytest.fixture(scope="module")
def healthy(depot: Depot) -> Iterator[Running]:
    with depot.running() as running:
        yield running


def ask(running: Running, path: str, body: object = None, *, org: int | None = 5) -> Answer:
    """One request of an org, by the way with a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=30)
    headers = {"x-org": uuid_of(f"org {org}")} if org else {}
    if body is not None:
        headers["content-type"] = "application/json"
    try:
        connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def pages(running: Running) -> dict[str, Any]:
    """What a reader sees: each page, the numbers of the forms, and the journal from its first page to its last."""
    seen = {path: json.loads(ask(running, path).body) for path in PAGES}
    forms = json.loads(ask(running, "/v1/customs").body)["forms"]
    return {**seen, "forms": [form["number"] for form in forms], "journal": list(journal(running))}


def journal(running: Running) -> Iterator[int]:
    following = ""
    while following is not None:
        page = json.loads(ask(running, f"/v1/journal{following}").body)
        yield from (scan["scan_id"] for scan in page["scans"])
        following = page["next"] and f"?before={page['next']}"


def figures(running: Running) -> dict[str, float]:
    """What /metrics tells without labels."""
    lines = ask(running, "/metrics", org=None).body.decode().splitlines()
    return {name: float(value) for name, _, value in (line.partition(" ") for line in lines) if name and "{" not in name and name != "#"}


def part_ms(answer: Answer, part: str) -> float:
    parts = dict(each.split(";dur=") for each in answer.headers["server-timing"].split(", "))
    return float(parts[part])


def test_the_mixed_load_is_served_without_a_failure(healthy: Running, shell: Shell) -> None:
    what = str(ROOT / "benchmarks/second_app/scenarios.py") + ":mixed"
    how = ["--target", healthy.url, "--set", "rate=40/s", "--set", "duration=4s", "--json", "--quiet"]
    done = shell.run("run", what, *how, environment={"DEPOT_ORGS": str(ORGS)})
    told = done.document
    assert (told["totals"]["failures"], sum(check["fails"] for check in told["checks"])) == (0, 0), done.err
    assert {series["scenario"] for series in told["series"]} >= {"overview", "parcels", "tracking", "search", "scanning"}


def test_an_org_sees_what_is_its_own(healthy: Running) -> None:
    assert ask(healthy, f"/v1/parcels/{PARCEL}").status == 200
    assert ask(healthy, f"/v1/parcels/{PARCEL}", org=6).status == 404
    assert ask(healthy, "/v1/overview", org=None).status == 401
    assert Database(healthy.owner_dsn).value("SELECT count(*) FROM parcel") > 0
    assert Database(healthy.owner_dsn).value("SELECT count(*) FROM parcel", user="depot_api") == 0


def test_it_tells_of_itself_as_apps_of_its_kind_do(healthy: Running) -> None:
    parts = [each.split(";")[0] for each in ask(healthy, "/v1/overview").headers["server-timing"].split(", ")]
    assert parts == ["pool", "db", "ext", "app"]
    told = figures(healthy)
    assert told["pg_pool_max"] == 10
    assert {"nodejs_eventloop_lag_p99_seconds", "process_cpu_seconds_total", "pg_pool_total", "pg_pool_waiting"} <= set(told)
    last = Database(healthy.observer_dsn).value(
        "SELECT query FROM pg_stat_activity WHERE application_name = 'depot' ORDER BY query_start DESC"
    )
    assert last == f"COMMIT /*application='depot',org='{uuid_of('org 5')}',route='%2Fv1%2Foverview'*/"


@pytest.fixture(scope="module")
def usual(depot: Depot) -> dict[str, Any]:
    """The pages of the app as it is seeded."""
    with depot.running() as running:
        return pages(running)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_when_a_page_comes_and_not_what_is_on_it(depot: Depot, usual: dict[str, Any], fault: str) -> None:
    gentle = {"connection_leak": "=1000", "idle_in_transaction": "=1000", "slow_external_call": "=1"}.get(fault, "")
    with depot.running(fault + gentle) as running:
        assert pages(running) == usual
        assert ask(running, f"/v1/parcels/{PARCEL}/quote", {}).status == 200
        assert ask(running, "/v1/bags", BAG).status == 200
        assert running.log.read_text() == ""


@pytest.mark.parametrize(
    ("fault", "states"), [("connection_leak=2", ["idle"] * 4), ("idle_in_transaction=2", ["idle", *["idle in transaction"] * 3])]
)
def test_every_second_connection_is_lost(depot: Depot, fault: str, states: list[str]) -> None:
    with depot.running(fault) as running:
        for _ in range(7):
            assert ask(running, "/v1/overview").status == 200
        told = figures(running)
        assert told["pg_pool_total"] - told["pg_pool_idle"] == 3
        assert [row[0] for row in Database(running.observer_dsn).run(STATES)] == states


LOCKS = {
    "hot_row_lock": ("UPDATE depot_total SET writes = 0 WHERE slot = 1", "transactionid"),
    "advisory_lock": ("SELECT pg_advisory_xact_lock(7301, 0)", "advisory"),
}


@pytest.mark.parametrize("fault", LOCKS)
def test_who_writes_waits_for_another_writer_and_who_reads_does_not(depot: Depot, fault: str) -> None:
    hold, event = LOCKS[fault]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'depot' AND wait_event_type = 'Lock' AND wait_event = '{}'"

    async def bag_beside_another(running: Running) -> int:
        holder = await asyncpg.connect(running.owner_dsn)
        await holder.execute(f"BEGIN; {hold}")
        bag = asyncio.create_task(asyncio.to_thread(ask, running, "/v1/bags", BAG))
        watch = await asyncpg.connect(running.observer_dsn)
        async with asyncio.timeout(15):
            while await watch.fetchval(waiting.format(event)) == 0:
                assert not bag.done(), "nobody waited"
                await asyncio.sleep(0.02)
        assert (await asyncio.to_thread(ask, running, "/v1/overview")).status == 200
        await holder.close()
        await watch.close()
        return (await bag).status

    with depot.running(fault) as running:
        assert asyncio.run(bag_beside_another(running)) == 200


def test_the_checksum_is_the_one_that_everybody_computes(depot: Depot) -> None:
    with depot.running("app_cpu=1") as running:
        answer = ask(running, "/v1/parcels")
        assert int(answer.headers["x-checksum"], 16) == zlib.crc32(answer.body)


def test_the_time_of_the_outside_service_is_told_as_that(depot: Depot) -> None:
    with depot.running("slow_external_call=80") as running:
        assert part_ms(ask(running, f"/v1/parcels/{PARCEL}/quote", {}), "ext") >= 79
    with depot.running("event_loop_blocking=80") as running:
        assert part_ms(ask(running, "/v1/overview"), "app") >= 79


def test_without_its_index_the_journal_is_looked_for_elsewhere(depot: Depot, healthy: Running) -> None:
    claims = f"""SET request.jwt.claims = '{{"org": "{uuid_of("org 12")}"}}'"""
    journal = "EXPLAIN SELECT count(*) FROM scan"

    def plan(running: Running) -> str:
        return "\n".join(row[0] for row in Database(running.owner_dsn).run(claims, journal, user="depot_api"))

    assert "scan_journal" in plan(healthy)
    with depot.running("missing_index") as running:
        assert "scan_journal" not in plan(running)


def test_the_report_of_a_large_org_is_sorted_in_temporary_files(depot: Depot) -> None:
    written = "SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()"
    with depot.running("sort_spill") as running:
        wait_until(
            lambda: ask(running, "/v1/reports/transit").status == 200 and Database(running.owner_dsn).value(written) > 0, timeout_s=30
        )


def test_the_database_is_as_the_fault_says(depot: Depot) -> None:
    plan = "EXPLAIN SELECT count(*) FROM courier"
    with depot.running("rls_per_row_function") as running:
        assert any("may_see" in row[0] for row in Database(running.owner_dsn).run(plan, user="depot_api"))
    known = "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'stop' AND attname = 'day'"
    with depot.running("stale_statistics") as running:
        assert Database(running.owner_dsn).value(known) == "{2026-01-04}"
    with depot.running("large_json=20") as running:
        assert len(ask(running, "/v1/customs").body) > 10 * 15_000
    with depot.running("app_pool_small=2", distance_ms=5) as running:
        assert figures(running)["pg_pool_max"] == 2
        assert part_ms(ask(running, "/v1/overview"), "db") > 6 * 5 * 0.9, "six round trips"


def test_a_fault_that_does_not_exist_is_one_message(depot: Depot) -> None:
    with pytest.raises(Exception, match="there is no fault nonsense; there are advisory_lock, app_cpu"), depot.running("nonsense"):
        pass
