"""A program pinned to one core, and what the system says it cost."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Timer
from typing import IO


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended: its exit code, its output, its CPU seconds (with its children) and largest resident size."""

    code: int
    stdout: str
    stderr: str
    cpu_s: float
    rss_bytes: int


def run_pinned(command: Sequence[str], core: int, *, environment: Mapping[str, str], limit_s: float) -> Ended:
    """Run `command` on `core` alone; it is killed after `limit_s`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **environment}
        )
        killer = Timer(limit_s, child.kill)
        killer.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        finally:
            killer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        return Ended(child.returncode, _text(out), _text(err), _cpu_s(usage), usage.ru_maxrss * 1024)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _cpu_s(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
