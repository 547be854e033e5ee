"""Switchable bottlenecks: one module each, named as its fault; the app itself knows none of them.

`python -m tenantry_clinic serve --fault NAME[=VALUE]`, or TENANTRY_CLINIC_FAULTS=NAME[=VALUE],...
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from tenantry_clinic.app import Blueprint
from tenantry_clinic.faults._model import Fault

VARIABLE = "TENANTRY_CLINIC_FAULTS"
LOADS = f"{__name__}._loads"


def names() -> list[str]:
    """The names of all faults."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def fault(name: str) -> Fault:
    """The fault of this name; ValueError for one that is not known."""
    if name not in names():
        near = get_close_matches(name, names(), n=3)
        meant = f"did you mean {' or '.join(near)}?" if near else f"the faults are: {', '.join(names())}"
        raise ValueError(f"there is no fault {name!r}; {meant}")
    found: Fault = import_module(f"{__name__}.{name}").fault
    return found


def parse(choices: Iterable[str]) -> dict[str, float]:
    """`["app_pool_small=2", "none"]` as fault and value; ValueError names everything that is wrong."""
    found: dict[str, float] = {}
    wrong: list[str] = []
    for choice in choices:
        name, equals, value = (part.strip() for part in choice.partition("="))
        try:
            known = fault(name)
        except ValueError as error:
            wrong.append(str(error))
            continue
        try:
            found[name] = known.value(value if equals else None)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


def chosen() -> dict[str, float]:
    """The faults of the environment."""
    return parse(choice for choice in os.environ.get(VARIABLE, "").split(",") if choice.strip())


def text(faults: Mapping[str, float]) -> str:
    """The value of TENANTRY_CLINIC_FAULTS for these faults."""
    return ",".join(f"{name}={value!r}" if fault(name).parameter else name for name, value in faults.items())


def server(faults: Mapping[str, float]) -> dict[str, str]:
    """The settings with which Postgres has to start."""
    return {name: setting for each, value in faults.items() for name, setting in fault(each).server(value).items()}


def change(blueprint: Blueprint, faults: Mapping[str, float]) -> None:
    """Build the faults into an app."""
    for name, value in faults.items():
        fault(name).app(blueprint, value)
