"""What the load processes of a run say to each other: the first one leads, each of the others has a line to it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tenantry.errors import TenantryError
from tenantry.plan.plan import Plan
from tenantry.scenario.workload import Workload
from tenantry.types import Progress

Buckets = list[tuple[int, int]]
Acts = Mapping[type, Callable[[Any], None]]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The share of a process: its plan, the workload (or where to load it from), and its folder.

    `feeders` are the fingerprints of the feeders' rows in the leading process, so that all hand out parts of the same rows.
    """

    plan: Plan
    workload: str | Workload
    folder: Path
    feeders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The workload is loaded, the engine runs."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Make the virtual users, with what `setup` returned, and run their `on_start`."""

    shared: Any


@dataclass(frozen=True, slots=True)
class Begun:
    """The virtual users wait for the start; `lead_s` is how long they need before it."""

    note: str | None
    lead_s: float


@dataclass(frozen=True, slots=True)
class Start:
    """The start of the load on the machine's clock."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The figures of the moment, the distributions of their times, and why the folder could not be written, if so."""

    progress: Progress
    response: Buckets
    start_delay: Buckets
    fault: str | None


@dataclass(frozen=True, slots=True)
class Control:
    """An order for the engine."""

    order: bytes


@dataclass(frozen=True, slots=True)
class Stop:
    """No new iterations."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """End the running iterations now."""


@dataclass(frozen=True, slots=True)
class Worked:
    """The last iteration has ended."""

    load_end_ns: int | None
    out_of_data: int
    made_late: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Run `on_stop` (`hooks`), within its time-out for all together if `hurried`; then close everything."""

    hooks: bool
    hurried: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """Everything is closed and on disk."""

    note: str | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot go on, for a reason that a user can act on."""

    error: TenantryError


def send(line: Connection, message: object) -> None:
    """Say something; nobody hears it when the other side is gone. Raises what `pickle` does for values that cannot be sent."""
    raw = pickle.dumps(message)
    with suppress(OSError):
        line.send_bytes(raw)


def hear(line: Connection, act: Acts, lost: Callable[[], None]) -> None:
    """Hand every message that has arrived to the function for its type; `lost` when the other side is gone."""
    try:
        while line.poll():
            message = pickle.loads(line.recv_bytes())
            act[type(message)](message)
    except (EOFError, OSError):
        lost()
