"""The machine that the observer runs on, once a second."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from tenantry.observe.linux import machine, ports
from tenantry.observe.probe import Blind, Pace
from tenantry.observe.recorder import Recorder

_PORTS_S = 5.0


@dataclass
class Host:
    """Reads /proc: processor, memory, pressure, disks, network, control groups. Counters are written as they are."""

    recorder: Recorder
    root: Path = Path("/")
    name: str = "host"
    every_s: float = 1.0
    notes: list[str] = field(default_factory=list)
    # With ten thousand connections their list takes a while.
    _ports: Pace = field(default_factory=lambda: Pace(_PORTS_S))

    def open(self) -> None:
        if not (self.root / "proc/stat").exists():
            raise Blind("this system has no /proc: processor, memory, disks and network are not watched")

    def close(self) -> None:
        """There is nothing to let go of."""

    def read(self) -> None:
        at_ns = self.recorder.now_ns()
        values = machine(self.root)
        with self._ports.turn(time.monotonic()) as due:
            values |= ports(self.root) if due else {}
        self.recorder.readings(at_ns, self.name, values)
