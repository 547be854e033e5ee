"""A load process beside the first one: `python -m tenantry.generator FD`, with the line to the first one as that descriptor."""

from __future__ import annotations

import asyncio
import select
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from tenantry.channel import (
    Acts,
    Assignment,
    Beat,
    Begin,
    Begun,
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
from tenantry.errors import TenantryError, UsageError
from tenantry.load import Load, population_of
from tenantry.plan.faults import raise_all
from tenantry.scenario.loader import load_workload
from tenantry.scenario.workload import Workload

BEAT_S = 0.25


def main(descriptor: int) -> None:
    """Carry out the share that the first process assigns."""
    line = Connection(descriptor)
    try:
        assignment: Assignment = line.recv()
        asyncio.run(_Generator(line, assignment, _workload(assignment)).serve())
    except TenantryError as error:
        send(line, Failed(error))
    except (EOFError, asyncio.CancelledError):
        pass  # the first process is gone
    finally:
        line.close()


def _workload(assignment: Assignment) -> Workload:
    """The workload as this process loads it; raises UsageError when its feeders have other rows than those of the first process."""
    wanted = assignment.workload
    if isinstance(wanted, Workload):
        return wanted
    workload = load_workload(wanted)
    raise_all([fault for feeder in workload.feeders for fault in feeder.load()])
    others = [feeder for feeder, rows in zip(workload.feeders, assignment.feeders, strict=True) if feeder.fingerprint() != rows]
    hint = "make them the same each time (ORDER BY, a seed of your own), or use one process"
    raise_all([UsageError("each load process reads other rows", where=str(feeder.location), hint=hint) for feeder in others])
    return workload


class _Generator:
    def __init__(self, line: Connection, assignment: Assignment, workload: Workload) -> None:
        self._line = line
        self._assignment, self._workload = assignment, workload
        self._steps: asyncio.Queue[Any] = asyncio.Queue()
        self._load: Load | None = None
        self._task: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Follow the first process step by step; end with it."""
        self._task = asyncio.current_task()
        asyncio.get_running_loop().add_reader(self._line.fileno(), self._hear)
        plan = self._assignment.plan
        load = self._load = Load(self._workload, plan, self._assignment.folder, population_of(self._workload, plan))
        ended = Ended(None, None)
        try:
            ended = await self._carry_out(load)
        finally:
            load.close()
        send(self._line, Ended(ended.note, load.fault))

    async def _carry_out(self, load: Load) -> Ended:
        send(self._line, Ready())
        begin: Begin = await self._steps.get()
        note = await load.begin(begin.shared)
        send(self._line, Begun(note, load.lead_s))
        start: Start = await self._steps.get()
        load.engine.start_at(start.at_ns)
        beating = asyncio.create_task(self._beat(load))
        beating.add_done_callback(lambda task: None if task.cancelled() else load.cut_off())
        try:
            await load.work()
        finally:
            beating.cancel()
        if beating.done() and not beating.cancelled():
            beating.result()
        self._tell(load)
        send(self._line, Worked(load.engine.load_end_ns(), load.crew.out_of_data, load.made_late))
        finish: Finish = await self._steps.get()
        return Ended(await load.end_users(hooks=finish.hooks, hurried=finish.hurried), None)

    async def _beat(self, load: Load) -> None:
        """Tell the figures of the moment again and again. The first process may be busy: what it did not take yet is not queued up."""
        room = select.poll()
        room.register(self._line.fileno(), select.POLLOUT)
        while True:
            await asyncio.sleep(BEAT_S)
            if load.engine.is_broken():
                raise RuntimeError("a thread of the engine broke off")
            if room.poll(0):
                self._tell(load)
            with suppress(OSError):
                load.errors.write()

    def _tell(self, load: Load) -> None:
        response, start_delay = load.engine.last_second()
        send(self._line, Beat(load.engine.progress(), response, start_delay, load.engine.fault()))

    def _hear(self) -> None:
        step = self._steps.put_nowait
        acts: Acts = {Begin: step, Start: step, Finish: step, Control: self._control, Stop: self._stop, CutOff: self._cut_off}
        hear(self._line, acts, self._leave)

    def _control(self, message: Control) -> None:
        # The first process has answered for all; here a stream may have ended already.
        if self._load is not None:
            with suppress(TenantryError):
                self._load.engine.control(message.order)

    def _stop(self, _: Stop) -> None:
        if self._load is not None:
            self._load.engine.stop()

    def _cut_off(self, _: CutOff) -> None:
        if self._load is not None:
            self._load.cut_off()

    def _leave(self) -> None:
        """The first process is gone: so is the run."""
        asyncio.get_running_loop().remove_reader(self._line.fileno())
        if self._task is not None:
            self._task.cancel()


if __name__ == "__main__":
    main(int(sys.argv[1]))
