"""What reports make of a comparison, and where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import report_documents as documents
from runfolder import RunFolder

from tenantry.against import against_baseline
from tenantry.report import header, junit, markdown
from tenantry.report.formats import as_text
from tenantry.report.html import render

FIGURES = [
    {"figure": "p95", "old": 0.05, "new": 0.07, "change": 0.4, "low": 0.3, "high": 0.5, "judgement": "worse", "why": None},
    {"figure": "throughput", "old": 300.0, "new": 299.0, "change": -0.0033, "low": -0.01, "high": 0.004, "judgement": "same", "why": None},
    {"figure": "failures", "old": 0.001, "new": 0.002, "change": None, "judgement": "cannot tell", "why": "too few samples"},
]


def compared(judgement: str, verdict: str = "pass") -> dict[str, Any]:
    against = {"baseline": "main", "run": "first", "judgement": judgement, "reason": "p95 of the whole run +40.0 %", "figures": FIGURES}
    return documents.normal() | {"verdict": verdict, "comparison": against}


def test_without_a_baseline_there_is_no_comparison(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=1.0).write(tmp_path / "runs" / "one")
    assert against_baseline(run, tmp_path / "runs") is None
    (tmp_path / "runs" / "baselines.json").write_text(json.dumps({"main": "one"}))
    assert against_baseline(run, tmp_path / "runs") is None, "it is the baseline itself"
    assert against_baseline(run, tmp_path / "runs", "another") is None


@pytest.mark.parametrize(
    ("judgement", "verdict", "text", "tone"),
    [
        ("worse", "pass", "Pass, but worse than the baseline", "fail"),
        ("cannot tell", "pass", "Pass", "pass"),
        ("better", "pass", "Pass", "pass"),
        ("worse", "fail", "Fail", "fail"),
    ],
)
def test_a_pass_that_is_worse_does_not_look_like_one(judgement: str, verdict: str, text: str, tone: str) -> None:
    headline = header.headline(compared(judgement, verdict))
    assert (headline.text, headline.tone) == (text, tone)
    assert "main: " + judgement in as_text(compared(judgement, verdict))
    assert f"<title>{text}: " in render(compared(judgement, verdict))


def test_the_markdown_has_the_figures_of_both_runs() -> None:
    page = markdown.render(compared("worse"))
    assert "**Against main:** worse; p95 of the whole run &#43;40.0 %" in page
    assert "| p95 | 50.0 ms | 70.0 ms | +40.0 (+30.0 to +50.0) % | worse |" in page
    assert "| throughput | 300/s | 299/s | -0.3 (-1.0 to +0.4) % | same |" in page
    assert "| failures | 0.10 % | 0.20 % | too few samples | cannot tell |" in page


def test_junit_has_a_case_for_the_baseline() -> None:
    assert '<failure message="p95 of the whole run +40.0 %" type="regression" />' in junit.render(compared("worse"))
    assert "cannot tell: p95" in junit.render(compared("cannot tell"))
    assert 'name="not worse than main"' not in junit.render(documents.normal())
