"""A database access that now and then does not end what it has begun."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from tenantry_clinic.db import UNAVAILABLE, Database
from tenantry_clinic.settings import Settings

if TYPE_CHECKING:
    from tenantry_clinic.db import Pool


class Forgetful(Database):
    """Subclasses hand to `slip` what a healthy app would end."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.uses_per_slip = 1
        self._uses = 0
        self._forgotten: list[AsyncExitStack] = []

    def slip(self, ending: AsyncExitStack) -> None:
        """Take away the ending of one use in so many: the block around it then ends nothing."""
        self._uses += 1
        if self._uses % self.uses_per_slip == 0:
            self._forgotten.append(ending.pop_all())

    async def end_all(self) -> None:
        """End what was forgotten; the pool cannot close before."""
        for ending in self._forgotten:
            with suppress(*UNAVAILABLE):
                await ending.aclose()


def opening(kind: type[Forgetful], uses_per_slip: int) -> Callable[..., AbstractAsyncContextManager[Database]]:
    """An `open_database` of that kind."""

    @asynccontextmanager
    async def open_database(settings: Settings, **options: Any) -> AsyncIterator[Database]:
        async with kind.connect(settings, **options) as database:
            database.uses_per_slip = uses_per_slip
            try:
                yield database
            finally:
                await database.end_all()

    return open_database
