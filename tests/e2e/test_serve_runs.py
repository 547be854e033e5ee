"""The page of one run over HTTP: its report, what is made where none is stored, and what is said of damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Shell
from serving import dashboard, edit, store

from tenantry.report.document import page_document
from tenantry.report.html import render
from tenantry.results import open_run


@pytest.fixture
def runs(shell: Shell) -> Path:
    folder = shell.folder / "runs"
    folder.mkdir()
    return folder


def test_the_stored_report_is_shown_as_it_is(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    (runs / name / "report.html").write_text("<p>the stored one")
    with dashboard(shell) as server:
        page = server.get(f"/runs/{name}")
        assert page.status_code == 200 and f'src="/runs/{name}/report"' in page.text
        assert server.get(f"/runs/{name}/report").text == "<p>the stored one"


def test_a_report_that_is_not_stored_is_made_and_not_left_behind(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    edit(runs / name, end=None, elapsed_ns=None, verdict=None)
    before = sorted(path.name for path in (runs / name).iterdir())
    with open_run(runs / name) as run:
        expected = render(page_document(run))
    with dashboard(shell) as server:
        assert server.get(f"/runs/{name}/report").text == expected
        assert server.get(f"/api/runs/{name}").json()["totals"]["requests"] > 0
    assert sorted(path.name for path in (runs / name).iterdir()) == before


def test_the_scripts_of_a_report_run_apart_from_the_site(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    with dashboard(shell) as server:
        policy = server.get(f"/runs/{name}/report").headers["content-security-policy"]
        frame = server.get(f"/runs/{name}").text
    parts = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert parts["sandbox"] == "allow-scripts allow-downloads" and parts["default-src"] == "'none'" and "connect-src" not in parts
    assert 'sandbox="allow-scripts allow-downloads"' in frame


def test_a_link_in_place_of_a_report_leads_nowhere(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    (shell.folder / "secret").write_text("a secret of this machine")
    (runs / name / "report.html").symlink_to(shell.folder / "secret")
    with dashboard(shell) as server:
        answer = server.get(f"/runs/{name}/report")
    assert answer.status_code == 200 and "a secret" not in answer.text and "<h1>" in answer.text


def test_a_run_that_cannot_be_read_says_why(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    (runs / name / "run.json").write_text('{"schema": 1, "name": ')
    with dashboard(shell) as server:
        page = server.get(f"/runs/{name}")
        assert page.status_code == 200 and "cannot be read: is damaged" in page.text and "iframe" not in page.text
        assert server.get(f"/runs/{name}/report").status_code == 422
        told = server.get(f"/api/runs/{name}")
        assert told.status_code == 422 and "is damaged" in told.json()["error"]


def test_a_run_with_a_damaged_file_is_shown_without_it(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    damaged = min((runs / name / "series").glob("http-*"))
    damaged.write_bytes(b"PAR1 torn")
    with dashboard(shell) as server:
        page = server.get(f"/runs/{name}/report").text
    assert f"series/{damaged.name} is damaged and was skipped" in page


@pytest.mark.parametrize("path", ["nowhere", "%2e%2e", "..%2f..%2fetc", ".serve.json", "nowhere%00", "a%0d%0ab"])
def test_what_is_no_run_is_not_found(shell: Shell, runs: Path, path: str) -> None:
    store(runs, 1)
    (shell.folder / "run.json").write_text('{"schema": 1}')
    with dashboard(shell) as server:
        for address in (f"/runs/{path}", f"/runs/{path}/report", f"/api/runs/{path}"):
            answer = server.get(address)
            assert answer.status_code == 404, (address, answer)
