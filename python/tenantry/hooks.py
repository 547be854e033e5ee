"""`on_start` and `on_stop`: once for each virtual user, before and after the load, many side by side, unmeasured."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from tenantry.driver import Crew
from tenantry.engine import Session
from tenantry.errors import TargetError
from tenantry.metrics.place import current_session
from tenantry.scenario.decorators import HookFunction, hook_mark, hook_timeout_s
from tenantry.scenario.vu import Vu
from tenantry.units import NS

# Enough to be quick, few enough to be no load test of the app's log-in.
SIDE_BY_SIDE = 50


class Hired(NamedTuple):
    """A virtual user with the name of its stream."""

    stream: str
    vu: Vu
    session: Session


async def for_each(hook: HookFunction, users: Sequence[Hired], crew: Crew) -> list[Hired]:
    """Run a hook for each of `users`; returns those for which it ended well. Exceptions go to the errors of the scripts."""
    slots = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(user: Hired) -> bool:
        async with slots:
            return await _run(hook, user, crew)

    tasks = [asyncio.create_task(one(user), name=f"vu {user.vu.number}") for user in users]
    try:
        ended_well = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [user for user, well in zip(users, ended_well, strict=True) if well]


async def _run(hook: HookFunction, user: Hired, crew: Crew) -> bool:
    """Whether it ended well. What it sends is not recorded."""
    mark = hook_mark(hook)
    title = mark.kind if mark is not None else "hook"
    timeout_s = hook_timeout_s(hook)
    current_session.set(user.session)
    user.session.record(False)
    try:
        async with asyncio.timeout(timeout_s) as limit:
            await hook(user.vu)
    except (Exception, SystemExit) as error:
        told = TimeoutError(f"it did not end within {timeout_s:g} s").with_traceback(error.__traceback__) if limit.expired() else error
        crew.errors.add(title, told, max(user.session.now_ns() // NS, 0) if title == "on_stop" else 0)
        return False
    finally:
        user.session.record(True)
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
