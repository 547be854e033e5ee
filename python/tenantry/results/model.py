"""What a stored run can tell, as typed values. Times in seconds, rates per second; None where there is nothing to tell."""

from __future__ import annotations

import msgspec


class Summary(msgspec.Struct, frozen=True):
    """A distribution of durations in seconds.

    `insufficient` names the percentiles with too few samples for an upper bound of 95 % confidence (`tenantry.metrics.confidence`).
    `interval` has (low, high) of the 95 % confidence interval of those that can have one; they need a load of at least 10 s.
    """

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float = msgspec.field(name="p99.9")
    avg: float
    max: float
    n: int
    insufficient: list[str] = []
    interval: dict[str, tuple[float, float]] = {}


class Waits(msgspec.Struct, frozen=True):
    """Seconds from a request sent to the first byte of its answer. `avg` is exact; the rest comes of the `n` kept requests, by weight."""

    p50: float
    p90: float
    p95: float
    avg: float
    max: float
    n: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and rates of a run or of one series.

    `iterations` are those completed without failure or error; `offered_rate` is None for closed load profiles. `resent` counts
    requests that were sent again because the server had closed the connection. In a series the rates and counts of
    iterations are those of its scenario.
    """

    requests: int
    failures: int
    iterations: int
    offered_rate: float | None
    started_rate: float | None
    throughput: float | None
    dropped_iterations: int
    interrupted_iterations: int
    errors: int
    bytes_received: int
    resent: int
    service_time_s: Summary | None
    response_time_s: Summary | None


class Series(Totals, frozen=True, kw_only=True):
    """One request name within a scenario and group."""

    name: str
    scenario: str
    group: str


class Iterations(msgspec.Struct, frozen=True):
    """Counts of iterations: `due` by an open schedule, `ended` without failure or error, `failed` by the app, `errors` of the script."""

    due: int = 0
    started: int = 0
    ended: int = 0
    failed: int = 0
    errors: int = 0
    dropped: int = 0
    interrupted: int = 0


class Sent(msgspec.Struct, frozen=True):
    """Requests of one scenario, and their response times, of which there are `n`; None without any."""

    requests: int = 0
    failures: int = 0
    n: int = 0
    p95_s: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    max_s: float | None = None


class Part(msgspec.Struct, frozen=True):
    """A scenario, or one of its groups, with what it sent and, of a scenario (`group` is None), its iterations."""

    scenario: str
    group: str | None
    sent: Sent
    iterations: Iterations | None


class Check(msgspec.Struct, frozen=True):
    """How often a check held and did not."""

    scenario: str
    name: str
    passes: int
    fails: int


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """What scripts measured themselves, over the whole run, in `unit`; `group` only for `group_duration`, which has one entry per group.

    `value` is the sum of a counter, the last value of a gauge, the share of a rate (0 to 1), the mean of a trend. What a kind does not
    have, or a metric without a value, is None.
    """

    name: str
    kind: str
    unit: str
    group: str
    n: int
    value: float | None = None
    per_s: float | None = None
    min: float | None = None
    max: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


class Failure(msgspec.Struct, frozen=True):
    """Failed requests of one kind, the seconds of the first and the last one, and one of them.

    `request` and `response` are what was sent and what came, secrets redacted; empty where they were not kept.
    """

    name: str
    scenario: str
    kind: str
    count: int
    detail: str
    first_second: int | None = None
    last_second: int | None = None
    trace_id: str = ""
    request: str = ""
    response: str = ""


class Slow(msgspec.Struct, frozen=True):
    """One of the slowest requests; `tenant` by its number from 1, None without one; `second` is that of its end."""

    second: float
    name: str
    scenario: str
    group: str
    tenant: int | None
    status: int
    kind: str
    response_s: float
    service_s: float
    wait_s: float
    trace_id: str


class Status(msgspec.Struct, frozen=True):
    """Requests by the status of their answer (0: none came) and by whether they failed.

    `requests` is exact where `estimated` is false; else it comes of the kept requests, by their weight. The times are those of the `n` kept
    ones, by weight too.
    """

    status: int
    failed: bool
    requests: int
    estimated: bool
    n: int
    p50_s: float
    p95_s: float
    max_s: float


class Generator(msgspec.Struct, frozen=True):
    """How the load processes fared. `busy_share` is the highest average over ten consecutive seconds, 1 being a core at its limit.

    `busiest` is what was so busy: `scripts` (the thread of a process that runs them), `engine` (the one that sends requests), or `process`:
    all processes with all of their threads, where they have fewer than two cores each.
    """

    start_delay_s: Summary | None
    hand_over_s: Summary | None
    busy_share: float | None
    busiest: str | None
    cpu_s: float | None
    rss_bytes: int | None


class ScriptCost(msgspec.Struct, frozen=True):
    """What the iterations of a scenario cost the thread that runs the scripts: seconds between being resumed and waiting again."""

    scenario: str
    iterations: int
    cpu_s: float


class Tenant(msgspec.Struct, frozen=True):
    """What one tenant saw, by its number from 1; the percentiles come from a sketch and are at most 2 % off.

    `insufficient` names those that rest on too few requests to be bounded.
    """

    tenant: int
    requests: int
    failures: int
    p50_s: float
    p95_s: float
    p99_s: float
    insufficient: tuple[str, ...] = ()


class Tenants(msgspec.Struct, frozen=True):
    """Tenants side by side. Only those with at least 20 requests are ranked; `p95_ratio` is the worst one's p95 by the median one's.

    `failures_worst` is the share of failed requests of the ranked tenant that has the highest. `fairness` is Jain's index of the p95s of
    all ranked tenants: 1 where they are the same, down to one by their number where one tenant has all of the time.
    """

    seen: int
    requests_p50: float | None
    worst: list[Tenant]
    best: list[Tenant]
    p95_ratio: float | None
    failures_worst: float | None
    ranked: int = 0
    fairness: float | None = None


class Event(msgspec.Struct, frozen=True):
    """Something worth a mark on the time line, in seconds since the start of the load."""

    second: float
    kind: str
    text: str


Column = list[float | None]


class Steady(msgspec.Struct, frozen=True):
    """The steady state in whole seconds of the load, `from_s` included and `to_s` not; both None with a `reason` when there is none."""

    from_s: int | None = None
    to_s: int | None = None
    reason: str = ""


class Timeline(msgspec.Struct, frozen=True):
    """The run over time, one entry per `step_s` seconds (1 up to two hours), dense from 0 to the end.

    Counts are per second, quantiles are merged over the step. `phases_s` is the mean of each phase over the requests of the step.
    Quantiles and phases are None where there is no data; `offered` and `dropped` are None throughout without an open load profile.
    """

    step_s: int
    second: list[int]
    offered: Column
    started: Column
    completed: Column
    dropped: Column
    requests: Column
    failures: Column
    vus: Column
    response_p50: Column
    response_p95: Column
    response_p99: Column
    service_p50: Column
    service_p95: Column
    service_p99: Column
    start_delay_p50: Column
    start_delay_p99: Column
    start_delay_max: Column
    failure_kinds: dict[str, Column]
    phases_s: dict[str, Column]
    bytes_sent: Column = []
    bytes_received: Column = []
    connections: Column = []
    busy_share: Column = []
    rss_bytes: Column = []
    hand_over_p99: Column = []


class Heat(msgspec.Struct, frozen=True):
    """Response times over time: for each `step_s` seconds, pairs of a bucket and the number of requests in it.

    Buckets are 8 to a doubling: bucket `i` from 16 on holds `(i % 8 + 8) << (i // 8 - 1)` microseconds and up to the next one.
    """

    step_s: int
    columns: list[list[tuple[int, int]]]
