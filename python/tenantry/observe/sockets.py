"""TCP sockets of this machine as the kernel tells them: who listens, how long its queue is, and which ports lead out."""

from __future__ import annotations

import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_LISTENS = "0A"
_FILES = {socket.AF_INET: "tcp", socket.AF_INET6: "tcp6"}
# https://man7.org/linux/man-pages/man7/sock_diag.7.html: a header of netlink, then what is asked for; the answer is such messages in turn.
_HEADER, _REQUEST, _ANSWER = struct.Struct("=IHHII"), struct.Struct("=BBxxI48x"), struct.Struct("=4x2s46x4xI8xI")
_NETLINK_SOCK_DIAG, _SOCK_DIAG, _DUMP, _DONE, _ERROR = 4, 20, 0x301, 3, 2
_IN_LISTEN = 1 << int(_LISTENS, 16)
_ANSWER_S = 1.0
_HERE = Path("/")


class Listener(NamedTuple):
    """A listening socket; `queue` connections wait to be accepted."""

    port: int
    inode: str
    queue: int


def listeners(root: Path, ports: Iterable[int]) -> list[Listener]:
    """The sockets that listen on these ports."""
    wanted = set(ports)
    return [each for family in _FILES for each in _listening(root, family) if each.port in wanted]


def _listening(root: Path, family: socket.AddressFamily) -> list[Listener]:
    """All of a family. Asked for those alone the kernel does not go through its table of connections: that takes fifty times as long."""
    if root == _HERE:
        with suppress(OSError):
            return list(_asked(family))
    return list(_listed(root / "proc/net" / _FILES[family]))


def _asked(family: socket.AddressFamily) -> Iterator[Listener]:
    """Those of this machine. Raises OSError where the kernel does not answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(_ANSWER_S)
        request = _REQUEST.pack(family, socket.IPPROTO_TCP, _IN_LISTEN)
        kernel.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG, _DUMP, 1, 0) + request)
        while True:
            answer = kernel.recv(1 << 16)
            while answer:
                length, kind, *_ = _HEADER.unpack_from(answer)
                if kind == _DONE:
                    return
                if kind == _ERROR or length < _HEADER.size:
                    raise OSError("the kernel does not tell who listens")
                port, queue, inode = _ANSWER.unpack_from(answer, _HEADER.size)
                yield Listener(int.from_bytes(port), str(inode), queue)
                answer = answer[length + -length % 4 :]


def _listed(path: Path) -> Iterator[Listener]:
    for words in _lines(path):
        # Those that listen come first: of ten thousand connections none is read.
        if words[3] != _LISTENS:
            return
        yield Listener(int(words[1].rpartition(":")[2], 16), words[9], int(words[4].rpartition(":")[2], 16))


def most_to_one_place(root: Path, ports: range) -> int:
    """How many local ports of a range are in use towards the one remote address and port that has most of them."""
    places: Counter[str] = Counter()
    for file in _FILES.values():
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
