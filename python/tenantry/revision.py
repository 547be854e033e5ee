"""The revision of what is under test: commit and branch of the working directory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

# CI systems check out a commit, not a branch, and tell the branch here; of a pull request first the one that it comes from.
BRANCH_VARIABLES = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_COMMIT_REF_NAME",
    "BITBUCKET_BRANCH",
    "BUILDKITE_BRANCH",
    "CIRCLE_BRANCH",
    "BRANCH_NAME",
)
_LONGEST = 200


def commit() -> str | None:
    """The first twelve digits of the commit; None outside of a repository."""
    return _git("rev-parse", "--short=12", "HEAD")


def branch(environ: Mapping[str, str] = os.environ) -> str | None:
    """The branch that is checked out; where there is only a commit, the one that the CI names; None without either."""
    given = (environ.get(name, "").strip() for name in BRANCH_VARIABLES)
    found = _git("symbolic-ref", "--short", "-q", "HEAD") or next(filter(None, given), None)
    return found[:_LONGEST] if found else None


def _git(*arguments: str) -> str | None:
    try:
        found = subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace", timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
