"""`on_start` and `on_stop`: once for each virtual user, many side by side, unmeasured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tenantry.driver import Crew, Worker
from tenantry.errors import TargetError
from tenantry.metrics.place import current_session
from tenantry.scenario.decorators import HookFunction, hook_mark
from tenantry.units import NS

# Enough to be quick, few enough to be no load test of the app's log-in.
SIDE_BY_SIDE = 50


async def for_each(hook: HookFunction, workers: Sequence[Worker], crew: Crew) -> list[Worker]:
    """Run a hook for each virtual user; returns those for which it ended well."""
    slots = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(worker: Worker) -> bool:
        async with slots:
            return await run_hook(hook, worker, crew)

    tasks = [asyncio.create_task(one(worker), name=f"vu {worker.vu.number}") for worker in workers]
    try:
        ended_well = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [worker for worker, well in zip(workers, ended_well, strict=True) if well]


async def run_hook(hook: HookFunction, worker: Worker, crew: Crew) -> bool:
    """Whether it ended well; if not, why is among the errors of the scripts. What it sends is not recorded."""
    mark = hook_mark(hook)
    assert mark is not None
    timeout_s = mark.timeout_ns / NS
    session = worker.session
    current_session.set(session)
    session.record(False)
    try:
        async with asyncio.timeout(timeout_s) as limit:
            await hook(worker.vu)
    except (Exception, SystemExit) as error:
        late = limit.expired()
        # Where it waited is in the traceback of the cancellation.
        place = (error.__cause__ or error).__traceback__
        told = TimeoutError(f"it did not end within {timeout_s:g} s").with_traceback(place) if late else error
        # Before the start of the load, its clock is negative.
        crew.errors.add(mark.kind, told, max(session.now_ns() // NS, 0))
        return False
    finally:
        session.record(True)
    return True


def missing(wanted: int, started: int, crew: Crew) -> str | None:
    """A note on virtual users whose `on_start` failed; raises TargetError when nobody is left to send the load."""
    if started == wanted:
        return None
    kinds = [(counts[0], message, place) for (scenario, message, place), counts in crew.errors.found.items() if scenario == "on_start"]
    _, message, place = max(kinds)
    if not started:
        hint = "repair the app, the target or the function; no load was sent"
        raise TargetError(f"on_start failed for every virtual user: {message}", where=place, hint=hint)
    return f"{wanted - started} of {wanted} virtual users took no part: on_start failed, most often by {message} ({place})"
