"""Single processes and their families, as /proc tells them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tenantry.observe.kernel import TICKS, text

_PAGE = os.sysconf("SC_PAGE_SIZE")
# Their places in /proc/PID/stat after the name, which stands in parentheses and may contain anything.
_PARENT, _THREADS, _RESIDENT = 1, 17, 21
_OWN, _REAPED = (11, 12), (13, 14)


class Process(NamedTuple):
    """A process at one moment. `reaped_s` is the time of its children that have ended: a family loses none when one of it goes."""

    pid: int
    parent: int
    name: str
    cpu_s: float
    reaped_s: float
    threads: int
    resident_bytes: int


def process(root: Path, pid: int) -> Process | None:
    """The process, unless it has gone."""
    head, _, tail = text(f"{root}/proc/{pid}/stat").rpartition(")")
    words = tail.split()
    try:
        own, reaped = (sum(int(words[place]) for place in places) / TICKS for places in (_OWN, _REAPED))
        return Process(pid, int(words[_PARENT]), head.partition("(")[2], own, reaped, int(words[_THREADS]), int(words[_RESIDENT]) * _PAGE)
    except (IndexError, ValueError):
        return None


def everybody(root: Path) -> dict[int, Process]:
    """All processes."""
    numbers = (int(folder.name) for folder in (root / "proc").iterdir() if folder.name.isdigit())
    return {pid: found for pid in numbers if (found := process(root, pid)) is not None}


def family(roots: Iterable[int], known: Mapping[int, Process], *, but: Iterable[int] = ()) -> set[int]:
    """Those of `roots` that live, and what descends from them; nothing of `but`, nor below it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for each in known.values():
        children[each.parent].append(each.pid)
    found: set[int] = set()
    barred = set(but)
    waiting = [pid for pid in roots if pid in known]
    while waiting:
        pid = waiting.pop()
        if pid not in found and pid not in barred:
            found.add(pid)
            waiting += children[pid]
    return found


def named(known: Mapping[int, Process], names: Iterable[str]) -> list[int]:
    """The heads of the families of that name: processes whose parent has another one."""
    wanted = set(names)

    def is_head(each: Process) -> bool:
        parent = known.get(each.parent)
        return each.name in wanted and (parent is None or parent.name not in wanted)

    return sorted(each.pid for each in known.values() if is_head(each))


def switches(root: Path, pid: int) -> tuple[float, float] | None:
    """How often the first thread of a process gave up its core, and how often it was taken from it."""
    counts = _fields(root, pid, "status", ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"), lambda rest: rest.strip())
    return (counts[0], counts[1]) if len(counts) == 2 else None


def open_files(root: Path, pid: int) -> float | None:
    """How many descriptors are open; None where that may not be seen."""
    folder = root / "proc" / str(pid) / "fd"
    with suppress(OSError):
        # Since Linux 6.2 the size of the folder; before that 0.
        return float(folder.stat().st_size or sum(1 for _ in folder.iterdir()))
    return None


def most_files(root: Path, pid: int) -> float | None:
    """How many descriptors it may open."""
    limits = _fields(root, pid, "limits", ("Max open files",), lambda rest: rest.split()[0])
    return limits[0] if limits else None


def _fields(root: Path, pid: int, file: str, names: Iterable[str], word: Callable[[str], str]) -> list[float]:
    lines = text(f"{root}/proc/{pid}/{file}").splitlines()
    told = [word(line.removeprefix(name).lstrip(": \t")) for name in names for line in lines if line.startswith(name)]
    return [float(each) for each in told if each.isdigit()]
