"""The `tenantry` command as its users start it: a process of its own, signals as a terminal sends them, and whatever it left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

import psutil

Environment = Mapping[str, str]

COMMAND = Path(sys.executable).with_name("tenantry")
MARK = "E2E_MARK"
_FOREIGN = (
    "TENANTRY_",
    "GITHUB_",
    "BUILD_URL",
    "CLINIC_",
    "PG",
    "DATABASE_URL",
    "NO_COLOR",
    "FORCE_COLOR",
    "CI",
    "APP_ENV",
    "ENVIRONMENT",
    "COLUMNS",
)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; anything beside it is an error."""
        assert self.out.count("\n") == 1, self.out + self.err
        found: dict[str, Any] = json.loads(self.out)
        return found


class Running:
    """A command that goes on; what it says is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._heard: dict[str, list[str]] = {"out": [], "err": []}
        self._news = threading.Condition()
        streams = {"out": process.stdout, "err": process.stderr}
        self._readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in streams.items()]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: Any) -> None:
        for line in stream:
            with self._news:
                self._heard[name].append(line)
                self._news.notify_all()

    def heard(self, name: str) -> list[str]:
        """What it said so far on `out` or `err`, line by line."""
        with self._news:
            return [*self._heard[name]]

    def _text(self, name: str) -> str:
        return "".join(self._heard[name])

    def wait_for(self, text: str, *, times: int = 1, timeout_s: float = 60) -> None:
        """Return once `text` is on stderr, so many times."""
        with self._news:
            said = self._news.wait_for(lambda: self._text("err").count(text) >= times, timeout_s)
            assert said, f"never said {text!r}: {self._text('err')}"

    def signal(self, number: signal.Signals) -> None:
        """To the whole process group, as a terminal does for Ctrl-C."""
        os.killpg(self.process.pid, number)

    def done(self, *, timeout_s: float = 60) -> Done:
        """Wait for its end."""
        code = self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join(10)
        return Done(code, self._text("out"), self._text("err"))


@dataclass
class Shell:
    """Starts commands in `folder`; knows every process and temporary file that came of them, however far they moved away."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    temporary: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="tenantry-e2e-")))

    def __enter__(self) -> Self:
        self.temporary.chmod(0o755)  # the throwaway Postgres of root runs as somebody else
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self.temporary, ignore_errors=True)

    def environment(self, changes: Environment) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {**kept, MARK: self.mark, "TMPDIR": str(self.temporary), **changes}

    @contextmanager
    def start(self, *arguments: str | Path, prefix: tuple[str, ...] = (), environment: Environment | None = None) -> Iterator[Running]:
        """A command that goes on, leading its own process group; killed at the end of the block if it still runs."""
        with subprocess.Popen(
            [*prefix, str(COMMAND), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield Running(process)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(
        self, *arguments: str | Path, timeout_s: float = 90, prefix: tuple[str, ...] = (), environment: Environment | None = None
    ) -> Done:
        """A command, to its end."""
        with self.start(*arguments, prefix=prefix, environment=environment) as running:
            return running.done(timeout_s=timeout_s)

    def python(self, code: str, timeout_s: float = 90) -> Done:
        """A program of ours in place of the command, to its end."""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.folder, env=self.environment({}), capture_output=True, text=True, timeout=timeout_s
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def runs(self, under: str = "runs") -> list[Path]:
        """The run folders, the oldest first."""
        return sorted(path for path in (self.folder / under).glob("*") if path.is_dir())

    def processes(self) -> list[psutil.Process]:
        """Live processes that inherited our mark, or that name or work in our temporary folder (Postgres overwrites its environment)."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if process.environ().get(MARK) == self.mark:
                return True
            return str(self.temporary) in " ".join((process.cwd(), *process.cmdline()))
        return False

    def wait_until_nothing_is_left(self, timeout_s: float = 15) -> None:
        """Neither a process nor a temporary file."""
        wait_until(lambda: not self.traces(), self.traces, timeout_s)

    def traces(self) -> list[str]:
        return [*map(str, self.processes()), *map(str, self.temporary.iterdir())]


def wait_until(holds: Callable[[], bool], tell: Callable[[], object] = lambda: "", timeout_s: float = 15) -> None:
    """Return once it holds; fails with what `tell` says when it never does."""
    give_up = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up, f"it never came true: {tell()}"
        time.sleep(0.02)


def one_message(err: str) -> str:
    """The only error on stderr: a line `error: ...` (or click's) with its help, and no traceback."""
    assert "Traceback" not in err, err
    assert "internal error" not in err, err
    starts = [line for line in err.splitlines() if line.lower().startswith("error: ")]
    assert len(starts) == 1, err
    return err[err.lower().index("error: ") :]


def small_files(most_bytes: int) -> tuple[str, ...]:
    """A prefix under which no file can grow beyond that: Python ignores SIGXFSZ, so a write fails as one to a full disk does."""
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))"
    return sys.executable, "-c", f"import os, resource, sys; {limit}; os.execv(sys.argv[1], sys.argv[1:])"


SCENARIO_IMPORTS = """\
from tenantry import Vu, constant_rate, constant_vus, on_start, on_stop, scenario, setup, shared_iterations, teardown, workload

"""


def write_scenarios(folder: Path, text: str) -> None:
    """A scenario file `file.py`; the first line of the text is its line 3."""
    (folder / "file.py").write_text(SCENARIO_IMPORTS + dedent(text).lstrip("\n"))
