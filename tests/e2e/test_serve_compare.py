"""Runs side by side over HTTP, against the comparison that `tenantry compare` makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commandline import Shell
from serving import dashboard, edit, store

SECONDS = 12


@pytest.fixture
def runs(shell: Shell) -> Path:
    folder = shell.folder / "runs"
    folder.mkdir()
    return folder


def cells(page: str) -> list[list[str]]:
    """The text of the rows of a page's tables."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def test_the_first_run_is_compared_with_each_of_the_others(shell: Shell, runs: Path) -> None:
    slow, fast, same = (store(runs, minute, seconds=SECONDS, speed=speed) for minute, speed in enumerate((0.5, 2.0, 0.5)))
    with dashboard(shell) as server:
        page = server.get("/compare", params={"run": [same, fast, slow]}).text
    against = re.findall(r'Against <a href="/runs/([^"]+)">.*?<p class="state">([^<]+)</p><p class="reason">([^<]+)</p>', page, re.DOTALL)
    assert [name for name, _, _ in against] == [fast, slow]
    for name, judgement, reason in against:
        told = shell.run("compare", same, name, "--json").document
        assert (judgement.lower(), reason) == (told["judgement"], told["reason"])
    assert against[0][1] == "Worse"


def test_every_figure_has_its_change_its_interval_and_its_judgement(shell: Shell, runs: Path) -> None:
    slow, fast = (store(runs, minute, seconds=SECONDS, speed=speed) for minute, speed in enumerate((0.5, 2.0)))
    told = shell.run("compare", slow, fast, "--json").document
    with dashboard(shell) as server:
        rows = cells(server.get("/compare", params={"run": [slow, fast]}).text)
    (whole,) = (series for series in told["series"] if not series["name"])
    at = next(number for number, row in enumerate(rows) if row and row[0].startswith("all requests"))
    for figure, row in zip(whole["figures"], rows[at + 1 : at + 6], strict=True):
        assert (row[0], row[5]) == (figure["figure"], figure["judgement"])
        unit = "pt" if figure["figure"] == "failures" else "%"
        assert row[3] == f"{figure['change'] * 100:+.1f} {unit}"
        assert row[4] == f"{figure['low'] * 100:+.1f} to {figure['high'] * 100:+.1f} {unit}"


def test_runs_that_cannot_be_compared_say_every_reason(shell: Shell, runs: Path) -> None:
    one, other = store(runs, 1), store(runs, 2, name="shop")
    edit(runs / other, target="http://elsewhere.example/<b>", elapsed_ns=None)
    with dashboard(shell) as server:
        answer = server.get("/compare", params={"run": [one, other]})
    assert answer.status_code == 200
    for reason in (
        "they have other workloads: clinic and shop",
        "other kinds of target: this machine and elsewhere.example",
        "goes on, or was killed",
    ):
        assert reason in answer.text


def test_a_run_that_cannot_be_read_is_a_reason_too(shell: Shell, runs: Path) -> None:
    one, other = store(runs, 1), store(runs, 2)
    (runs / other / "run.json").write_text("{")
    with dashboard(shell) as server:
        answer = server.get("/compare", params={"run": [one, other]})
    assert answer.status_code == 200 and "is damaged" in answer.text


def test_two_to_five_runs_that_are_there_can_be_compared(shell: Shell, runs: Path) -> None:
    names = [store(runs, minute) for minute in range(6)]
    with dashboard(shell) as server:
        for wrong in ([], names[:1], [names[0], names[0]], names):
            answer = server.get("/compare", params={"run": wrong})
            assert answer.status_code == 400 and "two to 5 runs" in answer.text
        assert server.get("/compare", params={"run": [names[0], "nowhere"]}).status_code == 404
        five = server.get("/compare", params={"run": names[:5]})
        outside = store(shell.folder / "private", 1)
        for path in (f"../private/{outside}", str(shell.folder / "private" / outside), "..", ".", "", "a\0b"):
            assert server.get("/compare", params={"run": [names[0], path]}).status_code == 404, path
    assert five.status_code == 200 and five.text.count("Against <a") == 4


def test_a_truncated_file_of_a_run_is_named_beside_what_the_rest_says(shell: Shell, runs: Path) -> None:
    one, other = (store(runs, minute, seconds=SECONDS) for minute in range(2))
    victim = sorted((runs / other / "series").glob("http-*.parquet"))[1]
    victim.write_bytes(victim.read_bytes()[:200])
    with dashboard(shell) as server:
        page = server.get("/compare", params={"run": [one, other]}).text
    assert f"{other}: " in page and victim.name in page and "all requests" in page
