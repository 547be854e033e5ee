"""The clinic app of `tenantry demo`: a process that can be started again with another pool."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tenantry import processes
from tenantry.cli.demo import APP
from tenantry.processes import Child, Guard

_READY_S = 120.0
# The fault that makes the pool small: there the size is the fault's value.
_POOL_FAULT = "app_pool_small"


class App:
    """The app with its faults, as long as the stack that it is entered into."""

    def __init__(self, stack: ExitStack, *, pool: int, workers: int, faults: Sequence[str], env: Mapping[str, str], port: int) -> None:
        self._guard = processes.undisturbed(lambda: Guard(folder=Path(tempfile.mkdtemp(prefix="tenantry-demo-"))), Guard.release)
        stack.callback(self._guard.release)
        stack.callback(self._stop)
        self._pool, self._workers, self._faults, self._env, self._port = pool, workers, faults, env, port
        self._child: Child | None = None

    def start(self, pool: int | None = None) -> None:
        """Start it, anew where it runs, with so many connections in its pool (None: as it was asked for)."""
        self._stop()
        folder = self._guard.folder
        assert folder is not None
        size = ["--port", str(self._port), "--pool", str(pool or self._pool), "--workers", str(self._workers)]
        faults = [word for fault in self._faults for word in ("--fault", _sized(fault, pool))]
        command = [sys.executable, "-m", APP, "serve", *size, *faults]
        environment = {"CLINIC_FILES": str(folder / "files"), **os.environ, **self._env}
        self._child = processes.start(command, name="the clinic app", log=folder / "app.log", env=environment, guard=self._guard)
        self._child.wait_until(lambda: processes.answers_http(self._port, "/api/health"), timeout_s=_READY_S)

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()


def _sized(fault: str, pool: int | None) -> str:
    name = fault.partition("=")[0]
    return f"{name}={pool}" if pool is not None and name == _POOL_FAULT else fault
