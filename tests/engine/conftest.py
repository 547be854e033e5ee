"""The engine, let loose on a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loads import Act, Drive, Recorded, Script, act_once, load
from webserver import WebServer

from tenantry import Workload
from tenantry.driver import ScriptErrors


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A server that does what the web does."""
    with WebServer() as server:
        yield server


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    """Carry out a workload against a URL."""

    def carry_out(workload: Workload, url: str, share: tuple[int, int] = (0, 1)) -> Recorded:
        folder = tmp_path / "share-{}-of-{}".format(*share)
        folder.mkdir()
        errors = ScriptErrors(folder)
        length = asyncio.run(load(workload, url, folder, errors, share))
        return Recorded(folder, errors, length)

    return carry_out


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Run one async function as a virtual user."""

    def run(script: Script, url: str, **options: Any) -> Any:
        return asyncio.run(act_once(script, url, tmp_path, options))

    return run
