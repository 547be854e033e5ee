"""A stored run tells what its raw samples say, computed here from the sorted lists."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from runfolder import SECOND, Iteration, Reading, Request, RunFolder, clinic_run, phases_ns

from tenantry.metrics.selector import exactly
from tenantry.results import Run, open_run
from tenantry.results.model import Summary
from tenantry.results.side import highest_average

SECONDS = 12
BUCKET = 1.001


@pytest.fixture(scope="module")
def raw() -> RunFolder:
    return clinic_run(SECONDS, rate=250, seed=3)


@pytest.fixture(scope="module")
def run(raw: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with open_run(raw.write(tmp_path_factory.mktemp("runs") / "clinic")) as opened:
        yield opened


def assert_summary(found: Summary | None, values_ns: list[int]) -> None:
    """All quantiles within a bucket of the sorted values, the rest exact."""
    assert found is not None
    ordered = sorted(values_ns)
    assert found.n == len(ordered)
    assert found.max == ordered[-1] / 1e9
    assert found.avg == pytest.approx(sum(ordered) / len(ordered) / 1e9)
    assert found.p999 <= found.max
    for permille, seconds in ((500, found.p50), (900, found.p90), (950, found.p95), (990, found.p99), (999, found.p999)):
        assert_within_a_bucket(seconds, ordered, permille)


def assert_within_a_bucket(seconds: float | None, ordered: list[int], permille: int) -> None:
    assert seconds is not None
    exact = ordered[-(-permille * len(ordered) // 1000) - 1]
    assert exact - 1000 <= seconds * 1e9 <= max(exact * BUCKET, exact + 1000)


def test_the_folder_has_late_rows_for_the_same_second_in_another_file(raw: RunFolder, run: Run) -> None:
    rows = run.tables.rows("SELECT count(*), count(DISTINCT (second, scenario, name)) FROM http", of=("http",))
    assert rows[0][0] > rows[0][1]
    assert len(list((run.folder / "series").glob("http-*.parquet"))) > 5


def test_totals_are_those_of_all_samples(raw: RunFolder, run: Run) -> None:
    totals = run.totals
    failed = sum(bool(request.kind) for request in raw.requests)
    begun = [one for one in raw.iterations if one.outcome != "dropped"]
    assert (totals.requests, totals.failures) == (len(raw.requests), failed)
    assert totals.bytes_received == sum(request.received for request in raw.requests)
    assert totals.offered_rate == len(raw.iterations) / SECONDS
    assert totals.started_rate == len(begun) / SECONDS
    good = sum(not request.kind and request.end_ns < SECONDS * SECOND for request in raw.requests)
    assert good < len(raw.requests) - failed, "some of them end in the graceful stop"
    assert totals.throughput == good / SECONDS
    assert totals.dropped_iterations == len(raw.iterations) - len(begun)
    assert totals.iterations == sum(one.outcome == "completed" for one in begun)
    assert totals.errors == sum(one.outcome == "errors" for one in begun)
    assert_summary(totals.response_time_s, [request.response_ns for request in raw.requests])
    assert_summary(totals.service_time_s, [request.service_ns for request in raw.requests])


def test_requests_that_were_sent_again_count_in_their_series_and_in_thresholds(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=3.0)
    run.requests += [Request(0, 0, 1000, name="GET /a", resent=at % 2) for at in range(4)]
    run.requests.append(Request(0, 0, 1000, name="GET /b"))
    with open_run(run.write(tmp_path)) as stored:
        assert stored.totals.resent == 2
        assert [(one.name, one.resent) for one in stored.series] == [("GET /a", 2), ("GET /b", 0)]
        assert (stored.count("resent", (), 0, 1), stored.count("resent", (), 1, None)) == (2, 0)


def test_each_series_is_that_of_its_own_samples(raw: RunFolder, run: Run) -> None:
    by_key: dict[tuple[str, str, str], list[Request]] = defaultdict(list)
    for request in raw.requests:
        by_key[request.scenario, request.group, request.name].append(request)
    assert [(one.scenario, one.group, one.name) for one in run.series] == sorted(by_key)
    for one in run.series:
        requests = by_key[one.scenario, one.group, one.name]
        assert (one.requests, one.failures) == (len(requests), sum(bool(request.kind) for request in requests))
        assert_summary(one.response_time_s, [request.response_ns for request in requests])
        assert_summary(one.service_time_s, [request.service_ns for request in requests])


def test_a_series_carries_the_iterations_of_its_scenario(raw: RunFolder, run: Run) -> None:
    for one in run.series:
        own = [iteration for iteration in raw.iterations if iteration.scenario == one.scenario]
        dropped = sum(iteration.outcome == "dropped" for iteration in own)
        assert one.offered_rate == len(own) / SECONDS
        assert (one.started_rate, one.dropped_iterations) == ((len(own) - dropped) / SECONDS, dropped)


def test_a_closed_load_has_no_offered_rate(tmp_path: Path) -> None:
    with open_run(clinic_run(3, is_open=False).write(tmp_path)) as run:
        assert run.totals.offered_rate is None
        assert run.totals.started_rate == 100
        assert set(run.timeline.offered) == {None}


def test_beside_an_open_stream_a_closed_scenario_still_has_no_offered_rate(tmp_path: Path) -> None:
    folder = RunFolder(elapsed_s=2.0)
    folder.open_stream(1, ["paced"], "paced")
    folder.closed_stream(1, ["free"], "free")
    for scenario in ("paced", "free"):
        folder.requests.append(Request(0, 0, 1000, scenario=scenario))
        folder.iterations.append(Iteration(0, 0, 1000, scenario, scenario, due=scenario == "paced"))
    with open_run(folder.write(tmp_path)) as run:
        assert {one.scenario: one.offered_rate for one in run.series} == {"paced": 0.5, "free": None}
        assert run.totals.offered_rate == 0.5


def test_checks_are_summed_over_seconds(raw: RunFolder, run: Run) -> None:
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for _, scenario, name, passes, fails in raw.checks:
        expected[scenario, name][0] += passes
        expected[scenario, name][1] += fails
    assert {(one.scenario, one.name): [one.passes, one.fails] for one in run.checks} == expected
    assert run.checks[0].fails == max(one.fails for one in run.checks)


def test_failures_are_counted_by_kind_each_with_an_example(raw: RunFolder, run: Run) -> None:
    expected = Counter((request.name, request.scenario, request.kind) for request in raw.requests if request.kind)
    details = {request.kind: request.detail for request in raw.requests}
    assert {(one.name, one.scenario, one.kind): one.count for one in run.failures} == expected
    assert all(one.detail == details[one.kind] for one in run.failures)
    assert [one.count for one in run.failures] == sorted((one.count for one in run.failures), reverse=True)


def test_a_failure_without_detail_shows_its_status(tmp_path: Path) -> None:
    folder = RunFolder(requests=[Request(0, 0, 1000, kind="status", status=503)])
    with open_run(folder.write(tmp_path)) as run:
        assert run.failures[0].detail == "status 503"


def test_script_errors_come_with_place_and_count(raw: RunFolder, run: Run) -> None:
    assert [(error.message, error.location, error.count) for error in run.errors] == [
        ("KeyError: 'slots'", "clinic.py:41", raw.errors[0]["count"])
    ]


def test_the_time_line_is_dense_and_exact(raw: RunFolder, run: Run) -> None:
    timeline = run.timeline
    last = max(request.end_ns for request in raw.requests) // SECOND
    assert timeline.second == list(range(last + 1))
    per_second = Counter(request.end_ns // SECOND for request in raw.requests)
    assert timeline.requests == [per_second[second] for second in timeline.second]
    due = Counter(one.intended_ns // SECOND for one in raw.iterations)
    dropped = Counter(one.intended_ns // SECOND for one in raw.iterations if one.outcome == "dropped")
    assert last >= SECONDS, "requests end in the graceful stop, in which nothing is asked for"
    assert timeline.offered == [due[second] if second < SECONDS else None for second in timeline.second]
    assert timeline.dropped == [dropped[second] for second in timeline.second]
    busy = {second: vus for second, _, vus in raw.vus}
    assert timeline.vus == [busy.get(second, 0) for second in timeline.second]


def test_quantiles_over_time_are_those_of_each_second(raw: RunFolder, run: Run) -> None:
    timeline = run.timeline
    for second in timeline.second:
        here = [request for request in raw.requests if request.end_ns // SECOND == second]
        responses, services = sorted(request.response_ns for request in here), sorted(request.service_ns for request in here)
        for permille, column in ((500, timeline.response_p50), (950, timeline.response_p95), (990, timeline.response_p99)):
            assert_within_a_bucket(column[second], responses, permille)
        assert_within_a_bucket(timeline.service_p95[second], services, 950)


def test_start_delays_over_time_are_those_of_iterations_begun_then(raw: RunFolder, run: Run) -> None:
    begun = [one for one in raw.iterations if one.outcome != "dropped"]
    for second in range(SECONDS):
        delays = sorted(one.start_ns - one.intended_ns for one in begun if one.start_ns // SECOND == second)
        assert run.timeline.start_delay_max[second] == round(delays[-1] / 1e9, 6)
        assert_within_a_bucket(run.timeline.start_delay_p50[second], delays, 500)


def test_failure_kinds_over_time_add_up_to_the_failures(raw: RunFolder, run: Run) -> None:
    timeline = run.timeline
    assert set(timeline.failure_kinds) == {request.kind for request in raw.requests if request.kind}
    for kind, column in timeline.failure_kinds.items():
        expected = Counter(request.end_ns // SECOND for request in raw.requests if request.kind == kind)
        assert column == [expected[second] for second in timeline.second]


def test_phases_over_time_are_means_per_request(raw: RunFolder, run: Run) -> None:
    here = [request for request in raw.requests if request.end_ns // SECOND == 3]
    waited = sum(phases_ns(request)[5] for request in here) / len(here) / 1e9
    assert run.timeline.phases_s["wait"][3] == pytest.approx(waited, abs=1e-6)


def test_a_second_without_data_has_no_quantiles(tmp_path: Path) -> None:
    requests = [Request(0, 0, 5_000_000), Request(3 * SECOND, 3 * SECOND, 3 * SECOND + 1000)]
    with open_run(RunFolder(requests=requests, elapsed_s=5.0).write(tmp_path)) as run:
        assert run.timeline.requests == [1, 0, 0, 1, 0]
        assert [value is None for value in run.timeline.response_p95] == [False, True, True, False, True]
        assert run.timeline.phases_s["wait"][1] is None


def test_a_day_long_run_has_a_bounded_time_line(tmp_path: Path) -> None:
    day = 24 * 3600
    requests = [Request(second * SECOND, second * SECOND, second * SECOND + 1_000_000) for second in range(0, day, 997)]
    with open_run(RunFolder(requests=requests, elapsed_s=float(day)).write(tmp_path)) as run:
        timeline = run.timeline
        assert len(timeline.second) <= 7200
        assert timeline.second[1] == timeline.step_s > 1
        assert sum(value or 0 for value in timeline.requests) * timeline.step_s == pytest.approx(len(requests), rel=1e-4)


def test_busy_virtual_users_are_the_most_of_each_stream_added_over_streams(tmp_path: Path) -> None:
    vus = [(0, "a", 3), (0, "a", 5), (0, "b", 2), (1, "b", 4)]
    with open_run(RunFolder(vus=vus, elapsed_s=2.0).write(tmp_path)) as run:
        assert run.timeline.vus == [7, 4]


def test_busy_virtual_users_of_a_long_step_are_the_most_of_its_seconds(tmp_path: Path) -> None:
    with open_run(RunFolder(vus=[(0, "a", 3), (1, "a", 5), (2, "a", 4)], elapsed_s=86_400.0).write(tmp_path)) as run:
        assert run.timeline.vus[0] == 5


def test_the_generator_is_summed_up(tmp_path: Path) -> None:
    hand_overs = [[20_000, 40_000], [30_000], [90_000, 10_000]]
    readings = [Reading(second, hand_over_ns=values, rss_bytes=10**6 * (second + 1)) for second, values in enumerate(hand_overs)]
    with open_run(RunFolder(readings=readings).write(tmp_path)) as run:
        generator = run.generator
        assert_summary(generator.hand_over_s, [ns for values in hand_overs for ns in values])
        assert generator.cpu_s == pytest.approx(0.9)
        assert generator.rss_bytes == 3 * 10**6


@pytest.mark.parametrize(
    ("reading", "busy"),
    [
        ({"loop_busy": 0.4, "io_busy": 0.7}, (0.7, "engine")),
        ({"loop_busy": 0.8, "io_busy": 0.7}, (0.8, "scripts")),
        ({"loop_busy": 0.4, "io_busy": 0.3, "process_cpu_s": 0.95, "cores": 1.0}, (0.95, "process")),
        ({"loop_busy": math.nan, "io_busy": 0.3}, (0.3, "engine")),
        ({"loop_busy": math.nan, "io_busy": math.nan}, (0.0, "scripts")),
    ],
    ids=["the sending thread", "the scripts' thread", "the whole process on one core", "a system without thread times", "nothing known"],
)
def test_the_busy_share_is_that_of_what_limits_the_generator(tmp_path: Path, reading: dict[str, float], busy: tuple[float, str]) -> None:
    readings = [Reading(second, **reading) for second in range(5)]  # type: ignore[arg-type]
    with open_run(RunFolder(readings=readings).write(tmp_path)) as run:
        assert run.generator.busy_share == pytest.approx(busy[0])
        assert run.generator.busiest == busy[1]


@pytest.mark.parametrize(
    ("values", "highest"),
    [
        ([], None),
        ([1.0, 1.0], None),
        ([0.3, 0.6, 0.9], 0.6),
        ([0.0] * 10 + [1.0] * 10 + [0.0] * 10, 1.0),
        ([0.0] * 10 + [1.0] * 5 + [0.0] * 10, 0.5),
    ],
    ids=["nothing", "too short to tell", "a short run as a whole", "ten busy seconds", "five busy seconds"],
)
def test_the_highest_average_is_over_ten_consecutive_values(values: list[float], highest: float | None) -> None:
    assert highest_average(values) == (None if highest is None else pytest.approx(highest))


def test_tenants_are_ranked_by_their_own_samples(tmp_path: Path) -> None:
    times_ms = {0: 10, 1: 20, 2: 30, 3: 200}
    requests = [
        Request(at, at, at + ms * 1_000_000, tenant=tenant) for tenant, ms in times_ms.items() for at in range(0, 40 * 1_000_000, 1_000_000)
    ]
    requests += [Request(0, 0, 9 * SECOND, tenant=9)] * 19
    with open_run(RunFolder(requests=requests).write(tmp_path)) as run:
        tenants = run.tenants
        assert tenants.seen == 5
        assert tenants.requests_p50 == 40
        assert [tenant.tenant for tenant in tenants.worst] == [4, 3, 2, 1]
        assert [tenant.tenant for tenant in tenants.best] == [1, 2, 3, 4]
        assert all(tenant.p95_s == pytest.approx(times_ms[tenant.tenant - 1] / 1e3, rel=0.02) for tenant in tenants.worst)
        assert {tenant.insufficient for tenant in tenants.worst} == {("p95_s", "p99_s")}, "of 40 requests each"
        assert tenants.p95_ratio == pytest.approx(200 / 25, rel=0.04)


def test_one_ranked_tenant_alone_has_no_ratio(tmp_path: Path) -> None:
    requests = [Request(0, 0, 1_000_000, tenant=4)] * 30
    with open_run(RunFolder(requests=requests).write(tmp_path)) as run:
        assert (run.tenants.p95_ratio, len(run.tenants.worst)) == (None, 1)


def test_events_are_in_order_of_time(tmp_path: Path) -> None:
    events = [(2 * SECOND, "stage", "second"), (SECOND // 2, "stage", "first")]
    with open_run(RunFolder(events=events).write(tmp_path)) as run:
        assert [(event.second, event.text) for event in run.events] == [(0.5, "first"), (2.0, "second")]


def test_names_may_hold_quotes_markup_and_any_script(tmp_path: Path) -> None:
    names = ["GET /'; DROP TABLE http; --", 'GET /"x"', "GET /<b>&amp;", "GET /ひらがな/🐈", "x" * 10_000]
    requests = [Request(0, 0, 1_000_000, name=name) for name in names]
    with open_run(RunFolder(requests=requests).write(tmp_path / "it's [a] *run*?")) as run:
        assert sorted(one.name for one in run.series) == sorted(names)
        for name in names:
            assert run.count("requests", exactly({"name": name}), 0, None) == 1
