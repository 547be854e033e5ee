"""From `clinic_dataset.py:clinic` on the command line to a dataset."""

from __future__ import annotations

from tenantry.datasets.spec import Dataset
from tenantry.errors import UsageError
from tenantry.scenario.loader import load_module
from tenantry.types import did_you_mean


def load_dataset(spec: str) -> Dataset:
    """The dataset of `file.py:name`, `module:name`, or of a file or module that has only one.

    Raises UsageError when the file cannot be imported or has no such dataset.
    """
    place, _, name = spec.strip().partition(":")
    if not place or (":" in spec and not name):
        raise UsageError(f"{spec!r} names no dataset", hint="write FILE.py:DATASET, for example clinic_dataset.py:clinic")
    module = load_module(place)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Dataset)}
    if name in found:
        return found[name]
    if name:
        raise UsageError(f"there is no dataset named {name!r}", where=place, hint=did_you_mean(name, list(found)))
    if not found:
        raise UsageError("there is no dataset", where=place, hint="make one: clinic = Dataset(name=..., tables={...}, ...)")
    if len({id(dataset) for dataset in found.values()}) > 1:
        raise UsageError(
            f"there are several datasets: {', '.join(found)}", where=place, hint=f"name one, for example {place}:{next(iter(found))}"
        )
    return next(iter(found.values()))
