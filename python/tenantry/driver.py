"""Virtual users as asyncio tasks: each asks the engine for its next iteration, runs the scenario, and tells how it ended."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from tenantry.engine import Engine, Pending, Session
from tenantry.errors import AppFailure, OutOfData, TargetError
from tenantry.files import write_whole
from tenantry.metrics.place import current_session
from tenantry.plan.plan import Plan
from tenantry.plan.tenants import Draw
from tenantry.results.manifest import ERRORS, ScriptError
from tenantry.scenario.decorators import HookFunction, Scenario
from tenantry.scenario.population import Identity, Population, draw_identity
from tenantry.scenario.vu import NO_ENV, Vu, recast
from tenantry.units import NS

_ERROR_PAUSE_S = 0.1
_MOST_KINDS = 500


@dataclass(slots=True)
class ScriptErrors:
    """Exceptions of scenarios: each kind once, with a count."""

    folder: Path
    found: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    _changed: bool = False

    def add(self, scenario: str, error: BaseException, second: int) -> None:
        """Count an exception of a scenario, raised in `second` of the load."""
        key = (scenario, _message(error), _location(error))
        if key not in self.found and len(self.found) >= _MOST_KINDS:
            key = (scenario, "(other errors)", "")
        found = self.found.setdefault(key, [0, second, second])
        found[0] += 1
        found[2] = max(found[2], second)
        self._changed = True

    def write(self) -> None:
        """Write the file of the run folder if there is anything new."""
        if not self._changed:
            return
        self._changed = False
        errors = [ScriptError(*key, count=count, first_second=first, last_second=last) for key, (count, first, last) in self.found.items()]
        write_whole(self.folder / ERRORS, msgspec.json.format(msgspec.json.encode(errors)))


def _message(error: BaseException) -> str:
    if isinstance(error, AppFailure):
        return str(error)[:500]
    return f"{type(error).__name__}: {error}"[:500] if str(error) else type(error).__name__


def _location(error: BaseException) -> str:
    """File and line of the innermost frame of the user's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_library(frame.filename)] or frames
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _is_library(file: str) -> bool:
    return "site-packages" in file or file.startswith("<") or Path(file).is_relative_to(Path(__file__).parent)


@dataclass(slots=True, eq=False)
class Worker:
    """A virtual user at work: its place in the plan, its side of the engine, its task."""

    stream: int
    index: int
    vu: Vu
    session: Session
    task: asyncio.Task[None] | None = None
    busy: bool = False
    _spared: bool = False

    def interrupt(self) -> None:
        """End the running iteration, if there is one; the virtual user goes on with its next."""
        if self.busy and self.task is not None:
            self._spared = True
            self.session.interrupt()
            self.task.cancel()

    def cut_off(self) -> None:
        """End the virtual user, with the iteration that it runs."""
        if self.task is not None and not self.task.done():
            self.session.interrupt()
            self.task.cancel()

    def is_spared(self) -> bool:
        """Whether the task was cancelled for the sake of its iteration alone; to be asked once that has ended."""
        spared, self._spared = self._spared, False
        if spared and self.task is not None:
            self.task.uncancel()
        return spared


@dataclass
class Crew:
    """What all virtual users of a run share. With `keep_sessions` their connections outlast their last iteration."""

    engine: Engine
    plan: Plan
    scenarios: Sequence[Scenario]
    population: Population | None
    errors: ScriptErrors
    keep_sessions: bool = False
    out_of_data: int = 0

    def hire(self, shared: Any) -> list[Worker]:
        """The virtual users of this process that are made before the load."""
        found: list[Worker] = []
        for place, stream in enumerate(self.plan.streams):
            indexes = self.plan.indexes(stream)
            first = getattr(stream.profile, "pre_allocated_vus", None)
            made = [index for index in indexes if first is None or index < first] or indexes[:1]
            found += [self.hire_one(place, index, shared) for index in made]
        return found

    def hire_one(self, stream: int, index: int, shared: Any) -> Worker:
        """Virtual user `index` of a stream; its number is the same however the plan is cut."""
        number = sum(before.profile.max_vus for before in self.plan.streams[:stream]) + index + 1
        identity = self.identity(number)
        session = self._session(stream, index, number, identity, recorded=True)
        env = MappingProxyType(self.plan.streams[stream].env)
        return Worker(stream, index, self._vu(session, number, identity, shared, env), session)

    def identity(self, number: int, iteration: int = 0) -> Identity | None:
        """Who virtual user `number` is, in this iteration if each draws its own; None without a population."""
        if self.population is None:
            return None
        turn = iteration if self.plan.tenant_per == "iteration" else None
        return draw_identity(self.population, self.plan.rng_seed, number, draw=self._draw, iteration=turn)

    @cached_property
    def _draw(self) -> Draw:
        population = self.population
        assert population is not None
        return self.plan.tenant_choice.sampler(population.tenants, lambda tenant, column: getattr(population.tenant(tenant), column))

    def _session(self, stream: int, index: int, number: int, identity: Identity | None, *, recorded: bool) -> Session:
        headers = list(identity.headers.items()) if identity is not None else []
        tenant = identity.tenant_index if identity is not None else -1
        return self.engine.session(stream=stream, index=index, vu=number, tenant=tenant, headers=headers, recorded=recorded)

    def _vu(self, session: Session, number: int, identity: Identity | None, shared: Any, env: Mapping[str, Any] = NO_ENV) -> Vu:
        seed, people = self.plan.rng_seed, self.population
        return Vu(session, number=number, rng_seed=seed, population=people, identity=identity, shared=shared, env=env)

    def work(self, worker: Worker) -> Coroutine[Any, Any, None]:
        """Run iterations until the schedule has no more for this virtual user."""
        return self.engine.direct(self._work(worker))

    async def _work(self, worker: Worker) -> None:
        vu, session = worker.vu, worker.session
        current_session.set(session)
        who: Identity | None = None
        per_iteration = self.plan.tenant_per == "iteration"
        try:
            while True:
                if per_iteration and vu.iteration:
                    who = self._recast(vu, session, who or self.identity(vu.number))
                step = session.next()
                index = await step if isinstance(step, Pending) else step
                if index is None:
                    return
                # One layer of coroutines, and nothing that a plain end does not need: this is most of what an iteration costs.
                outcome = "completed"
                worker.busy = True
                try:
                    await self.scenarios[index].function(vu)
                except BaseException as error:
                    outcome = self._outcome(error, self.scenarios[index], worker)
                # A script that never waits for anything would starve every other one; a broken one need not spin.
                if not session.done(outcome):
                    await asyncio.sleep(_ERROR_PAUSE_S if outcome == "error" else 0)
                worker.busy = False
                worker.is_spared()
                vu.iteration += 1
        except OutOfData:
            self.out_of_data += 1
        finally:
            if not self.keep_sessions:
                session.close()

    def _recast(self, vu: Vu, session: Session, before: Identity | None) -> Identity | None:
        """Who the virtual user is in its next iteration. Before it asks for one, so that the time this takes is not part of it."""
        who = self.identity(vu.number, vu.iteration)
        if who is not None and before is not None and (who.tenant_index, who.headers) != (before.tenant_index, before.headers):
            session.identify(who.tenant_index, list(who.headers.items()))
        if who is not None:
            recast(vu, who)
        return who

    def _outcome(self, error: BaseException, scenario: Scenario, worker: Worker) -> str:
        """How an iteration ended that raised; raises again what ends its virtual user."""
        session = worker.session
        match error:
            case AppFailure():
                return "failed"
            case asyncio.CancelledError() | KeyboardInterrupt() if worker.is_spared():
                return "interrupted"
            case KeyboardInterrupt():
                # Of `tenantry.interrupts`, because this script keeps the event loop to itself; here it ends no more than this iteration.
                session.done("interrupted")
                raise asyncio.CancelledError from None
            case OutOfData() | asyncio.CancelledError():
                session.done("interrupted")
                raise error
            case Exception() | SystemExit():
                self.errors.add(scenario.name, error, session.now_ns() // NS)
                return "error"
        raise error

    async def call_hook(self, hook: HookFunction, title: str, shared: Any, *, timeout_s: float) -> Any:
        """Run `setup` or `teardown` as virtual user 0; raises TargetError with the place when it fails."""
        identity = self.identity(0)
        session = self._session(0, 0, 0, identity, recorded=False)
        current_session.set(session)
        try:
            async with asyncio.timeout(timeout_s):
                return await hook(self._vu(session, 0, identity, shared))
        except TimeoutError as error:
            raise TargetError(f"{title} did not end within {timeout_s:g} s", where=_location(error.__cause__ or error)) from error
        except (Exception, SystemExit) as error:
            hint = "repair the app, the target or the function; no load was sent" if title == "setup" else "the load itself is complete"
            raise TargetError(f"{title} failed: {_message(error)}", where=_location(error), hint=hint) from error
        finally:
            session.close()
