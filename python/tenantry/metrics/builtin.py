"""The one list of built-in metrics. Thresholds, results and docs read it; a test compares them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["trend", "rate", "counter", "gauge"]
Unit = Literal["s", "share", "per_s", "count", "bytes", "ratio"]

REQUEST_TAGS = ("name", "scenario", "group")
ITERATION_TAGS = ("scenario",)
GROUP_TAGS = ("scenario", "group")
GROUP_DURATION = "group_duration"


class Metric(NamedTuple):
    """One metric.

    `kind` says what can be asked of it: a trend has percentiles, `avg`, `max` and `count`; a rate has `rate` (a share of 0 to 1)
    and `count` (its numerator); a counter has `count` and `rate` (per second); a gauge is one number at the end of the run.
    `unit` is that of the stat a short form means (`default_stat`), or of the samples of a trend.
    """

    name: str
    kind: Kind
    unit: Unit
    tags: tuple[str, ...]
    default_stat: str | None
    meaning: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("response_time", "trend", "s", REQUEST_TAGS, None, "end of a request minus its intended start"),
        Metric("service_time", "trend", "s", REQUEST_TAGS, None, "end of a request minus its start"),
        Metric("start_delay", "trend", "s", ITERATION_TAGS, None, "start of an iteration minus its intended start"),
        Metric("iteration_duration", "trend", "s", ITERATION_TAGS, None, "start to end of an iteration, pauses included"),
        Metric(GROUP_DURATION, "trend", "s", GROUP_TAGS, None, "start to end of a `vu.group` block"),
        Metric("failures", "rate", "share", REQUEST_TAGS, "rate", "requests that failed: transport, time-out, status, check"),
        Metric("checks", "rate", "share", REQUEST_TAGS, "rate", "checks that held; `name` is the name of the check"),
        Metric("throughput", "counter", "per_s", REQUEST_TAGS, "rate", "requests completed without failure"),
        Metric("requests", "counter", "count", REQUEST_TAGS, "count", "requests completed or failed"),
        Metric("resent", "counter", "count", REQUEST_TAGS, "count", "requests sent again after the server closed a kept connection"),
        Metric("iterations", "counter", "count", ITERATION_TAGS, "count", "iterations that ended without failure or error"),
        Metric("started_rate", "counter", "per_s", ITERATION_TAGS, "rate", "iterations begun"),
        Metric("dropped_iterations", "counter", "count", ITERATION_TAGS, "count", "iterations due but not started for want of a VU"),
        Metric("errors", "counter", "count", ITERATION_TAGS, "count", "iterations that ended by an exception of the script"),
        Metric("tenant_p95_ratio", "gauge", "ratio", (), "value", "p95 of the worst tenant divided by the median of all tenants' p95"),
        Metric("tenant_p95_worst", "gauge", "s", (), "value", "p95 response time of the slowest tenant"),
        Metric("tenant_failures_worst", "gauge", "share", (), "value", "requests that failed, of the tenant with the highest share"),
        Metric("hand_over", "trend", "s", (), None, "arrival of an answer to the moment at which the script went on"),
        Metric("busy_share", "gauge", "share", (), "value", "share of a core that the generator used in its worst 10 s"),
        Metric("db_connections", "gauge", "share", (), "value", "database connections in use in their worst 10 s, of those there are"),
        Metric("rss_bytes", "gauge", "bytes", (), "value", "the most memory that the generator used"),
    )
}
