"""The report's page as text: numbers, margins, captions, and what keeps foreign text harmless."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import report_documents as documents

from tenantry.errors import EnvironmentFault
from tenantry.report import captions, header, html, tables
from tenantry.report.html import render
from tenantry.report.numbers import NOTHING, duration, millis, plain, printable, share, size
from tenantry.report.payload import fitted, packed


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.0000045, "4.50 µs"), (0.00018, "180 µs"), (0.0123, "12.3 ms"), (0.9999, "1.00 s"), (150, "2m 30s"), (3900, "1h 05m")],
)
def test_durations_read_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (1, "100 %"), (0.000001, "<0.001 %"), (0.00012, "0.012 %"), (0.9963, "99.63 %"), (0.9999999, "99.9999 %")],
)
def test_a_share_is_never_rounded_to_none_or_all(value: float, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize("show", [duration, share, millis, plain, size])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "12", True])
def test_what_is_no_number_is_a_dash(show: Any, value: object) -> None:
    assert show(value) == NOTHING


def _margin(op: str, limit: float, observed: float, unit: str, result: str) -> str:
    row = {"text": "x", "op": op, "limit": limit, "observed": observed, "unit": unit, "result": result}
    return header.thresholds({"thresholds": [row]})[0].margin


def test_a_margin_tells_the_side_the_distance_and_its_share_of_the_limit() -> None:
    assert _margin("<", 0.5, 0.4, "s", "pass") == "100 ms (20%) inside"
    assert _margin(">", 950, 900, "per_s", "fail") == "50/s (5%) beyond"
    assert _margin("<", 0.01, 0.0134, "share", "fail") == "0.340 points beyond"


def test_the_limit_of_the_start_delay_follows_the_tightest_latency_limit() -> None:
    assert captions.start_delay_limit_s(documents.normal()) == pytest.approx(0.010)
    assert captions.start_delay_limit_s(documents.failing()) == pytest.approx(0.025)
    assert captions.start_delay_limit_s(documents.closed()) is None


def test_captions_say_what_the_charts_show() -> None:
    told = {figure.id: figure.caption for figure in captions.figures(documents.failing())}
    assert "p95 was highest in second 117" in told["response"]
    assert "300/s" in told["iterations"]
    assert "1,250 were dropped" in told["iterations"]
    assert "in the phase “wait”" in told["phases"]
    assert {figure.drawn for figure in captions.figures(documents.empty())} == {False}


def test_percentiles_of_few_samples_are_marked() -> None:
    stats = {"p50": 0.01, "p95": 0.02, "p99": 0.03, "n": 200, "insufficient": ["p99"], "interval": {"p50": [0.009, 0.011]}}
    assert [tables.latency(stats, stat).text for stat in ("p50", "p95", "p99")] == ["10.0 ±1.00", "20.0", "≈30.0"]


def test_an_interval_wider_than_its_value_is_called_that() -> None:
    stats = {"p50": 0.000708, "p95": 0.02, "n": 2000, "insufficient": [], "interval": {"p50": [0.0005, 0.004048], "p95": [0.018, 0.021]}}
    assert [tables.latency(stats, stat).text for stat in ("p50", "p95")] == ["0.708 ±>100 %", "20.0 ±2.00"]


def test_a_page_of_part_of_a_load_does_not_look_like_a_whole_one() -> None:
    whole = documents.normal() | {"verdict": "pass"}
    page, cut = render(whole), render(whole | {"about": whole["about"] | {"end": None}})
    assert '<header class="verdict pass" id="verdict">' in page and "<title>Pass: " in page
    assert '<header class="verdict no_data" id="verdict">' in cut and "<title>Pass so far: " in cut
    assert "The load did not reach its end." in cut


def test_unprintable_characters_are_shown_as_such() -> None:
    assert printable({"a\u202e": ["\x00b\ud800", 1, None]}) == {"a\ufffd": ["\ufffdb\ufffd", 1, None]}


def test_the_policy_names_exactly_the_script_and_the_style_of_the_page() -> None:
    page = render(documents.hostile())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in policy[1].replace("&#39;", "'").split(";"))
    assert directives["default-src"] == "'none'"
    for directive, tag in (("script-src", "script"), ("style-src", "style")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert directives[directive] == f"'sha256-{digest}'"


@pytest.mark.parametrize("make", [documents.normal, documents.hostile, documents.empty])
def test_the_page_names_no_address_to_load_from(make: Any) -> None:
    page = render(make() | {"about": documents.run(target="the target")})
    assert set(re.findall(r"https?://[\w./]+", page)) <= {"http://www.w3.org/2000/svg", "http://127.0.0.1"}
    assert not re.search(r"<(?:img|iframe|object|embed|base|form)\b", page)


def test_a_page_is_the_same_every_time() -> None:
    assert render(documents.normal()) == render(documents.normal())


def test_a_document_with_nothing_in_it_still_makes_a_page() -> None:
    assert "No data" in render({})
    assert "No data" in render(dict.fromkeys(documents.normal()))


def test_an_hour_of_fifty_endpoints_stays_small() -> None:
    names = tuple((f"GET /api/endpoint/{at}", "mixed", 0.02, 0.01 + at / 1000) for at in range(50))
    document = documents.normal(3600, 500) | {"series": documents.series(2_000_000, 3600, names)}
    assert len(render(document).encode()) < 700_000


def test_without_built_assets_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "STATIC", tmp_path)
    html._asset.cache_clear()
    with pytest.raises(EnvironmentFault, match="make web"):
        render(documents.empty())
    html._asset.cache_clear()


def test_a_page_whose_slices_are_too_many_carries_fewer_that_add_up() -> None:
    rng = random.Random(3)
    cells = [[at + 200, rng.randrange(1, 9), 1, rng.randrange(1, 9)] for at in range(12)]
    line = {"counts": {"requests": list(range(12))}, "times": {"response": cells}, "longest_us": {"response": list(range(12))}}
    told = {"slices": {"step_s": 5, "count": 12, "lines": [line], "all": 0}}
    whole, most = packed(told), len(packed(told)) - 1
    found = json.loads(gzip.decompress(base64.b64decode(fitted(told, most))))["slices"]
    assert (found["step_s"], found["count"]) == (10, 6)
    assert found["lines"][0]["counts"]["requests"] == [at + at + 1 for at in range(0, 12, 2)]
    assert found["lines"][0]["longest_us"]["response"] == list(range(1, 12, 2))
    assert sum(sum(cell[1::2]) for cell in found["lines"][0]["times"]["response"]) == sum(sum(cell[1::2]) for cell in cells)
    assert fitted(told, len(whole)) == whole
    assert json.loads(gzip.decompress(base64.b64decode(fitted(told, 20))))["slices"] is None
