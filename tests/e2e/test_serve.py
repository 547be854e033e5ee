"""The list of runs over HTTP, who may read it, and how the server begins and ends."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from commandline import Shell, one_message
from serving import TOKEN, dashboard, edit, store

from tenantry.results import open_run


@pytest.fixture
def runs(shell: Shell) -> Path:
    folder = shell.folder / "runs"
    folder.mkdir()
    return folder


def test_the_list_has_every_run_newest_first_with_the_figures_of_its_folder(shell: Shell, runs: Path) -> None:
    names = [store(runs, minute, speed=minute + 1) for minute in range(3)]
    with dashboard(shell) as server:
        listed = server.wait_for_figures()
        page = server.get("/").text
    assert [run["name"] for run in listed] == names[::-1]
    for told in listed:
        with open_run(runs / told["name"]) as run:
            totals = run.totals
        assert totals.response_time_s is not None
        assert told["figures"] == {
            "requests": totals.requests,
            "failures": totals.failures,
            "throughput": totals.throughput,
            "p50": totals.response_time_s.p50,
            "p95": totals.response_time_s.p95,
            "p99": totals.response_time_s.p99,
        }
    assert [page.index(f">{name}</a>") for name in names[::-1]] == sorted(page.index(f">{name}</a>") for name in names)


def test_what_a_manifest_says_stands_in_the_list(shell: Shell, runs: Path) -> None:
    name = store(runs, 1, git="feedbeef1234", target="http://127.0.0.1:9", grades={"grade": "warning"})
    edit(runs / name, plan={"thresholds": ["failures < 1%"], "tags": {"branch": "faster-search"}})
    (runs / "baselines.json").write_text(json.dumps({"main": name, "spring": name}))
    with dashboard(shell) as server:
        (told,) = server.runs()
        page = server.get("/").text
    expected = {"state": "pass", "grade": "warning", "git": "feedbeef1234", "branch": "faster-search", "baselines": ["main", "spring"]}
    assert told | expected == told
    for text in ("Pass", "warning", "feedbeef1234", "faster-search", "baseline main", "baseline spring", "http://127.0.0.1:9"):
        assert text in page


def test_a_run_that_ended_otherwise_or_cannot_be_read_says_so(shell: Shell, runs: Path) -> None:
    states: list[tuple[dict[str, Any], str, str]] = [
        ({"verdict": None, "end": None, "elapsed_ns": None}, "killed", "Killed"),
        ({"verdict": None}, "not_judged", "Not judged"),
        ({"end": "stopped", "plan": {"thresholds": ["failures < 1%"]}}, "pass", "Pass so far"),
        ({"plan": {}}, "pass", "Pass, nothing judged"),
        ({"schema": 99}, "unreadable", "was written by a newer tenantry"),
    ]
    for minute, (changes, _, _) in enumerate(states):
        edit(runs / store(runs, minute), **changes)
    (runs / "20270101T000000Z-torn").mkdir()
    (runs / "20270101T000000Z-torn" / "run.json").write_text('{"schema": 1, ')
    with dashboard(shell) as server:
        listed, page = server.runs(), server.get("/").text
    assert [run["state"] for run in listed] == ["unreadable", *[state for _, state, _ in reversed(states)]]
    assert "is damaged" in listed[0]["fault"]
    assert all(text in page for _, _, text in states)


def test_search_workload_verdict_and_page_choose_what_is_listed(shell: Shell, runs: Path) -> None:
    for number in range(60):
        folder = runs / f"20260105T0800{number:02}Z-many"
        folder.mkdir()
        verdict = {"verdict": "fail" if number % 2 else "pass", "reason": "", "exit": 0}
        manifest = {"schema": 1, "name": "shop" if number < 4 else "many", "git": f"rev{number:02}", "end": "finished", "verdict": verdict}
        (folder / "run.json").write_text(json.dumps(manifest))
    with dashboard(shell) as server:
        first, second = server.get("/api/runs").json(), server.get("/api/runs?page=2").json()
        assert (first["total"], first["pages"], len(first["runs"]), len(second["runs"])) == (60, 2, 50, 10)
        assert [run["git"] for run in second["runs"]] == [f"rev{number:02}" for number in range(9, -1, -1)]
        assert {run["workload"] for run in server.runs("?workload=shop")} == {"shop"} and len(server.runs("?workload=shop")) == 4
        assert {run["state"] for run in server.runs("?verdict=fail")} == {"fail"} and len(server.runs("?verdict=fail&workload=shop")) == 2
        assert [run["git"] for run in server.runs("?q=REV07+many")] == ["rev07"]
        assert server.runs("?q=nothing-like-it") == [] and "No run fits" in server.get("/?q=nothing-like-it").text
        assert server.get("/api/runs?page=99").json()["page"] == 2 and server.get("/api/runs?page=-1").json()["page"] == 1
        assert 'href="/?workload=many&amp;page=2"' in server.get("/?workload=many").text


def test_the_branch_of_git_is_listed_and_chooses_and_a_tag_goes_before_it(shell: Shell, runs: Path) -> None:
    of_git, of_tag, neither = store(runs, 1, branch="faster/search"), store(runs, 2, branch="HEAD"), store(runs, 3, branch=None)
    edit(runs / of_tag, plan={"tags": {"branch": "by-hand"}})
    with dashboard(shell) as server:
        assert {run["name"]: run["branch"] for run in server.runs()} == {of_git: "faster/search", of_tag: "by-hand", neither: None}
        assert [run["name"] for run in server.runs("?branch=faster/search")] == [of_git]
        page = server.get("/?branch=by-hand").text
        assert '<option value="by-hand" selected>' in page and of_tag in page and of_git not in page
    told = {run["name"]: run["branch"] for run in shell.run("runs", "list", "--json").document["runs"]}
    assert told == {of_git: "faster/search", of_tag: "by-hand", neither: None}
    (only,) = shell.run("runs", "list", "--json", "--branch", "faster/search", "--workload", "clinic").document["runs"]
    assert only["name"] == of_git and "faster/search" in shell.run("runs", "list").out
    assert "none of the 3 runs" in shell.run("runs", "list", "--branch", "nothing").out


def test_names_from_outside_are_text_and_nothing_else(shell: Shell, runs: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"
    store(runs, 1, git=evil, target=evil)
    edit(runs / store(runs, 2), name=evil, plan={"tags": {"branch": evil}})
    (runs / "baselines.json").write_text(json.dumps({evil: "20260105T080100Z-clinic"}))
    with dashboard(shell) as server:
        answer = server.get("/", params={"q": evil})
        page = server.get("/").text + answer.text
    assert "<script" not in page and "<img" not in page and "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_browser_is_told_to_load_and_run_nothing_from_elsewhere(shell: Shell, runs: Path) -> None:
    with dashboard(shell) as server:
        for path in ("/", "/api/runs", "/nowhere", "/assets/serve.css"):
            headers = server.get(path).headers
            policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
            assert policy["frame-ancestors"] == "'self'" and policy["base-uri"] == "'none'"
            assert headers["x-content-type-options"] == "nosniff"
        links = re.findall(r"""(?:src|href|action)=["']([^"']+)""", server.get("/").text)
    assert links and all(link.startswith(("/", "#", "data:,")) for link in links)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "10.0.0.1", "127.0.0.1.evil.example", "localhost.evil.example", ""])
def test_without_a_token_only_the_names_of_this_machine_are_answered(shell: Shell, runs: Path, host: str) -> None:
    with dashboard(shell) as server:
        assert server.get("/api/runs", headers={"Host": host}).status_code == 403
        assert server.get("/api/runs", headers={"Host": "localhost:1234"}).status_code == 200
        assert server.get("/api/runs", headers={"Host": "[::1]:8787"}).status_code == 200


def test_with_a_token_nothing_is_shown_without_it(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    with dashboard(shell, "--host", "0.0.0.0", token=TOKEN, wildcard="0.0.0.0") as server:
        for path in ("/", "/api/runs", "/?q=x"):
            for headers in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Authorization": f"Basic {TOKEN}"},
                {"Cookie": f"tenantry_session={TOKEN}"},
            ):
                answer = server.get(path, headers=headers)
                assert answer.status_code == (401 if path == "/api/runs" else 303) and name not in answer.text
        assert server.get("/?q=x").headers["location"] == "/login?next=%2F%3Fq%3Dx"
        for host in ("dashboard.example", "127.0.0.1"):
            told = server.get("/api/runs", headers={"Authorization": f"Bearer {TOKEN}", "Host": host})
            assert [run["name"] for run in told.json()["runs"]] == [name]


def test_a_login_gives_a_cookie_that_is_not_the_token(shell: Shell, runs: Path) -> None:
    with dashboard(shell, token=TOKEN) as server:
        assert "Token" in server.get("/login").text
        wrong = server.client.post("/login", data={"token": "not-the-token"})
        assert (wrong.status_code, "That is not the token" in wrong.text) == (401, True) and "set-cookie" not in wrong.headers
        right = server.client.post("/login?next=/?q=x", data={"token": TOKEN})
        assert (right.status_code, right.headers["location"]) == (303, "/?q=x")
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and TOKEN not in cookie
        assert server.get("/").status_code == 200
        assert server.client.post("/logout").status_code == 303
        assert server.get("/").status_code == 303


@pytest.mark.parametrize("wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_leads_to_no_other_site(shell: Shell, runs: Path, wanted: str) -> None:
    with dashboard(shell, token=TOKEN) as server:
        assert server.client.post("/login", params={"next": wanted}, data={"token": TOKEN}).headers["location"] == "/"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_form_of_another_site_is_refused(shell: Shell, runs: Path, origin: str) -> None:
    with dashboard(shell, token=TOKEN) as server:
        answer = server.client.post("/login", data={"token": TOKEN}, headers={"Origin": origin})
        assert answer.status_code == 403 and "set-cookie" not in answer.headers
        own = str(server.client.base_url).rstrip("/")
        assert server.client.post("/login", data={"token": TOKEN}, headers={"Origin": own}).status_code == 303


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.invalid"])
def test_beyond_this_machine_it_does_not_listen_without_a_token(shell: Shell, runs: Path, host: str) -> None:
    done = shell.run("serve", "--host", host, "--port", "0", timeout_s=15)
    assert done.code == 2 and "so a token is needed" in one_message(done.err)


def test_what_prevents_a_start_is_one_message(shell: Shell, runs: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 is taken" in one_message(shell.run("serve", "--port", port).err)
    assert "there is no such folder" in one_message(shell.run("serve", "--runs", "elsewhere").err)
    (tmp_path / "short").write_text("secret\n")
    assert "at least 16 characters" in one_message(shell.run("serve", "--token-file", "short").err)
    assert "the token cannot be read" in one_message(shell.run("serve", "--token-file", "missing").err)
    assert "at least 16 characters" in one_message(shell.run("serve", environment={"TENANTRY_SERVE_TOKEN": ""}).err)
    hidden = "import sys; sys.modules['uvicorn'] = None; sys.argv = ['tenantry', 'serve']; from tenantry.__main__ import main; main()"
    done = shell.python(hidden)
    assert done.code == 2 and "pip install 'tenantry[serve]'" in one_message(done.err)


def test_a_token_may_come_from_a_file(shell: Shell, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with dashboard(shell, "--token-file", "token") as server:
        assert server.get("/api/runs").status_code == 401
        assert server.get("/api/runs", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_nothing_is_left(shell: Shell, runs: Path, number: signal.Signals) -> None:
    store(runs, 1)
    with dashboard(shell) as server:
        server.wait_for_figures()
        server.running.signal(number)
        done = server.running.done(timeout_s=5)
    assert (done.code, done.out, done.err.count("\n")) == (0, "", 1)
    shell.wait_until_nothing_is_left()


def test_figures_are_kept_beside_the_runs_and_read_again_when_a_run_changes(shell: Shell, runs: Path) -> None:
    name = store(runs, 1)
    with dashboard(shell) as server:
        first = server.wait_for_figures()
        server.running.signal(signal.SIGINT)
        server.running.done(timeout_s=5)
    for path in (runs / name / "series").iterdir():
        path.unlink()
    with dashboard(shell) as server:
        assert server.runs() == first, "read from the file: the folder has nothing any more"
        edit(runs / name, elapsed_ns=12_345_678_900)
        again = server.wait_for_figures()
    assert again[0]["figures"]["requests"] == 0 and again[0]["duration_s"] == pytest.approx(12.3456789)


def test_a_damaged_file_of_figures_is_made_anew(shell: Shell, runs: Path) -> None:
    store(runs, 1)
    (runs / ".serve.json").write_text('{"schema": 1, "runs": [')
    with dashboard(shell) as server:
        assert server.wait_for_figures()[0]["figures"]["requests"] > 0
