"""A probe reads one source at a steady pace on a thread of its own; its failures end neither the run nor the other probes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from tenantry.engine import DatabaseError

FAILURES = (OSError, DatabaseError, ValueError, LookupError, ArithmeticError)
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)


class Blind(Exception):
    """There is nothing to be seen here, now or later; the message says what."""


class Probe(Protocol):
    """A source of readings. What it raises closes it; it is opened again after a while.

    `notes` say what it cannot see although it works.
    """

    name: str
    notes: list[str]

    @property
    def every_s(self) -> float:
        """The period of its readings."""

    def open(self) -> None:
        """Connect, if there is anything to connect to."""

    def read(self) -> None:
        """Take one reading."""

    def close(self) -> None:
        """Let go of the connection; never raises."""


@dataclass(slots=True)
class Account:
    """How a probe fared: readings taken and left out, failures with the last one, and what it cost this machine and took in time."""

    readings: int = 0
    missed: int = 0
    failures: int = 0
    error: str = ""
    cpu_s: float = 0.0
    took_s: float = 0.0
    failed_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Watch(threading.Thread):
    """Reads a probe until it is told to end. Readings fall on multiples of its period; one that takes too long leaves out the next."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(name=f"probe {probe.name}", daemon=True)
        self.probe = probe
        self.account = Account()
        self._over = threading.Event()

    def run(self) -> None:
        begun, turn, failed = time.monotonic(), 0, 0
        is_open = False
        while not self._over.is_set():
            try:
                if not is_open:
                    self.probe.open()
                    is_open = True
                self._read()
                failed = 0
            except Blind as error:
                self.account.error = str(error)
                return
            except Exception as error:
                # Also a fault of the probe's own: the others, and the run, know nothing of it.
                self._note(error)
                self.probe.close()
                is_open = False
                pause = BACK_OFF_S[min(failed, len(BACK_OFF_S) - 1)]
                failed += 1
                self.account.failed_s += pause
                self._over.wait(pause)
            turn = self._next(begun, turn)
            self._over.wait(max(begun + turn * self.probe.every_s - time.monotonic(), 0.0))
        self.probe.close()

    def end(self) -> None:
        """Take no further reading."""
        self._over.set()

    def told(self) -> Iterator[str]:
        """What this probe could not see."""
        yield from self.probe.notes
        account = self.account
        if account.failures:
            yield f"{self.probe.name} failed {account.failures} times, at last: {account.error}"
        elif account.error:
            yield account.error
        if self.is_alive():
            yield f"{self.probe.name} waits for an answer that does not come"

    def _read(self) -> None:
        cpu, wall = time.thread_time(), time.monotonic()
        try:
            self.probe.read()
            self.account.readings += 1
        finally:
            self.account.cpu_s += time.thread_time() - cpu
            self.account.took_s += time.monotonic() - wall

    def _next(self, begun: float, turn: int) -> int:
        due = int((time.monotonic() - begun) / self.probe.every_s) + 1
        self.account.missed += max(due - turn - 1, 0)
        return max(due, turn + 1)

    def _note(self, error: BaseException) -> None:
        self.account.failures += 1
        self.account.error = said(error)


@dataclass(slots=True)
class Pace:
    """When something is due that may cost much: every `every_s`, and less often where it would take more than a hundredth of the time."""

    every_s: float
    _next_s: float = 0.0

    @contextmanager
    def turn(self, now_s: float) -> Iterator[bool]:
        """Whether it is due now; what is done in the block is what it costs."""
        if now_s < self._next_s:
            yield False
            return
        try:
            yield True
        finally:
            self._next_s = now_s + max(self.every_s, 100 * (time.monotonic() - now_s))


def said(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, DatabaseError):
        code, message, *_ = (str(part) for part in error.args)
        return f"{message} (SQLSTATE {code})" if code else message
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__).splitlines()[0][:300]
