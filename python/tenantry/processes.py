"""Processes that tenantry starts: each in a session of its own, logged to a file, and gone when tenantry is gone."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from tenantry.errors import EnvironmentFault

POLL_S = 0.02

# A shell that waits for our end of its stdin to close. Whatever ends us, kill -9 included, closes it; prctl(PR_SET_PDEATHSIG)
# would be Linux only, is cleared by the change of user that Postgres as root needs, fires when a mere thread ends, and removes no folder.
_WATCHDOG = """
group=
while read -r word value; do
    case $word in watch) group=$value ;; release) exit 0 ;; esac
done
if [ -n "$group" ]; then
    kill -s "$1" -- "-$group" 2>/dev/null
    turns=0
    while [ $turns -lt 50 ] && kill -s 0 -- "-$group" 2>/dev/null; do sleep 0.1; turns=$((turns + 1)); done
    kill -s KILL -- "-$group" 2>/dev/null
fi
[ -z "$2" ] || rm -rf -- "$2"
"""


Made = TypeVar("Made")


class Account(NamedTuple):
    """The system user that a process runs as."""

    name: str
    uid: int
    gid: int


class Guard:
    """A watchdog process that, once we are dead, stops a process group and removes a folder; it ends unused after `release`."""

    def __init__(self, *, folder: Path | None = None, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        self.folder = folder
        self._watched: int | None = None
        read_end, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHDOG, "tenantry-watchdog", stop_signal.name.removeprefix("SIG"), str(folder or "")],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._pipe)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            os.close(read_end)

    def watch(self, pid: int) -> None:
        """Take the process group that `pid` leads into care."""
        self._watched = pid
        os.write(self._pipe, f"watch {pid}\n".encode())

    @property
    def released(self) -> bool:
        return self._pipe < 0

    def release(self) -> None:
        """Kill what is left of the process group, remove the folder, end the watchdog; further calls do nothing."""
        if self.released:
            return
        if self._watched is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._watched, signal.SIGKILL)
        if self.folder is not None:
            _remove(self.folder)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, b"release\n")
        os.close(self._pipe)
        self._pipe = -1
        self._process.wait()


def undisturbed(make: Callable[[], Made], undo: Callable[[Made], object]) -> Made:
    """What `make` makes, on a thread that Ctrl-C does not reach: half-made things are left behind. Undone when Ctrl-C came meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(make)
        try:
            return future.result()
        except BaseException:
            wait([future])
            if future.exception() is None:
                undo(future.result())
            raise


def _remove(folder: Path) -> None:
    """Remove a folder into which a process that was just killed may still write a last file."""
    give_up = time.monotonic() + 5.0
    while folder.exists() and time.monotonic() < give_up:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(POLL_S)


@dataclass
class Child:
    """A running process group; leaving the `with` block stops it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    guard: Guard | None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    _stopped: bool = False

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Return once `ready()` is true; raises EnvironmentFault with the end of the log when the process exits or time is up."""
        give_up = time.monotonic() + timeout_s
        while not ready():
            if self.process.poll() is not None:
                raise EnvironmentFault(f"{self.name} ended at once (exit code {self.process.returncode})\n{self.tail()}")
            if time.monotonic() > give_up:
                raise EnvironmentFault(f"{self.name} was not ready after {timeout_s:g} s\n{self.tail()}")
            time.sleep(POLL_S)

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log, indented."""
        return tail(self.log, lines)

    def stop(self) -> None:
        """Ask the group to stop, kill what is left of it after `stop_timeout_s`; further calls do nothing."""
        if self._stopped:
            return
        try:
            if self.process.poll() is None:
                self._signal(self.stop_signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(self.stop_timeout_s)
        finally:
            self._signal(signal.SIGKILL)
            self.process.wait()
            self._stopped = True
            if self.guard is not None:
                self.guard.release()

    def _signal(self, number: signal.Signals) -> None:
        # The group outlives its leader when a worker hangs; macOS answers EPERM for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def start(
    command: Sequence[str | Path],
    *,
    name: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    guard: Guard | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    descriptors: Sequence[int] = (),
) -> Child:
    """Start `command` in its own session (Ctrl-C does not reach it), output to `log`; raises EnvironmentFault when it cannot be started.

    It inherits `descriptors`, under the same numbers. A `guard` that is given watches the process and stays the caller's to release;
    without one the child has its own.
    """
    own = None if guard else Guard(stop_signal=stop_signal)
    watchdog = guard or own
    assert watchdog is not None

    def run() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                start_new_session=True,
                pass_fds=descriptors,
                **run_as(account),
            )
        watchdog.watch(process.pid)
        return process

    try:
        process = undisturbed(run, lambda process: os.killpg(process.pid, signal.SIGKILL))
    except BaseException as error:
        if own is not None:
            own.release()
        if isinstance(error, OSError):
            raise EnvironmentFault(f"{name} cannot be started: {error.strerror}", where=str(command[0])) from error
        raise
    return Child(name, process, log, own, stop_signal)


def run_as(account: Account | None) -> dict[str, Any]:
    """Keyword arguments that make `subprocess` run a command as `account`, from a folder that every account may enter."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": "/"}


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a file, indented; empty when there is none."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"  | {line}" for line in text.splitlines()[-lines:])


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts_tcp(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def answers_http(port: int, path: str, host: str = "127.0.0.1") -> bool:
    """Whether `GET path` there is answered with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=5.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
