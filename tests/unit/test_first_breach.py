"""Since when a failed threshold fails: worked out by hand from runs whose failures are known second by second."""

from __future__ import annotations

from pathlib import Path

import pytest
from runfolder import MS, SECOND, Reading, Request, RunFolder

from tenantry.report.document import document
from tenantry.results import open_run


def since(folder: Path, threshold: str, failed: dict[int, int], *, seconds: int = 20, per_second: int = 10) -> object:
    """When `threshold` began to fail in a run of ten requests a second, of which so many failed in each second named."""
    run = RunFolder(elapsed_s=float(seconds), thresholds=[threshold], readings=[Reading(0)])
    for second in range(seconds):
        for number in range(per_second):
            at = second * SECOND + number * SECOND // per_second
            bad = number < failed.get(second, 0)
            run.requests.append(Request(at, at, at + 5 * MS, kind="status" if bad else "", status=500 if bad else 200))
    with open_run(run.write(folder)) as opened:
        (row,) = document(opened)["thresholds"]
    return row["first_breach_s"]


@pytest.mark.parametrize(
    ("threshold", "failed", "second"),
    [
        ("failures < 10%", {12: 10, 13: 10, 14: 10}, 13),  # 20 of 140 until the end of second 13; 10 of 130 before
        ("failures < 10%", {0: 10, 15: 10, 16: 10, 17: 10}, 15),  # broken by the first second, mended in second 10, 20 of 160 in second 15
        ("failures < 10%", dict.fromkeys(range(20), 5), 0),
        ("failures < 10%", {19: 10, 18: 10, 17: 10}, 18),
        ("failures < 10% over 2s", {5: 3, 12: 10}, 4),
        ("failures < 10% after 10s", {0: 10, 15: 10}, 15),
        ("requests count > 201", {}, 0),
    ],
    ids=["late", "mended in between", "from the start", "at the end", "a window", "after a warm-up", "never enough"],
)
def test_a_threshold_fails_since_the_second_from_which_it_stays_broken(
    tmp_path: Path, threshold: str, failed: dict[int, int], second: int
) -> None:
    assert since(tmp_path, threshold, failed) == second


@pytest.mark.parametrize("threshold", ["failures < 99%", "rss_bytes < 1KB"], ids=["met", "a gauge has no course"])
def test_what_is_met_or_has_no_course_fails_since_no_second(tmp_path: Path, threshold: str) -> None:
    assert since(tmp_path, threshold, {0: 1}) is None


def test_of_a_long_load_it_is_known_to_a_two_hundredth(tmp_path: Path) -> None:
    found = since(tmp_path, "failures < 10%", dict.fromkeys(range(400, 600), 1), seconds=600, per_second=1)
    assert isinstance(found, int)
    assert 444 <= found <= 447, "more than a tenth from 45 of 445 on"


def test_of_joined_conditions_it_is_that_of_the_one_that_decided(tmp_path: Path) -> None:
    assert since(tmp_path, "response_time p95 < 1s and failures < 10%", {12: 10, 13: 10, 14: 10}) == 13
