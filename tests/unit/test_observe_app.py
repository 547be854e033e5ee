"""Prometheus' text format, and the meanings of the metrics of known libraries."""

from __future__ import annotations

import pytest

from tenantry.observe.exposition import parse
from tenantry.observe.meanings import Meanings, quantile, worker

PAGE = r"""# HELP requests_total What came in
# TYPE requests_total counter
requests_total{route="GET /a, b",note="a \"quoted\" \\ word\n"} 12 1700000000000
requests_total{} 3
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 1 # {trace_id="x"} 0.07
took_seconds_bucket{le="+Inf"} 2
took_seconds_sum 0.5
took_seconds_count 2
temperature NaN
nonsense
{a="b"} 1
# EOF
"""


def test_a_page_is_read_with_escapes_times_and_exemplars() -> None:
    page = parse(PAGE)
    first, second, *rest = page.samples
    assert (first.name, first.kind, first.value) == ("requests_total", "counter", 12)
    assert first.labels == {"route": "GET /a, b", "note": 'a "quoted" \\ word\n'}
    assert (second.labels, second.value) == ({}, 3)
    assert [(sample.name, sample.family, sample.kind) for sample in rest[:4]] == [
        ("took_seconds_bucket", "took_seconds", "histogram"),
        ("took_seconds_bucket", "took_seconds", "histogram"),
        ("took_seconds_sum", "took_seconds", "histogram"),
        ("took_seconds_count", "took_seconds", "histogram"),
    ]
    assert rest[0].value == 1
    assert page.bad_lines == 2


def test_a_counter_of_openmetrics_is_declared_without_its_suffix() -> None:
    (sample,) = parse("# TYPE jobs counter\njobs_total 4\n").samples
    assert (sample.family, sample.kind) == ("jobs", "counter")


def common(text: str) -> dict[tuple[str, str], float]:
    samples = parse(text).samples
    return Meanings().of(samples, worker(samples))


POOLS = {
    "an app's own names": ("clinic_pool_size 8\nclinic_pool_in_use 5\nclinic_pool_waiting 2\n", {"size": 8, "in_use": 5, "waiting": 2}),
    "node-postgres": (
        "pg_pool_total_count 10\npg_pool_idle_count 4\npg_pool_waiting_count 3\n",
        {"size": 10, "in_use": 6, "idle": 4, "waiting": 3},
    ),
    "SQLAlchemy": (
        "sqlalchemy_pool_size 5\nsqlalchemy_pool_checkedout 5\nsqlalchemy_pool_checkedin 0\n",
        {"size": 5, "in_use": 5, "idle": 0},
    ),
    "psycopg_pool": (
        "psycopg_pool_max 20\npsycopg_pool_size 10\npsycopg_pool_available 1\npsycopg_pool_requests_waiting 7\n",
        {"size": 20, "in_use": 9, "idle": 1, "waiting": 7},
    ),
    "HikariCP": (
        "hikaricp_connections 10\nhikaricp_connections_active 9\nhikaricp_connections_idle 1\n"
        "hikaricp_connections_pending 4\nhikaricp_connections_max 12\n",
        {"size": 12, "in_use": 9, "idle": 1, "waiting": 4},
    ),
    "OpenTelemetry": (
        'db_client_connection_count{db_client_connection_state="used"} 6\ndb_client_connection_count{db_client_connection_state="idle"} 2\n'
        "db_client_connection_max 8\ndb_client_connection_pending_requests 1\n",
        {"size": 8, "in_use": 6, "idle": 2, "waiting": 1},
    ),
    "OpenTelemetry before 1.24": (
        'db_client_connections_usage{state="used"} 6\ndb_client_connections_usage{state="idle"} 2\n',
        {"size": 8, "in_use": 6, "idle": 2},
    ),
    "PostgREST": (
        "# TYPE pgrst_db_pool_waiting gauge\npgrst_db_pool_waiting 3\npgrst_db_pool_max 10\npgrst_db_pool_available 0\n",
        {"size": 10, "idle": 0, "waiting": 3},
    ),
    "Go's database/sql": (
        "go_sql_max_open_connections 9\ngo_sql_open_connections 7\ngo_sql_in_use_connections 7\ngo_sql_idle_connections 0\n",
        {"size": 9, "in_use": 7, "idle": 0},
    ),
    "Prisma": (
        "prisma_pool_connections_open 5\nprisma_pool_connections_busy 4\nprisma_pool_connections_idle 1\nprisma_client_queries_wait 8\n",
        {"size": 5, "in_use": 4, "idle": 1, "waiting": 8},
    ),
    "Rails": (
        "active_record_connection_pool_size 5\nactive_record_connection_pool_connections 3\n"
        "active_record_connection_pool_busy 2\nactive_record_connection_pool_waiting 1\n",
        {"size": 5, "in_use": 2, "waiting": 1},
    ),
    "pools of threads and memory": ("tomcat_thread_pool_size 200\njvm_memory_pool_used 3\nredis_pool_size 4\n", {}),
    "counters": ("# TYPE pool_waiting counter\npool_waiting 900\n", {}),
}


@pytest.mark.parametrize("library", list(POOLS))
def test_the_pool_of_a_library_is_recognised(library: str) -> None:
    text, expected = POOLS[library]
    assert common(text) == {(f"pool.{what}", ""): value for what, value in expected.items()}


def test_pools_and_workers_are_told_apart() -> None:
    text = 'hikaricp_connections_active{pool="read"} 1\nhikaricp_connections_active{pool="write"} 2\nprocess_pid 77\n'
    assert common(text) == {("pool.in_use", "77 read"): 1, ("pool.in_use", "77 write"): 2}
    of_many = 'app_pool_in_use{pid="5"} 1\napp_pool_in_use{pid="6"} 2\n'
    assert common(of_many) == {("pool.in_use", "5"): 1, ("pool.in_use", "6"): 2}


def test_requests_in_flight_are_added_over_their_labels() -> None:
    for name in ("clinic_requests_in_flight", "http_requests_inprogress", "starlette_requests_in_progress", "http_server_active_requests"):
        assert common(f'{name}{{method="GET"}} 2\n{name}{{method="POST"}} 3\n') == {("in_flight", ""): 5}


def test_the_lag_of_the_event_loop_is_the_99th_percentile_if_it_is_told() -> None:
    node = "nodejs_eventloop_lag_seconds 0.001\nnodejs_eventloop_lag_max_seconds 0.5\nnodejs_eventloop_lag_p99_seconds 0.2\n"
    assert common(node) == {("loop.lag_s", ""): 0.2}
    assert common("app_event_loop_lag_milliseconds 40\n") == {("loop.lag_s", ""): pytest.approx(0.04)}


def histogram(fast: int, slow: int, pid: int) -> str:
    return (
        f"# TYPE app_event_loop_lag_seconds histogram\nworker_pid {pid}\n"
        f'app_event_loop_lag_seconds_bucket{{le="0.01"}} {fast}\napp_event_loop_lag_seconds_bucket{{le="0.1"}} {fast + slow}\n'
        f'app_event_loop_lag_seconds_bucket{{le="+Inf"}} {fast + slow}\n'
    )


def test_a_histogram_of_lag_tells_what_came_since_the_last_scrape_of_the_same_worker() -> None:
    meanings = Meanings()

    def scrape(fast: int, slow: int, pid: int) -> dict[tuple[str, str], float]:
        samples = parse(histogram(fast, slow, pid)).samples
        return meanings.of(samples, worker(samples))

    assert scrape(1000, 500, 1) == {}, "what was before the load does not count"
    assert scrape(5, 0, 2) == {}
    assert scrape(1100, 500, 1) == {("loop.lag_s", "1"): 0.01}
    assert scrape(1100, 550, 1) == {("loop.lag_s", "1"): 0.1}
    assert scrape(1100, 550, 1) == {}, "nothing came"
    assert scrape(20, 0, 1) == {("loop.lag_s", "1"): 0.01}, "the worker was started again"


def test_the_wait_for_a_connection_is_its_mean_since_the_last_scrape() -> None:
    meanings = Meanings()
    name = "db_client_connection_wait_time_milliseconds"
    for total, count, expected in ((100.0, 10, {}), (400.0, 20, {("pool.wait_s", ""): pytest.approx(0.03)})):
        samples = parse(f"# TYPE {name} histogram\n{name}_sum {total}\n{name}_count {count}\n").samples
        assert meanings.of(samples, "") == expected


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    assert quantile({0.1: 1, float("inf"): 100}, 0.99) == 0.1
    assert quantile({}, 0.99) is None
