"""What Linux tells of the machine in /proc and /sys, under a root folder that is given; what a kernel does not have is left out."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from tenantry.observe import cgroup
from tenantry.observe.kernel import TICKS, text
from tenantry.observe.sockets import most_to_one_place

Values = dict[tuple[str, str], float]

_SECTOR = 512
_KB = 1024
_MOST_DEVICES = 32
_CPU = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_BUSY = ("user", "nice", "system", "irq", "softirq")
_RUN = {"procs_running": "cpu.runnable", "procs_blocked": "cpu.blocked", "ctxt": "cpu.context_switches"}
_MEMORY = {
    "MemTotal": "memory.total_bytes",
    "MemAvailable": "memory.available_bytes",
    "SwapTotal": "swap.total_bytes",
    "SwapFree": "swap.free_bytes",
    "Dirty": "memory.dirty_bytes",
}
_PAGES = {
    "pgmajfault": "memory.major_faults",
    "oom_kill": "memory.oom_kills",
    "pswpin": "swap.in_pages",
    "pswpout": "swap.out_pages",
}
# Of nearly two hundred lines.
_COUNT = re.compile(rf"^({'|'.join(_PAGES)}) (\d+)$", re.MULTILINE)
# By their place in a line of /proc/diskstats after the name: https://docs.kernel.org/admin-guide/iostats.html
_DISK = {0: "reads", 2: "read_bytes", 3: "read_ms", 4: "writes", 6: "written_bytes", 7: "write_ms", 8: "in_flight", 9: "busy_ms"}
_NOT_A_DISK = re.compile(r"loop|ram|zram|fd|sr")
_NETWORK = {0: "received_bytes", 2: "receive_errors", 3: "receive_dropped", 8: "sent_bytes", 10: "send_errors", 11: "send_dropped"}
_TCP = {
    "Tcp": {
        "OutSegs": "tcp.sent",
        "RetransSegs": "tcp.retransmitted",
        "AttemptFails": "tcp.failed_attempts",
        "OutRsts": "tcp.resets_sent",
        "CurrEstab": "tcp.established",
    },
    "TcpExt": {"ListenOverflows": "tcp.listen_overflows", "ListenDrops": "tcp.listen_drops", "TCPTimeouts": "tcp.timeouts"},
}


def machine(root: Path) -> Values:
    """All that one reading takes."""
    values: Values = {}
    for part in (processor, memory, pressure, disks, network, tcp):
        values |= part(root)
    values |= {(f"cgroup.{name}", ""): value for name, value in cgroup.read(root, "self").items()}
    return values


def processor(root: Path) -> Values:
    """Seconds of all cores since the machine's start, and how many processes want one now."""
    values: Values = {}
    cores = 0
    for name, *words in _lines(text(root / "proc/stat")):
        if name == "cpu":
            seconds = dict(zip(_CPU, (float(word) / TICKS for word in words), strict=False))
            values["cpu.busy_s", ""] = sum(seconds.get(part, 0.0) for part in _BUSY)
            values |= {(f"cpu.{part}_s", ""): seconds[part] for part in ("idle", "iowait", "steal") if part in seconds}
        elif name.startswith("cpu"):
            cores += 1
        elif name in _RUN:
            values[_RUN[name], ""] = float(words[0])
    return values | ({("cpu.cores", ""): float(cores)} if cores else {})


def memory(root: Path) -> Values:
    """Bytes of memory and swap, and how often a page had to come from a disk."""
    sizes = {name.rstrip(":"): float(words[0]) * _KB for name, *words in _lines(text(root / "proc/meminfo"))}
    counts = {name: float(count) for name, count in _COUNT.findall(text(root / "proc/vmstat"))}
    return _named(_MEMORY, sizes) | _named(_PAGES, counts)


def pressure(root: Path) -> Values:
    """Pressure stall information: microseconds in which some, or all, tasks waited, and their share of the last ten seconds in percent."""
    values: Values = {}
    for kind in ("cpu", "io", "memory"):
        for who, *words in _lines(text(root / "proc/pressure" / kind)):
            told = dict(word.split("=", 1) for word in words if "=" in word)
            values[f"psi.{kind}.{who}_us", ""] = float(told.get("total", 0))
            values[f"psi.{kind}.{who}_avg10", ""] = float(told.get("avg10", 0))
    return values


def disks(root: Path) -> Values:
    """What each disk did, and for how long it was busy."""
    values: Values = {}
    whole = root / "sys/block"
    for _major, _minor, device, *words in _lines(text(root / "proc/diskstats"), least=13):
        is_part = whole.is_dir() and not (whole / device).exists()
        if is_part or _NOT_A_DISK.match(device) or words[0] == words[4] == "0":
            continue
        for place, name in _DISK.items():
            values[f"disk.{name}", device] = float(words[place]) * (_SECTOR if name.endswith("_bytes") else 1)
    return values


def network(root: Path) -> Values:
    """Bytes, errors and drops of the interfaces that carried most."""
    found = []
    for line in text(root / "proc/net/dev").splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) >= 12:
            found.append((float(words[0]) + float(words[8]), name.strip(), words))
    found.sort(reverse=True)
    return {
        (f"net.{what}", name): float(words[place])
        for total, name, words in found[:_MOST_DEVICES]
        if total
        for place, what in _NETWORK.items()
    }


def tcp(root: Path) -> Values:
    """What the kernel counts of TCP: segments sent again, connections that found the queue of a listener full."""
    values: Values = {}
    for file in ("snmp", "netstat"):
        for protocol, told in _pairs(text(root / "proc/net" / file), _TCP):
            values |= _named(_TCP[protocol], told)
    for name, *words in _lines(text(root / "proc/net/sockstat")):
        if name == "TCP:":
            sizes = dict(zip(words[::2], words[1::2], strict=False))
            values |= {(f"tcp.{new}", ""): float(sizes[old]) for old, new in (("inuse", "in_use"), ("tw", "time_wait")) if old in sizes}
    return values


def ports(root: Path) -> Values:
    """How many ephemeral ports there are, and how many of them lead to the one place that has most: for each place all may be used."""
    words = text(root / "proc/sys/net/ipv4/ip_local_port_range").split()
    if len(words) != 2:
        return {}
    lowest, highest = (int(word) for word in words)
    used = most_to_one_place(root, range(lowest, highest + 1))
    return {("ports.range", ""): float(highest - lowest + 1), ("ports.in_use", ""): float(used)}


def _lines(content: str, *, least: int = 2) -> Iterator[list[str]]:
    return (words for words in map(str.split, content.splitlines()) if len(words) >= least)


def _named(names: Mapping[str, str], told: Mapping[str, float]) -> Values:
    return {(new, ""): told[old] for old, new in names.items() if old in told}


def _pairs(content: str, wanted: Container[str]) -> Iterator[tuple[str, dict[str, float]]]:
    """A line of names is followed by one of their values; those of the protocols that are wanted."""
    lines = content.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        protocol, _, words = names.partition(":")
        if protocol in wanted:
            yield protocol, dict(zip(words.split(), map(float, values.split()[1:]), strict=False))


def facts(root: Path) -> dict[str, object]:
    """What does not change: cores, memory, kernel, and what the control groups of this process allow."""
    cores, sizes = processor(root), memory(root)
    return {
        "cores": cores.get(("cpu.cores", "")),
        "memory_bytes": sizes.get(("memory.total_bytes", "")),
        "kernel": text(root / "proc/sys/kernel/osrelease").strip(),
        "pressure": (root / "proc/pressure/cpu").exists(),
        "cgroup": cgroup.read(root, "self"),
    }
