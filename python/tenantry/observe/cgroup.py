"""What the control groups of a process allow it, and how often they held it back: version 2, and version 1 where that is mounted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tenantry.observe.kernel import text

_ROOT = "sys/fs/cgroup"
# Memory "without a limit" is this or more.
_NO_LIMIT = 1 << 60


def read(root: Path, process: str) -> dict[str, float]:
    """What the groups of a process tell, see `limits`."""
    return limits(root, memberships(root, process))


def memberships(root: Path, process: str) -> str:
    """The groups that a process is in, as the kernel lists them."""
    return text(f"{root}/proc/{process}/cgroup")


def limits(root: Path, groups: str) -> dict[str, float]:
    """`throttled` (times) and `throttled_us`, of these groups and all around them; `quota_cores` and `memory_limit_bytes` of the
    tightest one, and the `memory_bytes` used in that. What is not limited is not there."""
    values: dict[str, float] = {}
    for folder in _folders(root, groups):
        told = _numbers(f"{folder}/cpu.stat")
        values["throttled"] = values.get("throttled", 0.0) + told.get("nr_throttled", 0.0)
        throttled_us = told.get("throttled_usec", told.get("throttled_time", 0.0) / 1e3)
        values["throttled_us"] = values.get("throttled_us", 0.0) + throttled_us
        _tighten(values, "quota_cores", _quota(folder))
        limit = _number(f"{folder}/memory.max", f"{folder}/memory.limit_in_bytes")
        if _tighten(values, "memory_limit_bytes", limit if limit is not None and limit < _NO_LIMIT else None):
            values["memory_bytes"] = _number(f"{folder}/memory.current", f"{folder}/memory.usage_in_bytes") or 0.0
    return values


def _folders(root: Path, groups: str) -> Iterator[Path]:
    """From the groups up to the root of what is mounted here; in a container that is often all there is."""
    seen = set()
    for line in groups.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers not in ("", "memory") and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path.lstrip("/"))
        for part in (own, *own.parents):
            folder = root / _ROOT / controllers / part if ".." not in part.parts else root / _ROOT / controllers
            if folder not in seen and folder.is_dir():
                seen.add(folder)
                yield folder


def _quota(folder: Path) -> float | None:
    """How many cores' worth of time a group may use."""
    words = text(f"{folder}/cpu.max").split()
    if len(words) != 2:
        words = [text(f"{folder}/cpu.cfs_quota_us").strip(), text(f"{folder}/cpu.cfs_period_us").strip()]
    quota, period = words
    return float(quota) / float(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _tighten(values: dict[str, float], name: str, limit: float | None) -> bool:
    if limit is None or values.get(name, limit + 1) <= limit:
        return False
    values[name] = limit
    return True


def _numbers(path: str) -> dict[str, float]:
    pairs = (line.split() for line in text(path).splitlines())
    return {words[0]: float(words[1]) for words in pairs if len(words) == 2}


def _number(*paths: str) -> float | None:
    found = next((word for path in paths if (word := text(path).strip())), "")
    return float(found) if found.isdigit() else None
