"""Where a script is at the moment. Context variables, so that tasks side by side in one iteration each have their own."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Measuring(Protocol):
    """The part of a session that takes values of metrics."""

    def measure(self, metric: str, value: float, group: str = "", tags: dict[str, str] | None = None, /) -> None: ...


current_group: ContextVar[str] = ContextVar("tenantry group", default="")
# Tags of the groups around; None outside of groups and where none has any.
current_tags: ContextVar[dict[str, str] | None] = ContextVar("tenantry tags", default=None)
current_session: ContextVar[Measuring | None] = ContextVar("tenantry session", default=None)


def current_place() -> tuple[str, dict[str, str] | None]:
    """Group and tags."""
    return current_group.get(), current_tags.get()
