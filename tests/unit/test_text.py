"""The end summary on terminals of several widths."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from runfolder import Iteration, Request, RunFolder, clinic_run

from tenantry.report.document import document
from tenantry.report.header import Headline, headline, tiles
from tenantry.report.lines import Cells, columns
from tenantry.report.text import lines, print_summary
from tenantry.results import open_run

WIDTHS = (40, 60, 80, 109, 110, 140, 200)


def told(run: RunFolder, folder: Path) -> dict[str, Any]:
    with open_run(run.write(folder)) as opened:
        return document(opened)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told(clinic_run(10, rate=200, seed=4), tmp_path_factory.mktemp("runs"))


def text(document: dict[str, Any], width: int = 80, report: Path | None = None) -> list[str]:
    return [line.plain.rstrip() for line in lines(document, width=width, report=report)]


def printed(document: dict[str, Any], encoding: str = "utf-8", **options: Any) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    print_summary(document, report=Path("runs/x/report.html"), to=Console(file=stream, highlight=False, **options))
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(clinic: dict[str, Any], width: int) -> None:
    short = clinic | {"run": "runs/x"}
    shown = printed(short, width=width, force_terminal=False)
    assert max(cell_len(line) for line in shown.splitlines()) <= width


def test_the_verdict_comes_first_with_its_reason_and_exit(clinic: dict[str, Any]) -> None:
    first, *rest = text(clinic)
    assert "✔ PASS" in first
    assert "exit 0 (pass)" in first
    reason = " ".join(line.strip() for line in rest[: rest.index("") - 1])
    assert reason == clinic["reason"]
    assert "http://127.0.0.1:8000" in rest[rest.index("") - 1]


def test_a_run_without_its_end_never_looks_like_a_finished_one(clinic: dict[str, Any]) -> None:
    cut_off = clinic | {"exit": 130, "about": clinic["about"] | {"end": None}}
    assert "PASS SO FAR" in text(cut_off)[0]
    assert "exit 130 (interrupted)" in text(cut_off)[0]
    assert "SO FAR" not in text(clinic)[0]


def test_a_pass_without_thresholds_or_of_part_of_a_load_is_no_green_pass(clinic: dict[str, Any]) -> None:
    assert headline(clinic) == Headline("Pass", "Every threshold was met, and the measurement itself was sound.", "pass")
    nothing, ended = headline(clinic | {"thresholds": []}), [headline(_ended(clinic, end)) for end in (None, "interrupted", "stopped")]
    assert (nothing.text, nothing.tone) == ("Pass, nothing judged", "no_data")
    assert {(one.text, one.tone) for one in ended} == {("Pass so far", "no_data")}
    assert "PASS, NOTHING JUDGED" in text(clinic | {"thresholds": []})[0]
    failed = headline(_ended(clinic, "interrupted") | {"verdict": "fail"})
    assert (failed.text, failed.tone) == ("Fail so far", "fail")
    assert [headline(_ended(clinic, end) | {"verdict": word}).text for end, word in (("aborted", "fail"), (None, "invalid"))] == [
        "Fail",
        "Invalid",
    ]


def _ended(document: dict[str, Any], end: str | None) -> dict[str, Any]:
    return document | {"about": document["about"] | {"end": end}}


def test_percentiles_of_few_samples_are_marked_on_every_terminal(tmp_path: Path) -> None:
    run = RunFolder(requests=[Request(0, 0, n * 1_000_000, name="GET /rare") for n in range(1, 31)])
    document = told(run, tmp_path)
    for width in (80, 140):
        shown = text(document, width)
        (row,) = [line for line in shown if line.startswith("  GET /rare")]
        assert row.count("≈") == (2 if width == 80 else 4), "p95 and p99 of 30 samples, of response and service time"
        assert any("≈: too few samples" in line for line in shown)


def test_thresholds_have_limit_observed_and_margin(clinic: dict[str, Any]) -> None:
    row = next(line for line in text(clinic) if "response_time p95 < 500ms" in line)
    assert "< 500 ms" in row
    assert "inside" in row


def test_every_series_has_rates_and_response_times(clinic: dict[str, Any]) -> None:
    shown = text(clinic)
    for series in clinic["series"]:
        row = next(line for line in shown if line.strip().startswith(series["name"]))
        assert f"{series['response_time_s']['p95'] * 1e3:.1f}"[:4].rstrip(".") in row
    assert any(line.startswith("booking: offered ") for line in shown)


def test_a_wide_terminal_shows_service_times_beside(clinic: dict[str, Any]) -> None:
    assert not any("svc p50" in line for line in text(clinic, 80))
    assert any("service time of all: p50" in line for line in text(clinic, 80))
    titles = next(line for line in text(clinic, 140) if "svc p50" in line)
    assert titles.split().count("p95") == 2


def test_failures_checks_and_errors_are_shown_with_an_example(clinic: dict[str, Any]) -> None:
    shown = "\n".join(text(clinic, 140))
    first = clinic["failures"][0]
    assert f"{first['kind']}: {first['name']}" in shown
    assert first["detail"] in shown
    assert "booking: booking can be read back" in shown
    assert "KeyError: 'slots'  at clinic.py:41" in shown


def test_generator_and_tenants_have_a_line(clinic: dict[str, Any]) -> None:
    shown = "\n".join(text(clinic, 140))
    assert "start delay p50" in shown
    assert "of a core busy" in shown
    assert "hand-over p99" in shown
    assert "200 seen" in shown


def test_the_path_of_the_report_is_never_cut(clinic: dict[str, Any]) -> None:
    path = Path("/very") / ("long" * 40) / "report.html"
    assert text(clinic, 60, path)[-2].endswith(str(path))


def test_elsewhere_than_on_a_terminal_there_are_no_escape_codes(clinic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b" not in printed(clinic, width=100)


def test_no_color_means_no_colour_on_a_terminal(clinic: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in printed(clinic, width=100, force_terminal=True).replace("1;7;32", "32")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "32m" not in printed(clinic, width=100, force_terminal=True)


def test_a_terminal_without_unicode_gets_ascii(clinic: dict[str, Any]) -> None:
    shown = printed(clinic, "ascii", width=100)
    assert "+ PASS" in shown


@pytest.mark.parametrize(("word", "symbol"), [("pass", "✔"), ("fail", "✘"), ("no_data", "?"), ("invalid", "!")])
def test_each_verdict_has_a_symbol_so_that_colour_is_not_needed(clinic: dict[str, Any], word: str, symbol: str) -> None:
    assert f"{symbol} {word.upper().replace('_', ' ')}" in text(clinic | {"verdict": word})[0]


def test_what_the_app_says_cannot_steer_the_terminal(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=2.0)
    run.requests.append(Request(0, 0, 1000, name="GET /\x1b[2J[red]x[/red]", kind="status", detail="\x1b]0;owned\x07\r\nexit 0 (pass)"))
    run.errors.append({"scenario": "visit", "message": "\x1b[31mboom\nline two", "location": "a.py:1", "count": 1, "first_second": 0})
    shown = printed(told(run, tmp_path), width=100, force_terminal=False)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]x[/red]" in shown
    assert not any(line.startswith("exit 0") for line in shown.splitlines())


def test_long_and_wide_names_are_cut_within_their_column(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=2.0)
    run.requests += [Request(0, 0, 1000, name=name) for name in ("GET /" + "x" * 300, "GET /" + "猫" * 50)]
    for line in text(told(run, tmp_path), 80):
        assert cell_len(line) <= 80 or line.startswith("run ")


def test_thousands_of_endpoints_are_cut_to_the_busiest(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=2.0)
    run.requests += [Request(0, 0, 1000, name=f"GET /{number}") for number in range(500)] + [Request(0, 0, 1000, name="GET /busiest")] * 3
    shown = text(told(run, tmp_path))
    assert len(shown) < 70
    assert any("GET /busiest" in line for line in shown)
    assert any("and 476 more, in the report" in line for line in shown)


def test_an_empty_run_is_shown_without_empty_tables(tmp_path: Path) -> None:
    shown = "\n".join(text(told(RunFolder(elapsed_s=2.0, thresholds=["failures < 1%"]), tmp_path)))
    assert "? NO DATA" in shown
    assert "exit 15 (no data)" in shown
    assert "Failures" not in shown
    assert "Requests" not in shown


def test_dropped_iterations_stand_with_their_scenario(tmp_path: Path) -> None:
    run = RunFolder(elapsed_s=2.0)
    run.open_stream(5)
    run.requests.append(Request(0, 0, 1000))
    run.iterations += [Iteration(0, 0, 1000), Iteration(0, 0, 0, outcome="dropped")]
    assert any(line.startswith("visit: offered 1.00/s, started 0.500/s iterations, 1 dropped") for line in text(told(run, tmp_path)))


@pytest.mark.parametrize("resent", [0, 3])
def test_requests_that_were_sent_again_are_told_when_there_are_some(tmp_path: Path, resent: int) -> None:
    run = RunFolder(elapsed_s=2.0)
    run.requests += [Request(0, 0, 1000, resent=int(at < resent)) for at in range(5)]
    document = told(run, tmp_path)
    lines = [line for line in text(document) if line.startswith("resent")]
    assert lines == (["resent     3 requests were sent again: the server had just closed the connection"] if resent else [])
    assert ("3 sent again" in tiles(document)[0].note) == bool(resent)


def test_what_could_not_be_read_is_said(clinic: dict[str, Any]) -> None:
    shown = text(clinic | {"warnings": ["series/http-000001.parquet is damaged and was skipped: no magic bytes"]}, 140)
    assert any(line.startswith("warning") and "http-000001" in line for line in shown)


def test_what_does_not_fit_is_cut_in_its_middle() -> None:
    texts = [("calendar / GET /api/appointments/{id}", "1"), ("calendar / GET /api/appointments", "1")]
    lines = [line.plain for line in columns(("Requests", "n"), [Cells(each) for each in texts], width=30, least=(0, 8))]
    assert len(set(lines[1:])) == 2
    assert all("…" in line and len(line) <= 30 for line in lines[1:])
    assert "/{id}" in lines[1]
