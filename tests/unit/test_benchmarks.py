"""What the benchmarks read from other tools, against output that those tools gave."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.peers.tools")


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.peers.rounds")


WRK = """Running 2s test @ http://127.0.0.1:8080/item
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   668.37us  124.85us   4.71ms   89.45%
    Req/Sec    74.33k     2.71k   77.37k    95.24%
  155228 requests in 2.10s, 43.67MB read
  Socket errors: connect 0, read 3, write 1, timeout 2
  Non-2xx or 3xx responses: 10
Requests/sec:  73938.20
Transfer/sec:     20.80MB
"""


def test_wrk_names_requests_rate_and_both_kinds_of_failures(tools: ModuleType) -> None:
    claim = tools.read_wrk(WRK, tools.Load("", 50, 2, Path()))
    assert (claim.requests, claim.failures, claim.per_s) == (155228, 16, 73938.20)


def test_locust_rates_are_over_the_time_in_which_it_sent(tools: ModuleType) -> None:
    rows = [
        {"name": "/item", "num_requests": 900, "num_failures": 2, "start_time": 100.0, "last_request_timestamp": 103.0},
        {"name": "/other", "num_requests": 300, "num_failures": 0, "start_time": 99.0, "last_request_timestamp": 102.0},
    ]
    claim = tools.read_locust("a warning\n" + json.dumps(rows), tools.Load("", 50, 4, Path()))
    assert (claim.requests, claim.failures, claim.per_s) == (1200, 2, 300.0)


def test_oha_counts_transport_errors_and_bad_statuses_as_failures(tools: ModuleType) -> None:
    told = {"summary": {"requestsPerSec": 50.0}, "statusCodeDistribution": {"200": 90, "503": 10}, "errorDistribution": {"refused": 5}}
    claim = tools.read_oha(json.dumps(told), tools.Load("", 50, 2, Path()))
    assert (claim.requests, claim.failures, claim.per_s) == (100, 15, 50.0)


def test_gatling_is_read_from_its_last_table(tools: ModuleType) -> None:
    row = "> Global                     | {} | {} |         {}"
    told = "\n".join([row.format("   26,146", "   26,146", "0"), "> item | 9 | 9 | 0", row.format("  217,208", "  217,201", "7")])
    claim = tools.read_gatling(told, tools.Load("", 50, 4, Path()))
    assert (claim.requests, claim.failures, claim.per_s) == (217208, 7, 54302.0)


def test_a_tool_stands_for_its_median_round_and_its_worst_disagreement_with_the_server(tools: ModuleType, rounds: ModuleType) -> None:
    tool = next(tool for tool in tools.TOOLS if tool.name == "wrk")
    facts = [(100.0, 1000, 1000, 1.0), (300.0, 1000, 1000, 3.0), (200.0, 990, 1000, 2.0)]
    played = [rounds.Round("wrk", rate, claimed, 0, served, cpu, 0, 0.5, 0.0) for rate, claimed, served, cpu in facts]
    found = rounds.figures(tool, played)
    assert (found.per_s, found.per_s_low, found.per_s_high, found.cpu_s_per_1000, found.unexplained) == (200.0, 100.0, 300.0, 2.0, 0.01)


def test_an_absent_tool_is_not_found(tools: ModuleType) -> None:
    tool = tools.Tool("none", "no-such-program-here", False, lambda load: [], lambda output, load: None)
    assert tool.found() is None


def test_what_observing_costs_is_told_from_turns_within_one_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    observing = importlib.import_module("benchmarks.observing")
    assert [observing.observes(turn) for turn in range(8)] == [True, False, False, True] * 2
    # A load that becomes slower by itself, and by 5 % while it is observed; the first second of a turn is left out.
    alone = {second: 1000 - second for second in range(120)}
    seen = {second: 7 if second % 5 == 0 else count * (0.95 if observing.observes(second // 5) else 1) for second, count in alone.items()}
    lost = observing.losses(seen, pairs=12, seconds=5)
    assert len(lost) == 12
    assert sum(lost) / 12 == pytest.approx(0.05, abs=1e-4)
