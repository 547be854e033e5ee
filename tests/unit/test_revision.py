"""The branch of a run: what git says, and else what the CI says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tenantry.revision import branch, commit


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit on the branch `faster/search`, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch", "faster/search")
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty", "--message", "first")
    return tmp_path


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_the_branch_is_the_one_that_is_checked_out_whatever_the_ci_says(repository: Path) -> None:
    assert branch({"GITHUB_REF_NAME": "main"}) == "faster/search"
    assert commit() == git("rev-parse", "HEAD")[:12]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"GITHUB_REF_NAME": "main"}, "main"),
        ({"GITHUB_REF_NAME": "12/merge", "GITHUB_HEAD_REF": "faster"}, "faster"),
        ({"GITHUB_REF_NAME": "main", "GITHUB_HEAD_REF": ""}, "main"),
        ({"CI_COMMIT_REF_NAME": "release"}, "release"),
        ({"BRANCH_NAME": "x" * 500}, "x" * 200),
        ({}, None),
    ],
)
def test_where_only_a_commit_is_checked_out_the_ci_names_the_branch(
    repository: Path, environ: dict[str, str], expected: str | None
) -> None:
    git("checkout", "--quiet", "--detach")
    assert branch(environ) == expected


def test_outside_of_a_repository_there_is_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (branch({}), commit()) == (None, None)
    assert branch({"CI_COMMIT_REF_NAME": "main"}) == "main"


def test_without_git_there_is_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert (branch({}), commit()) == (None, None)
