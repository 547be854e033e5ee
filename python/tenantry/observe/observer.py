"""The observer of a run, seen from the run: a process of its own that is started, told when the load begins and ends, and waited for."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tenantry import processes
from tenantry.channel import send
from tenantry.observe.settings import Observing

READY_S = 10.0
LAST_WORDS_S = 15.0
FOLDER = "probes"
LOG = f"{FOLDER}/log.txt"


@dataclass(frozen=True, slots=True)
class Task:
    """What to watch, and the run folder to write to."""

    settings: Observing
    folder: Path


@dataclass(frozen=True, slots=True)
class Watching:
    """Everything that can be reached is; `notes` say what cannot."""

    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of the load on the machine's monotonic clock."""

    zero_ns: int


@dataclass(frozen=True, slots=True)
class LoadEnded:
    """Take the closing readings."""


@dataclass(frozen=True, slots=True)
class Written:
    """All is on disk; `notes` say what could not be seen."""

    notes: tuple[str, ...]


class Observer:
    """Watches one run. Whatever goes wrong here is a note: the run goes on without it."""

    def __init__(self, settings: Observing | None, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._child: processes.Child | None = None
        self._line: Connection | None = None
        self.notes: list[str] = []

    async def open(self) -> None:
        """Start it, and return when it watches, or after ten seconds."""
        if self._settings is None:
            return
        (self._folder / FOLDER).mkdir(exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tenantry.observe", str(theirs.fileno())]
            self._child = processes.start(command, name="the observer", log=self._folder / LOG, descriptors=[theirs.fileno()])
        self._line = Connection(ours.detach())
        send(self._line, Task(self._settings, self._folder))
        await self._answer(READY_S)

    @property
    def watches(self) -> bool:
        """Whether it is there and has answered."""
        return self._line is not None

    def begin(self, zero_ns: int) -> None:
        """The load starts at this moment of the machine's monotonic clock."""
        self._say(Begin(zero_ns))

    def load_ended(self) -> None:
        """The load is over: the closing readings are taken while the run is cleaned up."""
        self._say(LoadEnded())

    async def close(self, *, wait: bool) -> None:
        """End it; with `wait` it may first write what it has, for fifteen seconds at most."""
        if self._child is None:
            return
        try:
            if wait:
                await self._answer(LAST_WORDS_S)
        finally:
            if self._line is not None:
                self._line.close()
            self._child.stop_timeout_s = 1.0
            await asyncio.to_thread(self._child.stop)
            log = self._folder / LOG
            if log.exists() and not log.stat().st_size:
                log.unlink()

    def _say(self, message: object) -> None:
        if self._line is not None:
            send(self._line, message)

    async def _answer(self, timeout_s: float) -> None:
        """Take the notes of its next answer; without one, that is the note."""
        line = self._line
        if line is None:
            return
        try:
            if await asyncio.to_thread(line.poll, timeout_s):
                answer: Any = line.recv()
                self.notes += answer.notes
                return
            why = f"has not answered for {timeout_s:g} s"
        except (EOFError, OSError):
            why = "has ended"
        words = self._child.tail(3) if self._child is not None else ""
        self.notes.append(f"the observer {why}; the run goes on without it{f': {words.strip()}' if words else ''}")
        line.close()
        self._line = None
