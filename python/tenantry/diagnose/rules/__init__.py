"""One module per class of bottleneck; each has its `RULE`."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from tenantry.diagnose.rule import Rule


@cache
def rules() -> dict[str, Rule]:
    """All rules by id."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return {name: import_module(f"{__name__}.{name}").RULE for name in names}
