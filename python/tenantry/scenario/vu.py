"""The virtual user that a scenario is given."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from contextvars import Token
from random import Random
from time import perf_counter
from types import MappingProxyType, TracebackType
from typing import Any

from tenantry.errors import UsageError
from tenantry.metrics.builtin import GROUP_DURATION
from tenantry.metrics.declare import all_tags
from tenantry.metrics.place import current_group, current_tags
from tenantry.scenario.http import Http
from tenantry.scenario.population import Identity, Population, Row
from tenantry.scenario.session import Session

NO_ENV: Mapping[str, Any] = MappingProxyType({})


class Vu(Http):
    """One virtual user: it asks, checks, pauses, and acts as one user of one tenant.

    `number` is unique in the run, from 1 (0 in setup and teardown); `iteration` counts this virtual user's iterations from 0;
    `shared` is what `setup` returned; `env` is what `scenario.at(..., env={...})` gave this scenario.
    """

    __slots__ = ("_check", "_identity", "_population", "_rng", "_rng_seed", "env", "iteration", "number", "shared")

    def __init__(
        self,
        session: Session,
        *,
        number: int = 0,
        rng_seed: int = 0,
        population: Population | None = None,
        identity: Identity | None = None,
        shared: Any = None,
        env: Mapping[str, Any] = NO_ENV,
    ) -> None:
        super().__init__(session)
        self._check = session.check
        self._population = population
        self._identity = identity
        self._rng: Random | None = None
        self._rng_seed = rng_seed
        self.number = number
        self.iteration = 0
        self.shared = shared
        self.env = env

    @property
    def rng(self) -> Random:
        """This virtual user's own random numbers, the same in every run with the same `rng_seed`."""
        # Made on demand: the state takes 2.5 KB, and many scenarios never ask.
        if self._rng is None:
            self._rng = Random(f"vu {self._rng_seed} {self.number}")
        return self._rng

    @property
    def tenant(self) -> Row:
        """The tenant's row of the population. Raises UsageError when the workload has no dataset."""
        return self._who("vu.tenant").tenant

    @property
    def user(self) -> Row:
        """The user's row of the population. Raises UsageError when the workload has no dataset."""
        return self._who("vu.user").user

    @property
    def population(self) -> Population:
        """The rows of all tenants, by arithmetic; tenants count from 0. Raises UsageError when the workload has no dataset."""
        self._who("vu.population")
        assert self._population is not None
        return self._population

    def pick(self, table: str, /, **where: Any) -> Row:
        """A random row of this tenant's `table`, computed without asking the database; `where` gives values that its columns must have."""
        who = self._who("vu.pick")
        assert self._population is not None
        return self._population.pick(who.tenant_index, table, self.rng, **where)

    def use_headers(self, headers: Mapping[str, str], /) -> None:
        """Send these with every request from now on, beside those of the user's identity: a token that a log-in gave, for example.

        They end where the virtual user begins to act as another user.
        """
        who = self._identity
        own = {name.lower(): value for name, value in (who.headers if who is not None else {}).items()}
        own |= {name.lower(): value for name, value in headers.items()}
        self._session.identify(who.tenant_index if who is not None else -1, list(own.items()))

    def check(self, name: str, ok: bool) -> bool:
        """Count whether `ok` holds, and return it; the iteration goes on either way."""
        held = ok if ok is True or ok is False else _truth(name, ok)
        group = current_group.get()
        if group:
            self._check(name, held, group, current_tags.get())
        else:
            self._check(name, held)
        return held

    def group(self, name: str, *, tags: Mapping[str, str] | None = None) -> Group:
        """`with vu.group("checkout"):` puts requests, checks and values of metrics into that group; groups nest as `outer/inner`.

        How long the block took is a value of the metric `group_duration`. `tags` hold for everything inside.
        """
        return Group(self._session, name, tags)

    def pause(self, low: float, high: float | None = None) -> Coroutine[Any, Any, None]:
        """Wait `low` seconds, or a random time from `low` to `high` seconds."""
        if low < 0 or (high is not None and high < low):
            raise UsageError(f"vu.pause({low}, {high}) is not a span of time", hint="write vu.pause(1) or vu.pause(1, 3)")
        return self._session.pause(low if high is None else self.rng.uniform(low, high))

    def _who(self, what: str) -> Identity:
        if self._identity is None:
            raise UsageError(f"{what} needs a population", hint="give the workload one: workload(..., dataset=...)")
        return self._identity


class Group:
    """The context manager of `vu.group`."""

    __slots__ = ("_began", "_name", "_session", "_tags", "_tokens")

    def __init__(self, session: Session, name: str, tags: Mapping[str, str] | None) -> None:
        self._session = session
        self._name = name
        self._tags = tags
        self._tokens: tuple[Token[str], Token[dict[str, str] | None]] | None = None
        self._began = 0.0

    def __enter__(self) -> None:
        outer = current_group.get()
        tags = all_tags(self._tags)
        self._tokens = current_group.set(f"{outer}/{self._name}" if outer else self._name), current_tags.set(tags)
        self._began = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._tokens is None:
            return
        # A block that the run cut off says nothing about the app.
        if kind is None or issubclass(kind, Exception):
            self._session.measure(GROUP_DURATION, perf_counter() - self._began, current_group.get(), current_tags.get())
        group, tags = self._tokens
        current_tags.reset(tags)
        current_group.reset(group)


def recast(vu: Vu, identity: Identity) -> None:
    """From now on the virtual user acts as another user."""
    vu._identity = identity


def _truth(name: str, ok: object) -> bool:
    if callable(ok) or hasattr(ok, "__await__"):
        raise UsageError(f"the check {name!r} was given a {type(ok).__name__}, which always holds", hint="give its result, True or False")
    return bool(ok)
