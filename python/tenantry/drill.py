"""Virtual users without a script, which the engine runs by itself: no Python between two requests."""

from __future__ import annotations

from tenantry.engine import Engine
from tenantry.plan.plan import Plan
from tenantry.scenario.decorators import HookFunction


class Drillers:
    """All virtual users of a plan with a drill; stands where `Workers` stands in other runs."""

    made_late = 0

    def __init__(self, engine: Engine, plan: Plan) -> None:
        self._engine = engine
        self._count = plan.max_vus

    def __len__(self) -> int:
        return self._count

    async def begin(self) -> None:
        """There is no `on_start`."""

    async def end(self, on_stop: HookFunction) -> None:
        """There is no `on_stop`."""

    def close(self) -> None:
        """The engine has closed their connections."""

    async def work(self) -> None:
        """Return when the last virtual user has ended."""
        await self._engine.drill()

    def cut_off(self) -> None:
        """End the running requests now, and the virtual users with them."""
        self._engine.cut_off()
