"""The cores that a benchmark uses, who else was on them, and what the machine is."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# Fields of a cpu line of /proc/stat in which the core did nothing: idle and iowait.
_IDLE = (3, 4)


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server, one for the generator."""

    server: int
    generator: int

    @classmethod
    def choose(cls) -> Cores:
        """The first two cores that this process may use. Raises SystemExit when there are not two."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            raise SystemExit("the benchmarks need two cores: one for the server, one for the generator")
        return cls(server=allowed[0], generator=allowed[1])


def busy_s(core: int) -> float:
    """Seconds since boot that the core was busy with anything, or taken away by the host."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            ticks = [int(field) for field in fields[:8]]
            return (sum(ticks) - sum(ticks[index] for index in _IDLE)) * _TICK_S
    raise SystemExit(f"/proc/stat does not know core {core}")


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def waited_s(pid: int) -> float:
    """Seconds that a process of one thread was ready to run while others had its core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def shape() -> dict[str, object]:
    """What is needed to judge figures later: processor, cores, memory, system, interpreter, commit."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
