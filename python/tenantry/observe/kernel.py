"""How the kernel's files are read."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

TICKS = float(os.sysconf("SC_CLK_TCK"))


def text(path: Path | str) -> str:
    """A file of the kernel's; empty where it does not have it, or does not show it.

    Hundreds are read each second: without a buffer, and by names that are put together as text, it takes half the time.
    """
    try:
        with FileIO(path) as file:
            return file.readall().decode("utf-8", "replace")
    except OSError:
        return ""
