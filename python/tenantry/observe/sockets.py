"""TCP sockets of this machine as /proc/net tells them: who listens, how long its queue is, and which ports lead out."""

from __future__ import annotations

import socket
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_LISTENS = "0A"
_FILES = ("tcp", "tcp6")


class Listener(NamedTuple):
    """A listening socket; `queue` connections wait to be accepted."""

    port: int
    inode: str
    queue: int


def listeners(root: Path, ports: Iterable[int]) -> list[Listener]:
    """The sockets that listen on these ports."""
    wanted = set(ports)
    found = []
    for file in _FILES:
        for words in _lines(root / "proc/net" / file):
            # The kernel lists those that listen first: of ten thousand connections none is read.
            if words[3] != _LISTENS:
                break
            if (port := int(words[1].rpartition(":")[2], 16)) in wanted:
                found.append(Listener(port, words[9], int(words[4].rpartition(":")[2], 16)))
    return found


def most_to_one_place(root: Path, ports: range) -> int:
    """How many local ports of a range are in use towards the one remote address and port that has most of them."""
    places: Counter[str] = Counter()
    for file in _FILES:
        for words in _lines(root / "proc/net" / file):
            if words[3] != _LISTENS and int(words[1].rpartition(":")[2], 16) in ports:
                places[words[2]] += 1
    return max(places.values(), default=0)


def unix_listeners(root: Path, path: str) -> list[str]:
    """The inodes of the sockets bound to a path."""
    with suppress(OSError):
        lines = (root / "proc/net/unix").read_text().splitlines()
        return [words[6] for words in map(str.split, lines) if len(words) >= 8 and words[7] == path]
    return []


def owners(root: Path, inodes: Iterable[str]) -> dict[str, set[int]]:
    """Which processes hold these sockets, as far as their descriptors may be seen."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: defaultdict[str, set[int]] = defaultdict(set)
    if not wanted:
        return found
    for folder in (root / "proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):
            for entry in (folder / "fd").iterdir():
                with suppress(OSError):
                    if (inode := wanted.get(str(entry.readlink()))) is not None:
                        found[inode].add(int(folder.name))
    return found


def is_here(host: str) -> bool:
    """Whether a host name or address leads to this machine: a socket can be bound to it."""
    try:
        addresses = {(family, address[0]) for family, _, _, _, address in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return any(_can_be_bound(family, str(address)) for family, address in addresses)


def _can_be_bound(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _lines(path: Path) -> Iterator[list[str]]:
    with suppress(OSError), path.open() as file:
        next(file, None)
        for line in file:
            words = line.split()
            if len(words) >= 10:
                yield words
