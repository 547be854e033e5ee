"""Who writes into a folder: a lock on the folder, which the system takes away from a process that is gone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def mark_running(folder: Path) -> int:
    """Mark a folder as being written until the descriptor that is returned is closed, or this process ends however it does."""
    descriptor = os.open(folder, os.O_RDONLY)
    # On a file system without locks nobody is told, and nothing else is lost.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_running(folder: Path) -> bool:
    """Whether a process of this machine has marked the folder; False where that cannot be told."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within the block no other process of this machine is in one for the same folder: to read a file of it, and write it changed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # On a file system without locks the last one to write wins.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
