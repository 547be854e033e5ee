"""Child processes: stopped as a group, and their last words kept."""

from __future__ import annotations

import re
import socket
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from tenantry.errors import EnvironmentFault
from tenantry.processes import Child, Guard, accepts_tcp, answers_http, free_port, start

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""


def python(log: Path, *arguments: str) -> Child:
    return start([sys.executable, "-c", *arguments], name="the helper", log=log)


def has_printed(child: Child, text: str) -> bool:
    return text in child.log.read_text()


def test_stop_ends_the_whole_group_even_when_a_grandchild_ignores_the_signal(tmp_path: Path) -> None:
    with python(tmp_path / "log", FAMILY, STUBBORN) as child:
        child.wait_until(partial(has_printed, child, "ready"))
        match = re.search(r"\d+", child.log.read_text())
        assert match
        grandchild = psutil.Process(int(match[0]))
    psutil.wait_procs([grandchild], timeout=10)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
    assert child.process.returncode is not None


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    child = python(tmp_path / "log", STUBBORN)
    child.stop_timeout_s = 0.2
    child.wait_until(partial(has_printed, child, "ready"))
    child.stop()
    child.stop()
    assert child.process.returncode == -9


def test_a_child_that_ends_early_is_a_fault_with_its_last_words(tmp_path: Path) -> None:
    script = "print('\\n'.join(f'line {n}.' for n in range(100))); raise SystemExit(3)"
    with python(tmp_path / "log", script) as child, pytest.raises(EnvironmentFault) as fault:
        child.wait_until(lambda: False)
    assert "the helper ended at once (exit code 3)" in fault.value.what
    assert "line 99." in fault.value.what
    assert "line 84." not in fault.value.what


def test_a_child_that_is_not_ready_in_time_is_a_fault(tmp_path: Path) -> None:
    with python(tmp_path / "log", "import time; time.sleep(60)") as child, pytest.raises(EnvironmentFault, match=r"not ready after 0\.1 s"):
        child.wait_until(lambda: False, timeout_s=0.1)


def test_a_command_that_does_not_exist_is_a_fault_and_leaves_no_watchdog(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with pytest.raises(EnvironmentFault, match=r"/no/such/program: the helper cannot be started: No such file"):
        start(["/no/such/program"], name="the helper", log=tmp_path / "log")
    assert psutil.Process().children() == before


def test_releasing_a_guard_removes_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    guard = Guard(folder=folder)
    guard.release()
    guard.release()
    assert not folder.exists()


def test_a_port_is_free_until_somebody_listens_on_it() -> None:
    port = free_port()
    assert not accepts_tcp(port)
    assert not answers_http(port, "/")
    with socket.create_server(("127.0.0.1", port)):
        assert accepts_tcp(port)
