"""What thresholds ask: metrics over spans of seconds, against the raw samples of those seconds."""

import math
from collections.abc import Callable, Iterator

import pytest
from runfolder import SECOND, Request, RunFolder, clinic_run

from tenantry.metrics.selector import Selector, exactly
from tenantry.results import Run, open_run
from tenantry.thresholds.source import Source

SECONDS = 12


@pytest.fixture(scope="module")
def raw() -> RunFolder:
    return clinic_run(SECONDS, rate=200, seed=8)


@pytest.fixture(scope="module")
def run(raw: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with open_run(raw.write(tmp_path_factory.mktemp("runs"))) as opened:
        yield opened


def ended(raw: RunFolder, start: int, end: int | None, **tags: str) -> list[Request]:
    """The raw requests that ended in the span and carry the tags."""
    stop = math.inf if end is None else end
    inside = (request for request in raw.requests if start <= request.end_ns // SECOND < stop)
    return [request for request in inside if all(getattr(request, tag) == value for tag, value in tags.items())]


def test_a_stored_run_is_a_source_of_thresholds(run: Run) -> None:
    source: Source = run
    assert source.duration_s == SECONDS


@pytest.mark.parametrize(
    "tags", [{}, {"name": "GET /api/dashboard"}, {"scenario": "booking", "group": "booking"}], ids=["all", "a name", "a group"]
)
def test_every_span_has_the_quantiles_of_its_own_samples(raw: RunFolder, run: Run, tags: dict[str, str]) -> None:
    spans: list[tuple[int, int | None]] = [(2, 6), (3, None), (0, 4)]
    spans += [(start, start + 3) for start in range(SECONDS - 2)] + [(2, 9), (1, 2), (0, None)]
    for start, end in spans:
        values = sorted(request.response_ns for request in ended(raw, start, end, **tags))
        found = run.trend("response_time", exactly(tags), start, end)
        assert found is not None
        assert found.n == len(values)
        assert found.max == values[-1] / 1e9
        assert found.avg == pytest.approx(sum(values) / len(values) / 1e9)
        for q in (0.5, 0.95, 0.99, 1.0):
            exact = values[math.ceil(round(q * len(values), 9)) - 1]
            assert exact <= round(found.quantile(q) * 1e9) <= exact * 1.001 + 1000


def test_a_distribution_stays_what_it_was_when_others_are_asked_for(run: Run) -> None:
    asked = [trend for start in range(6) if (trend := run.trend("service_time", (), start, start + 2))]
    latest = asked[-1]
    before = (latest.n, latest.quantile(0.95))
    run.trend("service_time", (), 6, 11)
    assert (latest.n, latest.quantile(0.95)) == before


def test_a_span_without_samples_has_no_distribution(run: Run) -> None:
    assert run.trend("response_time", exactly({"name": "GET /nowhere"}), 0, None) is None
    for start in range(100, 106):
        assert run.trend("response_time", (), start, start + 1) is None


def test_iterations_have_their_own_distributions(raw: RunFolder, run: Run) -> None:
    begun = [one for one in raw.iterations if one.outcome != "dropped" and one.scenario == "search"]
    delay = run.trend("start_delay", exactly({"scenario": "search"}), 0, None)
    took = run.trend("iteration_duration", exactly({"scenario": "search"}), 0, None)
    assert delay is not None
    assert took is not None
    assert delay.max == max(one.start_ns - one.intended_ns for one in begun) / 1e9
    assert took.max == max(one.end_ns - one.start_ns for one in begun) / 1e9


@pytest.mark.parametrize(("start", "end"), [(0, None), (2, 5), (4, None), (11, 30), (5, 5), (50, 60)])
def test_shares_and_counts_are_those_of_the_span(raw: RunFolder, run: Run, start: int, end: int | None) -> None:
    inside = ended(raw, start, end)
    failed = sum(bool(request.kind) for request in inside)
    assert run.share("failures", (), start, end) == (failed, len(inside))
    assert run.count("requests", (), start, end) == len(inside)
    assert run.count("throughput", (), start, end) == len(inside) - failed


def test_checks_are_selected_by_their_own_name(raw: RunFolder, run: Run) -> None:
    held = sum(passes for second, _, name, passes, _ in raw.checks if name == "own clinic" and second >= 4)
    assert run.share("checks", exactly({"name": "own clinic"}), 4, None) == (held, held)
    assert run.share("checks", exactly({"name": "never made"}), 0, None) == (0, 0)


def test_counts_of_iterations_are_those_of_their_outcome(raw: RunFolder, run: Run) -> None:
    outcomes = {"iterations": "completed", "dropped_iterations": "dropped", "errors": "errors"}
    for metric, outcome in outcomes.items():
        assert run.count(metric, (), 0, None) == sum(one.outcome == outcome for one in raw.iterations)
    assert run.count("started_rate", (), 0, None) == sum(one.outcome != "dropped" for one in raw.iterations)


def test_nothing_counted_differs_from_nothing_there(run: Run) -> None:
    assert run.count("errors", exactly({"scenario": "search"}), 0, 1) == 0
    assert run.count("requests", exactly({"name": "GET /api/dashboard"}), 90, None) == 0
    assert run.count("requests", exactly({"name": "GET /nowhere"}), 0, None) is None


@pytest.mark.parametrize(
    ("selectors", "picked"),
    [
        ((Selector("scenario", "!=", "booking"),), lambda request: request.scenario != "booking"),
        (
            (Selector("name", "=~", "GET /api/(search|dashboard)"),),
            lambda request: request.name in ("GET /api/search", "GET /api/dashboard"),
        ),
        ((Selector("name", "=~", "GET"),), lambda request: False),
        (
            (Selector("name", "=~", "(?!.*slots).*"), Selector("group", "=", "booking")),
            lambda request: request.group == "booking" and "slots" not in request.name,
        ),
        (
            (Selector("name", "!=", "GET /api/search"), Selector("name", "!=", "GET /api/dashboard")),
            lambda request: request.scenario not in ("search", "dashboard"),
        ),
    ],
    ids=["unequal", "a pattern", "a pattern that fits only a part", "a pattern of Python and a value", "two that are unequal"],
)
def test_selectors_pick_by_value_and_by_pattern(
    raw: RunFolder, run: Run, selectors: tuple[Selector, ...], picked: Callable[[Request], bool]
) -> None:
    inside = [request for request in raw.requests if picked(request)]
    failed = sum(bool(request.kind) for request in inside)
    assert run.share("failures", selectors, 0, None) == (failed, len(inside))


def test_hand_overs_are_those_of_the_generator_in_that_span(raw: RunFolder, run: Run) -> None:
    seen = [ns for reading in raw.readings if reading.second >= 4 for ns in reading.hand_over_ns]
    found = run.trend("hand_over", (), 4, None)
    assert found is not None
    assert (found.n, found.max) == (len(seen), max(seen) / 1e9)


def test_a_metric_that_nobody_stored_has_no_values(run: Run) -> None:
    assert run.trend("queue_depth", (), 0, None) is None
    assert (run.share("cache_hits", (), 0, None), run.count("orders", (), 0, None), run.value("pool", ())) == ((0, 0), None, None)
