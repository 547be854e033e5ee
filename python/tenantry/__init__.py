"""Load testing for multi-tenant web apps on Postgres.

The names below are all that a scenario file needs; each is imported when it is first used, so that `import tenantry` costs nothing.
"""

from __future__ import annotations

import sys
from types import ModuleType

# What typing.TYPE_CHECKING says, without the 6 ms that importing it takes.
TYPE_CHECKING = False

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tenantry.errors import AppFailure, CheckFailed, RequestFailed, TenantryError, UsageError
    from tenantry.plan.profiles import (
        constant_rate,
        constant_vus,
        per_vu_iterations,
        poisson_rate,
        ramping_rate,
        ramping_vus,
        shared_iterations,
    )
    from tenantry.scenario.decorators import Scenario, on_start, on_stop, scenario, setup, teardown
    from tenantry.scenario.loader import load_workload
    from tenantry.scenario.population import Row
    from tenantry.scenario.session import Response
    from tenantry.scenario.vu import Vu
    from tenantry.scenario.workload import Workload, mix, workload

__all__ = [
    "AppFailure",
    "CheckFailed",
    "RequestFailed",
    "Response",
    "Row",
    "Scenario",
    "TenantryError",
    "UsageError",
    "Vu",
    "Workload",
    "__version__",
    "constant_rate",
    "constant_vus",
    "load_workload",
    "mix",
    "on_start",
    "on_stop",
    "per_vu_iterations",
    "poisson_rate",
    "ramping_rate",
    "ramping_vus",
    "scenario",
    "setup",
    "shared_iterations",
    "teardown",
    "workload",
]

_HOMES = {
    "tenantry.errors": ("AppFailure", "CheckFailed", "RequestFailed", "TenantryError", "UsageError"),
    "tenantry.plan.closed": ("constant_vus", "per_vu_iterations", "ramping_vus", "shared_iterations"),
    "tenantry.plan.open": ("constant_rate", "poisson_rate", "ramping_rate"),
    "tenantry.scenario.decorators": ("Scenario", "on_start", "on_stop", "scenario", "setup", "teardown"),
    "tenantry.scenario.loader": ("load_workload",),
    "tenantry.scenario.population": ("Row",),
    "tenantry.scenario.session": ("Response",),
    "tenantry.scenario.vu": ("Vu",),
    "tenantry.scenario.workload": ("Workload", "mix", "workload"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


class _Package(ModuleType):
    """`tenantry.scenario` is the decorator, although a package of that name exists: importing the package must not take the name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


if not TYPE_CHECKING:
    # Unseen by type checkers, which would take it to mean that every name exists.
    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
