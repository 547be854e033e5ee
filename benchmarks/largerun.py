"""Large run folders without running anything: what the engine would have written, made by DuckDB from a fixed seed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

SECOND = 1_000_000_000
CHUNK_S = 1.5
# A real run's files grow up to a megabyte; at this size and rate, that is about a minute.
CHUNKS_IN_FILE = 40
_TAGS = "MAP {}::MAP(VARCHAR, VARCHAR) AS tags"


@dataclass(frozen=True, slots=True)
class Size:
    """How large: seconds of load, requests per second, request names, tenants; `killed` leaves its end out of the manifest."""

    seconds: int = 3600
    rate: int = 1000
    endpoints: int = 50
    tenants: int = 10_000
    killed: bool = False


def write_run(folder: Path, size: Size = Size()) -> Path:
    """Write a run of that size, in rows of chunks of 1.5 s as those of a real one are; returns the folder."""
    for part in ("series", "samples", "probes"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(_manifest(folder, size)))
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        connection.execute("SELECT setseed(0.42)")
        connection.execute(_MACROS)
        _requests(connection, size)
        for table, (path, sql) in _TABLES.items():
            connection.execute(f"CREATE TEMP TABLE {table} AS {sql}")
            _chunks(connection, table, folder / path)
        for file, sql in (("tenants.parquet", _TENANTS), ("events.parquet", _EVENTS)):
            connection.execute(f"COPY ({sql}) TO '{folder / file}' (FORMAT parquet)")
    return folder


def _requests(connection: duckdb.DuckDBPyConnection, size: Size) -> None:
    """Requests at an even rate: log-normal times, slower in the middle of the run; one in a thousand fails."""
    connection.execute(
        """CREATE TEMP TABLE request AS
           WITH numbered AS (
               SELECT range AS id, range % $endpoints AS endpoint, (hash(range) % $tenants)::INTEGER AS tenant,
                      (range * 1000000000 // $rate)::BIGINT AS intended_ns, (-ln(1 - random()) * 60000)::BIGINT AS delay_ns,
                      exp(sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) * 0.6) AS factor, random() AS lot
               FROM range($seconds * $rate)),
           timed AS (
               SELECT *, (factor * (4e6 + 1e6 * (endpoint % 40))
                          * (1 + 2 * exp(-pow((intended_ns / 1e9 - $seconds * 0.6) / ($seconds * 0.03 + 1), 2))))::BIGINT AS service_ns
               FROM numbered)
           SELECT *, intended_ns + delay_ns + service_ns AS end_ns, (intended_ns + delay_ns + service_ns) // 1000000000 AS second,
                  printf('GET /api/endpoint/%05d', endpoint) AS name, printf('scenario-%d', endpoint % 5) AS scenario,
                  CASE WHEN lot < 0.0008 THEN 'status' WHEN lot < 0.001 THEN 'timeout' ELSE '' END AS kind
           FROM timed""",
        {"endpoints": size.endpoints, "tenants": size.tenants, "rate": size.rate, "seconds": size.seconds},
    )


def _chunks(connection: duckdb.DuckDBPyConnection, table: str, pattern: Path) -> None:
    """Files of several chunks, named as the engine names them."""
    connection.execute(f"CREATE TEMP TABLE sorted AS SELECT * FROM {table} ORDER BY chunk")
    for file, first, count in connection.execute(
        f"SELECT chunk // {CHUNKS_IN_FILE} AS file, min(rowid), count(*) FROM sorted GROUP BY file ORDER BY file"
    ).fetchall():
        target = str(pattern).replace("*", f"{file + 1:06}")
        within = f"rowid >= {first} AND rowid < {first + count}"
        connection.execute(f"COPY (SELECT * EXCLUDE (chunk) FROM sorted WHERE {within}) TO '{target}' (FORMAT parquet)")
    connection.execute(f"DROP TABLE sorted; DROP TABLE {table}")


def _manifest(folder: Path, size: Size) -> dict[str, object]:
    names = [f"scenario-{number}" for number in range(min(5, size.endpoints))]
    profile = {
        "kind": "constant_rate",
        "rate": str(size.rate),
        "rate_per_s": size.rate,
        "duration_ns": size.seconds * SECOND,
        "max_vus": 500,
    }
    stream = {"name": "mixed", "profile": profile, "scenarios": [[name, 1.0] for name in names]}
    plan = {"name": "large", "streams": [stream], "scenarios": names, "thresholds": ["response_time p95 < 500ms", "failures < 1%"]}
    return {
        "schema": 1,
        "name": "large",
        "folder": str(folder),
        "tool_version": "0.1.0",
        "git": "0123abc",
        "started_at": "2026-01-05T08:00:00Z",
        "ended_at": None if size.killed else "2026-01-05T09:00:00Z",
        "elapsed_ns": None if size.killed else size.seconds * SECOND,
        "end": None if size.killed else "finished",
        "target": "http://127.0.0.1:8000",
        "plan": plan,
        "dataset": {"name": "clinic", "tenants": size.tenants, "rng_seed": 1},
        "rng_seed": 1,
        "machine": {"cpu": "a processor", "cores": 2, "memory_bytes": 8 * 2**30, "kernel": "6.1", "python": "3.11.2"},
        "command": ["tenantry", "run", "large.py:mixed"],
        "verdict": None,
    }


_MACROS = f"""
    CREATE MACRO shift_of(us) AS CASE WHEN us < 2048 THEN 0 ELSE floor(log2(us))::INTEGER - 10 END;
    CREATE MACRO bucket_of(ns) AS (shift_of(ns // 1000) * 1024 + ((ns // 1000) >> shift_of(ns // 1000)))::INTEGER;
    CREATE MACRO counted(buckets) AS map_from_entries(list_sort(map_entries(list_histogram(buckets))));
    CREATE MACRO chunk_of(ns) AS floor(ns / 1e9 / {CHUNK_S})::INTEGER;
"""


def _histogram(name: str, expression: str) -> str:
    counted = f"counted(list(bucket_of({expression})))"
    return f"""sum({expression})::BIGINT AS {name}_sum_ns, max({expression})::BIGINT AS {name}_max_ns,
        map_keys({counted}) AS {name}_buckets, map_values({counted})::BIGINT[] AS {name}_counts"""


_KEY = f"second::INTEGER AS second, scenario, '' AS \"group\", name, {_TAGS}"
_TABLES = {
    "http": (
        "series/http-*.parquet",
        f"""SELECT chunk_of(end_ns) AS chunk, {_KEY}, count(*) AS requests, count(*) FILTER (kind <> '') AS failures,
                   count(*) * 140 AS bytes_sent, count(*) * 2100 AS bytes_received, 0::BIGINT AS connections, 0::BIGINT AS resent,
                   0::BIGINT AS blocked_ns, 0::BIGINT AS dns_ns, 0::BIGINT AS connect_ns, 0::BIGINT AS tls_ns,
                   sum(service_ns // 20)::BIGINT AS send_ns, sum(service_ns * 9 // 10)::BIGINT AS wait_ns,
                   sum(service_ns // 20)::BIGINT AS receive_ns,
                   {_histogram("service", "service_ns")}, {_histogram("response", "service_ns + delay_ns")}
            FROM request GROUP BY ALL""",
    ),
    "failures": (
        "series/failures-*.parquet",
        f"SELECT chunk_of(end_ns) AS chunk, {_KEY}, kind, count(*) AS count FROM request WHERE kind <> '' GROUP BY ALL",
    ),
    "iterations": (
        "series/iterations-*.parquet",
        f"""SELECT chunk_of(end_ns) AS chunk, second::INTEGER AS second, 'mixed' AS stream, scenario, {_TAGS}, count(*) AS due,
                   count(*) AS started, count(*) FILTER (kind = '') AS completed, count(*) FILTER (kind <> '') AS failed,
                   0::BIGINT AS errors, 0::BIGINT AS dropped, 0::BIGINT AS interrupted, count(*) * 60000 AS script_ns, 20::BIGINT AS vus,
                   {_histogram("delay", "delay_ns")}, {_histogram("duration", "service_ns")}
            FROM request GROUP BY ALL""",
    ),
    "checks": (
        "series/checks-*.parquet",
        f"""SELECT chunk_of(end_ns) AS chunk, second::INTEGER AS second, scenario, '' AS "group", 'own clinic' AS name, {_TAGS},
                   count(*) AS passes, count(*) FILTER (kind <> '') AS fails FROM request GROUP BY ALL""",
    ),
    "samples": (
        "samples/requests-*.parquet",
        f"""SELECT chunk_of(end_ns) AS chunk, id, scenario, '' AS "group", name, {_TAGS}, 1 AS vu, id AS iteration, tenant,
                   intended_ns AS intended_start_ns, intended_ns + delay_ns AS start_ns, end_ns,
                   0::BIGINT AS blocked_ns, 0::BIGINT AS dns_ns, 0::BIGINT AS connect_ns, 0::BIGINT AS tls_ns,
                   service_ns // 20 AS send_ns, service_ns * 9 // 10 AS wait_ns, service_ns // 20 AS receive_ns,
                   CASE kind WHEN 'status' THEN 500 WHEN 'timeout' THEN 0 ELSE 200 END AS status, kind,
                   CASE kind WHEN 'status' THEN '500: deadlock detected' WHEN 'timeout' THEN 'no answer within 10 s' ELSE '' END AS detail,
                   140::BIGINT AS bytes_sent, 2100::BIGINT AS bytes_received, md5(id::VARCHAR) AS trace_id, '' AS server_timing,
                   CASE WHEN kind = '' THEN '' ELSE 'GET ' || name END AS request,
                   CASE kind WHEN 'status' THEN '500' ELSE '' END AS response,
                   CASE WHEN kind <> '' THEN 'failure' WHEN slowest <= 10 THEN 'slow' ELSE 'uniform' END AS reason,
                   CASE WHEN kind <> '' OR slowest <= 10 THEN 1.0 ELSE 15.0 END AS weight
            FROM (SELECT *, row_number() OVER (PARTITION BY chunk_of(end_ns), kind = '' ORDER BY service_ns DESC) AS slowest,
                         row_number() OVER (PARTITION BY chunk_of(end_ns) ORDER BY hash(id)) AS drawn FROM request)
            WHERE kind <> '' OR slowest <= 10 OR drawn <= 100""",
    ),
    "generator": (
        "probes/generator-*.parquet",
        f"""SELECT second::INTEGER AS second, chunk_of(second * 1000000000) AS chunk, 0.4 + 0.1 * random() AS loop_busy, 0.3 AS io_busy,
                   0.7 AS process_cpu_s, 90000000::BIGINT AS rss_bytes, 2.0 AS cores, 50::BIGINT AS open_connections,
                   {_histogram("hand_over", "20000 + id % 50000")}
            FROM request GROUP BY second""",
    ),
}
_TENANTS = """SELECT tenant, sum(c)::BIGINT AS requests, sum(failed)::BIGINT AS failures, sum(sum_ns)::BIGINT AS sum_ns,
        max(max_ns) AS max_ns, list(bucket ORDER BY bucket) AS buckets, list(c ORDER BY bucket) AS counts
    FROM (SELECT tenant, floor(ln(greatest(service_ns + delay_ns, 1000) / 1000) / ln(1.04))::INTEGER AS bucket, count(*) AS c,
                 count(*) FILTER (kind <> '') AS failed, sum(service_ns + delay_ns) AS sum_ns, max(service_ns + delay_ns) AS max_ns
          FROM request GROUP BY ALL) GROUP BY tenant"""
_EVENTS = "SELECT 1800000000000::BIGINT AS at_ns, 'note' AS kind, 'deployed' AS text"
