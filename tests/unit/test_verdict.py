"""The verdict on stored runs, case by case."""

from pathlib import Path

import pytest
from runfolder import SECOND, Iteration, Reading, Request, RunFolder, clinic_run

from tenantry.errors import Exit
from tenantry.results import open_run
from tenantry.units import shown
from tenantry.verdict import Verdict, judge

MS = 1_000_000


def steady(seconds: int = 5, *, response_ms: int = 100, delay_ms: float = 0.1, is_open: bool = True) -> RunFolder:
    """20 iterations a second of one request each, all alike."""
    run = RunFolder(elapsed_s=float(seconds))
    (run.open_stream if is_open else run.closed_stream)(20)
    for number in range(20 * seconds):
        intended = number * SECOND // 20
        start = intended + round(delay_ms * MS)
        run.requests.append(Request(intended, start, intended + response_ms * MS))
        run.iterations.append(Iteration(intended, start, intended + response_ms * MS, due=is_open))
    run.readings = [Reading(second) for second in range(seconds)]
    return run


def judged(run: RunFolder, folder: Path) -> Verdict:
    with open_run(run.write(folder)) as opened:
        return judge(opened)


def test_a_run_that_meets_its_thresholds_passes(tmp_path: Path) -> None:
    run = steady()
    run.thresholds = ["response_time p95 < 200ms", "failures < 1%"]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("pass", Exit.PASS)
    assert found.reason == "all 2 thresholds were met; 100 requests, 0 failed"
    assert [result.result for result in found.thresholds] == ["pass", "pass"]


def test_a_run_without_thresholds_passes_and_says_so(tmp_path: Path) -> None:
    found = judged(steady(), tmp_path)
    assert (found.verdict, found.exit) == ("pass", Exit.PASS)
    assert found.reason.startswith("no threshold was set")


def test_a_failed_threshold_is_named_with_observed_and_limit(tmp_path: Path) -> None:
    run = steady(response_ms=700)
    run.thresholds = ["response_time p95 < 500ms"]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("fail", Exit.THRESHOLD)
    assert found.reason == "response_time p95 was 700 ms, the limit is < 500 ms"


def test_several_failed_thresholds_are_counted_and_the_first_named(tmp_path: Path) -> None:
    run = steady(response_ms=700)
    run.thresholds = [f"response_time p95 < {limit}ms" for limit in (500, 400, 450, 480, 490)] + ["failures < 1%"]
    reason = judged(run, tmp_path).reason
    assert reason.startswith("5 of 6 thresholds failed: response_time p95 was 700 ms")
    assert reason.endswith("and 2 more")


def test_a_failed_threshold_with_tags_is_told_from_the_others(tmp_path: Path) -> None:
    run = steady(response_ms=700)
    run.thresholds = ['response_time{name="GET /"} p95 < 500ms']
    assert judged(run, tmp_path).reason == 'response_time{name="GET /"} p95 was 700 ms, the limit is < 500 ms'


def test_a_threshold_without_data_is_no_data_even_when_others_fail(tmp_path: Path) -> None:
    run = steady(response_ms=700)
    run.thresholds = ["response_time p95 < 500ms", 'response_time{name="GET /never"} p95 < 500ms', "checks > 99%"]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("no_data", Exit.NO_DATA)
    assert found.reason.startswith("2 of 3 thresholds never got a sample")
    assert [result.result for result in found.thresholds] == ["fail", "no_data", "no_data"]


def test_a_threshold_of_an_unknown_grammar_never_passes(tmp_path: Path) -> None:
    run = steady()
    run.thresholds = ["sentiment p95 < 5 tomorrow"]
    assert judged(run, tmp_path).verdict == "no_data"


def test_a_run_without_a_request_is_no_data(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=4.0, iterations=[Iteration(0, 0, SECOND)], thresholds=["failures < 1%"])
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("no_data", Exit.NO_DATA)
    assert "no request was made in 4 s" in found.reason


def test_a_run_in_which_every_iteration_raised_is_no_data_although_requests_were_made(tmp_path: Path) -> None:
    run = steady()
    run.thresholds = ["response_time p95 < 1s"]
    for one in run.iterations:
        one.outcome = "errors"
    run.errors = [{"scenario": "visit", "message": "KeyError: 'id'", "location": "clinic.py:7", "count": 100, "first_second": 0}]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("no_data", Exit.NO_DATA)
    assert "every one of 100 iterations ended with an exception" in found.reason
    assert "KeyError: 'id' at clinic.py:7" in found.reason


def test_a_run_in_which_only_some_iterations_raised_is_judged(tmp_path: Path) -> None:
    run = steady()
    for one in run.iterations[1:]:
        one.outcome = "errors"
    assert judged(run, tmp_path).verdict == "pass"


@pytest.mark.parametrize(
    ("delay_ms", "thresholds", "valid"),
    [
        (9, [], True),
        (11, [], False),
        (0.9, ["response_time p95 < 10ms"], True),
        (1.1, ["response_time p95 < 10ms"], False),
        (4, ["response_time p95 < 100ms"], True),
        (6, ["response_time p95 < 100ms"], False),
        (41, ["response_time p95 < 1s"], True),
        (41, ["response_time p95 < 1s", "response_time p99 < 500ms"], False),
        (41, ["service_time p95 < 500ms"], False),
        (41, ["response_time p95 > 10ms", "response_time p50 < 1s"], True),
        (41, ["response_time count > 5", "response_time p50 < 1s"], True),
    ],
)
def test_a_schedule_that_was_not_kept_makes_a_run_invalid(tmp_path: Path, delay_ms: float, thresholds: list[str], valid: bool) -> None:
    run = steady(delay_ms=delay_ms, response_ms=90)
    run.thresholds = thresholds
    assert (judged(run, tmp_path).verdict != "invalid") == valid


def test_an_invalid_run_says_what_was_late_by_how_much(tmp_path: Path) -> None:
    run = steady(delay_ms=41)
    run.thresholds = ["response_time p95 < 500ms"]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("invalid", Exit.INVALID)
    assert found.reason == (
        "start delay p99 was 41 ms, above 25 ms (5 % of the limit of 500 ms): "
        "the generator was the bottleneck, so nothing can be said about the app; "
        "use more cores (`--processes 2`), lower the rate, make the scripts cheaper (no blocking calls, less work), or send part of the "
        "load from another machine; scenario visit took 100 % of the scripts' time, 100 µs an iteration"
    )


def test_more_processes_are_no_advice_once_each_core_has_one(tmp_path: Path) -> None:
    run = steady(delay_ms=41)
    run.processes = 2
    assert "--processes" not in judged(run, tmp_path).reason


def test_a_failed_threshold_of_an_invalid_run_is_invalid_not_fail(tmp_path: Path) -> None:
    run = steady(delay_ms=400, response_ms=700)
    run.thresholds = ["response_time p95 < 500ms", "checks > 99%"]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("invalid", Exit.INVALID)


def test_a_closed_load_has_no_schedule_to_miss(tmp_path: Path) -> None:
    assert judged(steady(delay_ms=60, is_open=False), tmp_path).verdict == "pass"


def test_late_first_iterations_of_a_closed_stream_do_not_count_against_an_open_one(tmp_path: Path) -> None:
    run = steady()
    run.closed_stream(5, ["browse"], "browse")
    run.iterations += [Iteration(0, 900 * MS, 950 * MS, "browse", "browse", due=False)] * 50
    found = judged(run, tmp_path)
    assert found.verdict == "pass"
    assert found.generator.start_delay_s is not None
    assert found.generator.start_delay_s.max < 0.001


@pytest.mark.parametrize(
    ("busy", "valid"),
    [([0.84] * 20, True), ([0.86] * 20, False), ([0.2] * 10 + [0.9] * 10 + [0.2] * 10, False), ([0.2] * 10 + [1.0] * 8 + [0.2] * 10, True)],
    ids=["just below", "just above", "ten seconds", "eight seconds"],
)
def test_a_busy_engine_makes_a_run_invalid(tmp_path: Path, busy: list[float], valid: bool) -> None:
    run = steady()
    run.readings = [Reading(second, loop_busy=share) for second, share in enumerate(busy)]
    found = judged(run, tmp_path)
    assert (found.verdict == "pass") == valid
    assert valid or "above 85 %" in found.reason


def test_a_closed_run_with_a_busy_engine_is_invalid_too(tmp_path: Path) -> None:
    run = steady(is_open=False)
    run.readings = [Reading(second, io_busy=0.97) for second in range(12)]
    found = judged(run, tmp_path)
    assert found.verdict == "invalid"
    assert found.reason.startswith("the thread that sends requests was 97 % busy over its worst 10 s, above 85 %: ")
    assert found.reason.endswith("ask for less, or send part of the load from another machine")


def test_the_costliest_scenario_is_named_with_its_share_of_the_scripts_time(tmp_path: Path) -> None:
    run = steady()
    run.readings = [Reading(second, loop_busy=0.95) for second in range(12)]
    run.iterations += [Iteration(0, 0, SECOND, "report", "visit", script_ns=3 * MS, due=False) for _ in range(10)]
    assert "scenario report took 75 % of the scripts' time, 3 ms an iteration" in judged(run, tmp_path).reason


@pytest.mark.parametrize(
    ("kind", "detail", "says"),
    [
        ("connect", "127.0.0.1:80: Too many open files (os error 24)", "ran out of file descriptors (1 kept failure say so)"),
        ("connect", "127.0.0.1:80: Cannot assign requested address (os error 99)", "ran out of local ports"),
        ("dns", "localhost: Too many open files (os error 24)", "ran out of file descriptors"),
        ("status", "the app says: Too many open files (os error 24)", None),
        ("refused", "127.0.0.1:80: Connection refused (os error 111)", None),
    ],
)
def test_a_generator_without_descriptors_or_ports_makes_a_run_invalid(tmp_path: Path, kind: str, detail: str, says: str | None) -> None:
    run = steady()
    run.requests.append(Request(0, 0, MS, kind=kind, status=0, detail=detail))
    found = judged(run, tmp_path)
    assert (found.verdict == "invalid") == (says is not None)
    assert (says or "") in found.reason


def with_drops(run: RunFolder, *, hand_over_ms: int) -> RunFolder:
    """A third of what was due found no free virtual user; the scripts waited 2 s per second for the app, and so long for the generator."""
    run.iterations += [Iteration(number * SECOND // 10, 0, 0, outcome="dropped") for number in range(50)]
    run.readings = [Reading(second, hand_over_ns=(hand_over_ms * MS,)) for second in range(5)]
    return run


def test_iterations_dropped_while_all_virtual_users_wait_for_the_app_are_back_pressure(tmp_path: Path) -> None:
    found = judged(with_drops(steady(), hand_over_ms=10), tmp_path)
    assert found.verdict == "pass"
    assert "50 of 150 due iterations were dropped" in found.reason


def test_iterations_dropped_while_scripts_wait_for_the_generator_make_a_run_invalid(tmp_path: Path) -> None:
    found = judged(with_drops(steady(), hand_over_ms=2500), tmp_path)
    assert found.verdict == "invalid"
    assert found.reason.startswith("only 66.7 % of 150 iterations that the target left room for were started in time: ")


def test_iterations_that_began_after_the_load_were_not_started_in_time(tmp_path: Path) -> None:
    run = steady()
    for number in range(100):
        run.iterations[number].start_ns = run.iterations[number].intended_ns if number < 90 else 6 * SECOND
    run.thresholds = ["response_time p50 < 200s"]
    assert "only 90 % of 100 iterations" in judged(run, tmp_path).reason


def test_iterations_that_went_on_when_the_run_was_killed_are_not_missed(tmp_path: Path) -> None:
    run = steady()
    run.end = None
    run.iterations += [Iteration(number * MS, 0, 0, outcome="lost") for number in range(50)]
    assert judged(run, tmp_path).verdict == "pass"


def test_what_tripped_the_error_breaker_is_the_reason_and_the_exit_code_is_14(tmp_path: Path) -> None:
    run = steady()
    run.end = "aborted"
    run.events = [(4 * SECOND, "breaker", "the error breaker stopped the run: 100 % of 80 requests failed in the last 2 s")]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == ("fail", Exit.ABORTED)
    assert found.reason.endswith("the error breaker stopped the run: 100 % of 80 requests failed in the last 2 s")


def test_too_few_samples_are_no_data_but_a_failed_threshold_beside_them_is_a_failure(tmp_path: Path) -> None:
    run = steady()
    run.thresholds = ["response_time p99 < 500ms", "response_time p50 < 500ms"]
    found = judged(run, tmp_path / "unclear")
    assert (found.verdict, found.exit) == ("no_data", Exit.NO_DATA)
    assert found.reason == "1 of 2 thresholds cannot be judged: `response_time p99 < 500ms` (only 100 samples, where p99 needs 299)"
    run.thresholds[1] = "response_time p50 < 50ms"
    assert judged(run, tmp_path / "failed").verdict == "fail"


def test_a_run_that_was_stored_as_invalid_stays_so(tmp_path: Path) -> None:
    run = steady()
    run.manifest = {"verdict": {"verdict": "invalid", "reason": "the run folder could not be written (disk full)", "exit": 12}}
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit, found.reason) == ("invalid", Exit.INVALID, "the run folder could not be written (disk full)")


def test_dropped_iterations_are_told_but_are_not_invalid(tmp_path: Path) -> None:
    run = steady()
    run.thresholds = ["failures < 1%"]
    run.iterations += [Iteration(number * MS, 0, 0, outcome="dropped") for number in range(1000)]
    found = judged(run, tmp_path)
    assert found.verdict == "pass"
    assert "1,000 of 1,100 due iterations were dropped because no virtual user was free" in found.reason


@pytest.mark.parametrize(
    ("end", "limit", "word", "code", "says"),
    [
        ("interrupted", "1s", "pass", Exit.INTERRUPTED, "interrupted after 5 s; until then the threshold was met"),
        ("interrupted", "50ms", "fail", Exit.INTERRUPTED, "interrupted after 5 s; until then response_time p95 was"),
        ("stopped", "1s", "pass", Exit.PASS, "stopped by hand after 5 s; until then the threshold was met"),
        ("stopped", "50ms", "fail", Exit.THRESHOLD, "stopped by hand after 5 s; until then response_time p95 was"),
        ("aborted", "50ms", "fail", Exit.ABORTED, "stopped early after 5 s: response_time p95 was"),
        (None, "1s", "pass", Exit.INTERRUPTED, "killed"),
    ],
)
def test_a_run_that_did_not_reach_its_end_keeps_its_verdict_but_never_exits_as_passed(
    tmp_path: Path, end: str | None, limit: str, word: str, code: Exit, says: str
) -> None:
    run = steady()
    run.end = end
    run.thresholds = [f"response_time p95 < {limit}"]
    found = judged(run, tmp_path)
    assert (found.verdict, found.exit) == (word, code)
    assert says in found.reason


def test_a_run_that_stopped_because_every_iteration_raised_is_no_data(tmp_path: Path) -> None:
    run = steady()
    run.end = "aborted"
    for one in run.iterations:
        one.outcome = "errors"
    assert judged(run, tmp_path).exit == Exit.NO_DATA


def test_the_verdict_is_the_same_whenever_it_is_asked_for(tmp_path: Path) -> None:
    folder = clinic_run(4).write(tmp_path)
    with open_run(folder) as first, open_run(folder) as second:
        assert judge(first) == judge(first) == judge(second)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.041, "s", "41 ms"),
        (0.0415, "s", "41.5 ms"),
        (0.5, "s", "500 ms"),
        (20.0, "s", "20 s"),
        (0.00012, "s", "120 µs"),
        (0.00135, "s", "1.35 ms"),
        (0.0, "s", "0 s"),
        (200.0, "s", "3m 20s"),
        (0.85, "share", "85 %"),
        (0.9934, "share", "99.3 %"),
        (0.0123, "share", "1.23 %"),
        (950.0, "per_s", "950/s"),
        (12_345.0, "count", "12,345"),
        (3.14159, "ratio", "3.14"),
        (None, "s", "-"),
    ],
)
def test_values_are_shown_in_their_unit(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text
