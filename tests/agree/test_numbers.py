"""Numbers that the documents tell are the constants of the code."""

from __future__ import annotations

import re

import pytest
from pages import ROOT, Document, doc, rows

from tenantry import conductor, driver, folder, hooks, validity
from tenantry.metrics import confidence
from tenantry.observe.__main__ import WRITE_S
from tenantry.plan import breaker, profile
from tenantry.plan.http import HttpSettings
from tenantry.results import histogram, side, steady
from tenantry.scenario import decorators

SCENARIOS, MEASUREMENT, THRESHOLDS, RUN_FOLDER = doc("scenarios.md"), doc("measurement.md"), doc("thresholds.md"), doc("run-folder.md")


def rust(path: str, constant: str) -> int:
    """A whole-number constant of the engine."""
    found = re.search(rf"\bconst {constant}: \w+ = ([\d_]+);", (ROOT / "rust/core/src" / path).read_text("utf-8"))
    assert found, f"{path} has no constant {constant}"
    return int(found[1].replace("_", ""))


KEPT = [rust("record/reservoir.rs", constant) for constant in ("MOST_FAILURES", "SLOWEST", "UNIFORM")]
CHUNK_S = rust("record/recorder.rs", "CHUNK_NS") / 1e9
SENTENCES = [
    (
        MEASUREMENT,
        f"start delay p99 above {validity.LEAST_DELAY_LIMIT_S * 1e3:g} ms, or above {validity.DELAY_SHARE:.0%} of".replace("%", " %"),
    ),
    (MEASUREMENT, f"Without such a limit it is {validity.DELAY_LIMIT_ALONE_S * 1e3:g} ms"),
    (MEASUREMENT, f"fewer than {validity.ENOUGH_STARTS} starts"),
    (MEASUREMENT, f"less than {validity.LEAST_ACHIEVED:.0%} of the iterations".replace("%", " %")),
    (MEASUREMENT, f"at least {validity.LEAST_MISSING} were not"),
    (MEASUREMENT, f"cut into {confidence.LEAST_SLICES} to {confidence.MOST_SLICES} slices"),
    (MEASUREMENT, f"stay the same for {steady.LEAST_S} s"),
    (MEASUREMENT, f"steps of {histogram.SKETCH_BASE - 1:.0%}, whose".replace("%", " %")),
    (RUN_FOLDER, f"`{histogram.SKETCH_BASE:g}^i` to"),
    (THRESHOLDS, f"at least {breaker.SHARE.replace('%', ' %')} of the requests of the last {breaker.WINDOW.replace('s', ' s')}"),
    (MEASUREMENT, f"busy for more than {validity.MOST_BUSY:.0%} of its worst {side.BUSY_WINDOW} consecutive".replace("%", " %")),
    (MEASUREMENT, f"A run of {side.LEAST_READINGS} to {side.BUSY_WINDOW} seconds"),
    (MEASUREMENT, f"fewer than {side.LEAST_REQUESTS} requests are not ranked"),
    (MEASUREMENT, f"by default `{profile.GRACEFUL_STOP}`"),
    (THRESHOLDS, f"every {conductor._ABORT_CHECK_S:g} seconds during the run"),
    (THRESHOLDS, f"the first {conductor._BROKEN_AFTER} iterations"),
    (SCENARIOS, f"the first {conductor._BROKEN_AFTER} iterations"),
    (SCENARIOS, f"by default `{decorators.HOOK_TIMEOUT}`"),
    (SCENARIOS, f"at most {hooks.SIDE_BY_SIDE} of them at a time"),
    (SCENARIOS, f"at most {rust('record/names.rs', 'MOST_SERIES'):,} series"),
    (RUN_FOLDER, f"up to {KEPT[0]:,} failures, the {KEPT[1]} slowest requests, and an even choice of {KEPT[2]} of the rest"),
    (RUN_FOLDER, f"written anew every {CHUNK_S} s (readings of the observer: {WRITE_S:g} s)"),
]


@pytest.mark.parametrize(("page", "sentence"), SENTENCES, ids=[sentence for _, sentence in SENTENCES])
def test_a_number_in_a_sentence_is_that_of_the_code(page: Document, sentence: str) -> None:
    assert sentence in re.sub(r"\s+", " ", page.text)


def test_the_limits_are_those_of_the_code() -> None:
    limits = {row["what"]: row["limit"] for row in rows(MEASUREMENT.section("Limits"), "what")}
    assert limits["connections"].startswith(f"{HttpSettings().connections_per_host} per virtual user")
    assert limits["series"].startswith(f"{rust('record/names.rs', 'MOST_SERIES'):,} in a run")
    assert limits["kinds of script errors"].startswith(f"{driver._MOST_KINDS} in a run")
    assert limits["free disk at the start"] == f"{folder.LEAST_FREE_BYTES // 2**20} MB"
    kept = f"per chunk of {CHUNK_S} s: up to {KEPT[0]:,} failures, the {KEPT[1]} slowest, {KEPT[2]} of the rest"
    assert limits["single requests kept"] == kept
