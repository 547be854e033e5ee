"""The other load processes of a run, seen from the first one: started, led step by step, summed up."""

from __future__ import annotations

import asyncio
import pickle
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar, cast

from tenantry import processes
from tenantry.channel import (
    Acts,
    Assignment,
    Beat,
    Begin,
    Begun,
    Buckets,
    Control,
    CutOff,
    Ended,
    Failed,
    Finish,
    Ready,
    Start,
    Stop,
    Worked,
    hear,
    send,
)
from tenantry.engine import Engine
from tenantry.errors import EnvironmentFault, UsageError
from tenantry.prepare import Prepared
from tenantry.processes import POLL_S, Child
from tenantry.results.histogram import Counts, highest_ns, rank
from tenantry.types import Progress

_LAST_WORDS_S = 5.0
LOG = "log.txt"
# Counts and busy virtual users of all processes add up; of the rest the highest is told.
_ADDED = (
    "due",
    "started",
    "completed",
    "failed",
    "errors",
    "dropped",
    "requests",
    "failures",
    "checks_passed",
    "checks_failed",
    "busy_vus",
)
_HIGHEST = ("loop_busy", "io_busy")
T = TypeVar("T")


@dataclass(eq=False)
class _Link:
    """One of the others: its process, the line to it, what it said last."""

    number: int
    child: Child
    line: Connection
    answers: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    beat: Beat | None = None
    through: bool = False
    lost: bool = False

    def end(self, message: Ended | Failed) -> None:
        """Take its last message."""
        self.through = True
        self.answers.put_nowait(message)

    def last_words(self) -> str:
        """Why it is gone, from the end of its log."""
        with suppress(Exception):
            self.child.process.wait(1.0)
        code = self.child.process.poll()
        how = f"ended (exit code {code})" if code is not None and code >= 0 else f"was killed (signal {-code})" if code else "is gone"
        words = self.child.tail(5)
        return f"load process {self.number} {how}" + (f"\n{words}" if words else "")


class Generators:
    """The load processes 1 to N - 1 of a run; without any, every step is empty. `on_lost` hears when one is gone before its end."""

    def __init__(self, prepared: Prepared, folder: Path, on_lost: Callable[[str], None]) -> None:
        self._prepared = prepared
        self._folder = folder
        self._on_lost = on_lost
        self._links: list[_Link] = []

    async def open(self) -> None:
        """Start them, and return when all have loaded the workload; raises what one of them finds wrong."""
        plan = self._prepared.plan
        if plan.share[1] == 1:
            return
        feeders = tuple(feeder.fingerprint() for feeder in self._prepared.workload.feeders)
        for number in range(1, plan.share[1]):
            folder = self._folder / f"process-{number}"
            folder.mkdir()
            link = _start(number, folder / LOG)
            self._links.append(link)
            own = replace(plan, share=(number, plan.share[1]))
            send(link.line, Assignment(own, self._prepared.spec or self._prepared.workload, folder, feeders))
            acts: Acts = {Beat: partial(setattr, link, "beat"), Ended: link.end, Failed: link.end}
            acts = {**acts, **dict.fromkeys((Ready, Begun, Worked), link.answers.put_nowait)}
            asyncio.get_running_loop().add_reader(link.line.fileno(), hear, link.line, acts, partial(self._lose, link))
        await self._answers(Ready)

    async def begin(self, shared: object) -> list[Begun]:
        """Have them make their virtual users. Raises UsageError when what `setup` returned cannot be handed to them."""
        try:
            self._send(Begin(shared))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            hint = "return what can be pickled (ids, texts, dicts of them) and make clients in on_start, or use one process"
            raise UsageError(f"what it returned cannot be handed to the other load processes: {error}", where="setup", hint=hint) from None
        return await self._answers(Begun)

    def start(self, at_ns: int) -> None:
        """Fix the start of the load."""
        self._send(Start(at_ns))

    def control(self, order: bytes) -> None:
        """Hand on an order for the engine."""
        self._send(Control(order))

    def stop(self) -> None:
        """Have them start no more iterations."""
        self._send(Stop())

    def cut_off(self) -> None:
        """Have them end their running iterations."""
        self._send(CutOff())

    async def worked(self) -> list[Worked]:
        """What those that were not lost say after their last iteration."""
        return await self._answers(Worked, all_of_them=False)

    def finish(self, *, hooks: bool, hurried: bool) -> None:
        """Have them run `on_stop` and close."""
        self._send(Finish(hooks, hurried))

    async def ended(self) -> list[Ended]:
        """What those that were not lost say at their end."""
        return await self._answers(Ended, all_of_them=False)

    @property
    def fault(self) -> str | None:
        """Why a folder could not be written, if so."""
        return next((link.beat.fault for link in self._links if link.beat is not None and link.beat.fault is not None), None)

    def progress(self, engine: Engine) -> Progress:
        """The figures of the moment, those of all processes together; numbers of distinct tenants cannot be added, so there is none (0)."""
        own = engine.progress()
        beats = [link.beat for link in self._links if link.beat is not None]
        if not self._links:
            return own
        others = [cast(dict[str, Any], beat.progress) for beat in beats]
        told = cast(dict[str, Any], {**own, "tenants": 0})
        for name in _ADDED:
            told[name] = sum((other[name] for other in others), told[name])
        for name in _HIGHEST:
            told[name] = max([told[name], *(other[name] for other in others)])
        response, delay = engine.last_second()
        told |= _quantiles([response, *(beat.response for beat in beats)], {f"response_p{q}_ns": q / 100 for q in (50, 95, 99)})
        told |= _quantiles([delay, *(beat.start_delay for beat in beats)], {"start_delay_p99_ns": 0.99})
        return cast(Progress, told)

    async def close(self) -> None:
        """End them: those that are not through give up, and after some seconds are killed."""
        for link in self._links:
            self._hang_up(link)
        give_up = time.monotonic() + _LAST_WORDS_S
        while any(link.child.process.poll() is None for link in self._links) and time.monotonic() < give_up:
            await asyncio.sleep(POLL_S)
        self.kill()

    def kill(self) -> None:
        """End them now; does nothing to those that have ended."""
        for link in self._links:
            self._hang_up(link)
            link.child.stop_timeout_s = 0.0
            link.child.stop()
            if link.child.log.exists() and not link.child.log.stat().st_size:
                link.child.log.unlink()

    def _hang_up(self, link: _Link) -> None:
        if not link.line.closed:
            with suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(link.line.fileno())
            link.line.close()

    def _send(self, message: object) -> None:
        for link in self._links:
            if not link.lost:
                send(link.line, message)

    async def _answers(self, kind: type[T], *, all_of_them: bool = True) -> list[T]:
        """The next answer of each; raises what one of them failed by. One that is lost is left out, or else raises as well."""
        found: list[T] = []
        for link in self._links:
            answer = None if link.lost and not all_of_them else await link.answers.get()
            if isinstance(answer, Failed):
                raise answer.error
            if answer is None and all_of_them:
                raise EnvironmentFault(link.last_words(), hint="no load was sent")
            if answer is not None:
                assert isinstance(answer, kind), f"{answer} instead of {kind.__name__}"
                found.append(answer)
        return found

    def _lose(self, link: _Link) -> None:
        asyncio.get_running_loop().remove_reader(link.line.fileno())
        if not link.through:
            link.lost = True
            link.answers.put_nowait(None)
            self._on_lost(link.last_words())


def _start(number: int, log: Path) -> _Link:
    ours, theirs = socket.socketpair()
    try:
        command = [sys.executable, "-P", "-m", "tenantry.generator", str(theirs.fileno())]
        child = processes.start(command, name=f"load process {number}", log=log, descriptors=[theirs.fileno()])
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return _Link(number, child, Connection(ours.detach()))


def _quantiles(histograms: Iterable[Buckets], wanted: dict[str, float]) -> dict[str, int]:
    """Quantiles in nanoseconds of histograms together; -1 without a sample."""
    counts = Counts()
    for histogram in filter(None, histograms):
        counts.add(histogram)
    return {name: highest_ns(counts.bucket_at(rank(q, counts.n))) if counts.n else -1 for name, q in wanted.items()}
