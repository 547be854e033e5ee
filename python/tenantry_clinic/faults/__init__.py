"""Switchable bottlenecks: one module each, named as its fault; the app itself knows none of them.

`python -m tenantry_clinic serve --fault NAME[=VALUE]`, or TENANTRY_CLINIC_FAULTS=NAME[=VALUE],...
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from pkgutil import iter_modules

from tenantry_clinic.app import Blueprint
from tenantry_clinic.faults._model import Fault

VARIABLE = "TENANTRY_CLINIC_FAULTS"


def names() -> list[str]:
    """The names of all faults."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def fault(name: str) -> Fault:
    """The fault of this name; ValueError for one that is not known."""
    if name not in names():
        raise ValueError(f"unknown fault {name!r}; the faults are: {', '.join(names())}")
    found: Fault = import_module(f"{__name__}.{name}").fault
    return found


def parse(choices: Iterable[str]) -> dict[str, float]:
    """`["app_pool_small=2", "none"]` as fault and value; ValueError names what is wrong."""
    found: dict[str, float] = {}
    for choice in choices:
        name, equals, value = (part.strip() for part in choice.partition("="))
        found[name] = fault(name).value(value if equals else None)
    return found


def chosen() -> dict[str, float]:
    """The faults of the environment."""
    return parse(choice for choice in os.environ.get(VARIABLE, "").split(",") if choice.strip())


def text(faults: Mapping[str, float]) -> str:
    """The value of TENANTRY_CLINIC_FAULTS for these faults."""
    return ",".join(f"{name}={value:g}" for name, value in faults.items())


def change(blueprint: Blueprint, faults: Mapping[str, float]) -> None:
    """Build the faults into an app."""
    for name, value in faults.items():
        fault(name).app(blueprint, value)
