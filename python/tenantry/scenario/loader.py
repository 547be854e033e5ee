"""From `clinic.py:mixed` on the command line to a workload, with every fault of the user's file told in its own terms."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from tenantry.errors import TenantryError, UsageError
from tenantry.plan.declared import Declared, collecting
from tenantry.scenario.decorators import HookFunction, Scenario, hook_faults, hook_mark
from tenantry.scenario.workload import Workload, named
from tenantry.types import Location, did_you_mean

_DECLARED = "__tenantry_declared__"


def load_workload(spec: str) -> Workload:
    """The workload of `file.py:name`, `module:name`, or of a file or module that has only one.

    Raises UsageError when the file cannot be imported or has no such workload. What is wrong inside the workload is noted in its `faults`;
    `Workload.plan` raises that.
    """
    place, _, name = spec.strip().partition(":")
    if not place or (":" in spec and not name):
        raise UsageError(f"{spec!r} names no workload", hint="write FILE.py:WORKLOAD, for example clinic.py:mixed")
    with collecting() as declared:
        module = load_module(place)
    declared = _remembered(module, declared)
    name, found = _find(module, place, name)
    homes = [sys.modules.get(scenario.function.__module__) for scenario in found.scenarios.values()]
    hooks, faults = _hooks(module, _module_of(found.location.file), *homes)
    faults += [fault for thing in declared for fault in thing.faults]
    return named(found, name, hooks, declared, faults)


def _remembered(module: ModuleType, declared: list[Declared]) -> list[Declared]:
    """What the module and those it imports declare; a module that was imported before declares nothing again."""
    kept: list[Declared] = vars(module).setdefault(_DECLARED, declared)
    return kept


def load_module(place: str) -> ModuleType:
    """The module of a file or an installed module; raises UsageError, with file and line, when it cannot be imported."""
    return _import_file(Path(place)) if is_file(place) else _import_module(place)


def is_file(place: str) -> bool:
    """Whether a place is the path of a file rather than the name of a module."""
    return place.endswith(".py") or "/" in place or Path(place).is_dir()


def _import_file(path: Path) -> ModuleType:
    if path.is_dir():
        raise UsageError("this is a folder, not a scenario file", where=str(path), hint=_scenario_files(path, path / "clinic.py"))
    if not path.is_file():
        raise UsageError("there is no such file", where=str(path), hint=_scenario_files(path.parent, path))
    path = path.resolve()
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    known = sys.modules.get(path.stem)
    own = known is None or getattr(known, "__file__", None) == str(path)
    title = path.stem if own else f"tenantry_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(title, path, loader=_FromSource(title, str(path)))
    if spec is None or spec.loader is None:
        raise UsageError("this is not a Python file", where=str(path), hint="a scenario file ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(title, None)
        raise _told(error, path) from error
    return module


class _FromSource(SourceFileLoader):
    """Never from stored bytecode: whether that is current is told by whole seconds and sizes, and a file may change twice in one second."""

    def path_stats(self, path: str) -> NoReturn:
        raise OSError(f"{path} is read from its source")


def _import_module(title: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(title)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        hint = f"write {title}.py for a file" if Path(f"{title}.py").is_file() else "give FILE.py:WORKLOAD or an installed MODULE:WORKLOAD"
        raise UsageError(f"there is no module named {title!r}", hint=hint)
    try:
        return importlib.import_module(title)
    except (Exception, SystemExit) as error:
        raise _told(error, Path(spec.origin or title)) from error


def _scenario_files(folder: Path, wanted: Path) -> str:
    files = sorted(path.name for path in folder.glob("*.py")) if folder.is_dir() else []
    if not files:
        return "give the path of a scenario file, for example clinic.py"
    return did_you_mean(wanted.name, files[:20])


def _told(error: BaseException, path: Path) -> TenantryError:
    """The fault of the user's file as one message with file, line and the line itself."""
    if isinstance(error, SyntaxError):
        place = Location(error.filename or str(path), error.lineno or 0)
        return UsageError(f"syntax error: {error.msg}{_excerpt(error)}", where=str(place), hint="repair that line")
    if isinstance(error, TenantryError):
        return error if error.where else UsageError(error.what, where=str(_place(error, path)), hint=error.hint)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hint = (
        "install it, or put it beside the scenario file" if isinstance(error, ModuleNotFoundError) else "--debug shows the whole traceback"
    )
    return UsageError(f"the file cannot be imported: {message}", where=str(_place(error, path)), hint=hint)


def _place(error: BaseException, path: Path) -> Location:
    """The deepest line of the traceback that lies in the folder of the user's file, but not in an installed package."""
    folder = path.resolve().parent
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder) and "site-packages" not in frame.filename]
    return Location(own[-1].filename, own[-1].lineno or 0) if own else Location(str(path), 1)


def _excerpt(error: SyntaxError) -> str:
    """The line and a caret under the place."""
    if not error.text:
        return ""
    line = error.text.rstrip("\n").expandtabs(1)
    bare = line.lstrip()
    column = max((error.offset or 1) - 1 - (len(line) - len(bare)), 0)
    return f"\n    {bare}\n    {' ' * column}^"


def _find(module: ModuleType, place: str, name: str) -> tuple[str, Workload]:
    workloads = {key: value for key, value in vars(module).items() if isinstance(value, Workload)}
    if name in workloads:
        return name, workloads[name]
    if name:
        raise _not_found(module, place, name, list(workloads))
    distinct = {id(value): key for key, value in reversed(workloads.items())}
    if len(distinct) == 1:
        return next((key, workloads[key]) for key in distinct.values())
    if not workloads:
        raise UsageError("there is no workload", where=place, hint="make one: mixed = workload(mix({...}), PROFILE)")
    raise UsageError(
        f"there are several workloads: {', '.join(workloads)}", where=place, hint=f"name one, for example {place}:{next(iter(workloads))}"
    )


def _not_found(module: ModuleType, place: str, name: str, workloads: list[str]) -> UsageError:
    other = getattr(module, name, None)
    if isinstance(other, Scenario):
        return UsageError(
            f"{name} is a scenario, not a workload", where=place, hint=f'make a workload of it: workload({name}, constant_vus(1, "10s"))'
        )
    if other is not None:
        return UsageError(f"{name} is a {type(other).__name__}, not a workload", where=place, hint=did_you_mean(name, workloads))
    return UsageError(f"there is no workload named {name!r}", where=place, hint=did_you_mean(name, workloads))


def _module_of(file: str) -> ModuleType | None:
    """The imported module that a file is."""
    return next((module for module in list(sys.modules.values()) if getattr(module, "__file__", None) == file), None)


def _hooks(*modules: ModuleType | None) -> tuple[Mapping[str, HookFunction], list[UsageError]]:
    """The hooks of the first module that has any, by kind, and what is wrong with them."""
    hooks: dict[str, HookFunction] = {}
    faults: list[UsageError] = []
    for module in modules:
        if module is None or hooks:
            continue
        for function in list(vars(module).values()):
            mark = hook_mark(function)
            if mark is None or hooks.get(mark.kind) is function:
                continue
            kind = mark.kind
            if kind in hooks:
                title = getattr(module, "__file__", None) or module.__name__
                faults.append(UsageError(f"there are two {kind} functions", where=str(title), hint="keep one, and let it call the other"))
            hooks[kind] = function
            faults += hook_faults(kind, function)
    return hooks, faults
