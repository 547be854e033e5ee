"""A coroutine that the engine resumes itself behaves as in a task that knows nothing of it: the same programs, run both ways."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loads import nothing

from tenantry import constant_vus, workload
from tenantry.engine import Engine, Session, close_engine, open_engine

NAME: ContextVar[str] = ContextVar("NAME", default="nobody")
Log = list[Any]
Program = Callable[[Session, Log], Coroutine[Any, Any, Any]]
Ways = Callable[[Program], None]


async def told(program: Program, session: Session, wrap: Callable[[Coroutine[Any, Any, Any]], Any]) -> Log:
    """What a program logs, and how its task ends."""
    log: Log = []
    task = asyncio.create_task(wrap(program(session, log)))
    await asyncio.wait([task], timeout=5)
    if task.cancelled():
        log.append("cancelled")
    elif (error := task.exception()) is not None:
        log.append(repr(error))
    else:
        log.append(task.result())
    return [*log, task.cancelling()]


async def nested(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


async def both(program: Program, folder: Path) -> None:
    engine = open_engine(workload(nothing, constant_vus(1, "1s")).plan(target="http://127.0.0.1:1"), folder)
    try:
        session = session_of(engine)
        plain = await told(program, session, lambda coroutine: coroutine)
        assert await told(program, session, engine.direct) == plain
        assert await told(program, session, lambda coroutine: nested(engine.direct(coroutine))) == plain
    finally:
        close_engine(engine)


def session_of(engine: Engine) -> Session:
    return engine.session(stream=0, index=0, vu=1, tenant=-1, headers=[], recorded=False)


@pytest.fixture
def same(tmp_path: Path) -> Ways:
    """Run a program in both ways and compare."""
    return lambda program: asyncio.run(both(program, tmp_path))


def test_the_task_is_the_current_one_and_its_context_holds_after_every_kind_of_wait(same: Ways) -> None:
    async def program(session: Session, log: Log) -> int:
        mine = asyncio.current_task()
        NAME.set("somebody")
        waits: list[Callable[[], Awaitable[Any]]] = [
            lambda: session.pause(0.001),
            lambda: asyncio.sleep(0),
            lambda: session.pause(0.001),
            lambda: asyncio.gather(session.pause(0.001), asyncio.sleep(0.002, "slept")),
            lambda: session.pause(0.001),
            lambda: asyncio.create_task(asyncio.sleep(0.001)),
            lambda: session.request("GET", "/"),
        ]
        for wait in waits:
            await wait()
            log.append((asyncio.current_task() is mine, NAME.get()))
        return 7

    same(program)


def test_what_the_script_raises_its_task_raises(same: Ways) -> None:
    async def early(_: Session, log: Log) -> None:
        raise KeyError("early")

    async def late(session: Session, log: Log) -> None:
        await session.pause(0.001)
        raise ValueError("late")

    async def stops(session: Session, log: Log) -> None:
        await session.pause(0.001)
        raise StopAsyncIteration

    for program in (early, late, stops):
        same(program)


def test_timeouts_end_waits_for_the_engine_and_for_others(same: Ways) -> None:
    async def program(session: Session, log: Log) -> None:
        for wait in (lambda: session.pause(3), lambda: asyncio.sleep(3)):
            try:
                async with asyncio.timeout(0.005):
                    await session.pause(0.001)
                    await wait()
            except TimeoutError:
                log.append("in time")
        async with asyncio.timeout(3):
            await session.pause(0.001)
        async with asyncio.TaskGroup() as group:
            group.create_task(session.pause(0.001))

    same(program)


def test_a_group_whose_member_fails_cancels_the_rest(same: Ways) -> None:
    async def fails(session: Session) -> None:
        await session.pause(0.001)
        raise ValueError("no")

    async def program(session: Session, log: Log) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails(session))
                await session.pause(3)
        except* ValueError as errors:
            log.append([str(error) for error in errors.exceptions])

    same(program)


def test_two_tasks_may_wait_for_one_awaitable(same: Ways) -> None:
    async def program(session: Session, log: Log) -> None:
        async def other() -> None:
            log.append((await shared).failure)

        shared = session.request("GET", "/")
        waiting = asyncio.create_task(other())
        log.append((await shared).failure)
        await waiting

    same(program)


def test_an_awaitable_that_somebody_else_cancels_cancels_who_waits(same: Ways) -> None:
    async def program(session: Session, log: Log) -> None:
        pause = session.pause(3)
        asyncio.get_running_loop().call_later(0.001, pause.cancel)
        try:
            await pause
        except asyncio.CancelledError:
            log.append("of the pause")
        await session.pause(0.001)

    same(program)


ACTIONS = ("pause", "sleep", "turn", "future", "task")
CANCELS = ("never", "now", "next turn", "soon", "twice")
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(CANCELS), st.booleans()), min_size=1, max_size=5)


def done(future: asyncio.Future[str]) -> None:
    if not future.done():
        future.set_result("there")


def acting(steps: list[tuple[str, str, bool]]) -> Program:
    """A program that waits in all ways while its task is cancelled in all ways; some cancellations it survives."""

    def wait(session: Session, action: str, length_s: float) -> Awaitable[Any]:
        match action:
            case "pause":
                return session.pause(length_s)
            case "sleep":
                return asyncio.sleep(length_s)
            case "turn":
                return asyncio.sleep(0)
            case "future":
                future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_later(length_s, done, future)
                return future
        return asyncio.create_task(asyncio.sleep(length_s, "done"))

    async def program(session: Session, log: Log) -> str:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number, (action, cancel, survives) in enumerate(steps):
            try:
                # What is cancelled takes too long to end by itself.
                awaited = wait(session, action, 0.002 if cancel == "never" else 9)
                match cancel:
                    case "now":
                        task.cancel()
                    case "next turn":
                        loop.call_soon(task.cancel)
                    case "soon" if action != "turn":
                        loop.call_later(0.002, task.cancel)
                    case "twice":
                        task.cancel()
                        loop.call_soon(task.cancel)
                log.append((number, await awaited))
            except asyncio.CancelledError:
                cancelled = isinstance(awaited, asyncio.Future) and awaited.cancelled()
                log.append((number, "cancelled", task.cancelling(), cancelled))
                if not survives:
                    raise
                task.uncancel()
        return "through"

    return program


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_cancellation_reaches_the_script_as_in_any_task(steps: list[tuple[str, str, bool]], same: Ways) -> None:
    same(acting(steps))


def test_nothing_is_kept_of_a_coroutine_that_has_ended_or_was_dropped(tmp_path: Path) -> None:
    async def program() -> list[bool]:
        engine = open_engine(workload(nothing, constant_vus(1, "1s")).plan(target="http://127.0.0.1:1"), tmp_path)
        try:
            session = session_of(engine)
            ended = asyncio.create_task(engine.direct(session.pause(0.001)))
            await ended
            cut = asyncio.create_task(engine.direct(session.pause(3)))
            await asyncio.sleep(0.001)
            cut.cancel()
            await asyncio.wait([cut])
            kept = [weakref.ref(task) for task in (ended, cut)]
            del ended, cut
            await asyncio.sleep(0)
            gc.collect()
            return [task() is None for task in kept]
        finally:
            close_engine(engine)

    assert asyncio.run(program()) == [True, True]
