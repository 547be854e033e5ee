"""How the kernel's files are read."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = float(os.sysconf("SC_CLK_TCK"))


def text(path: Path) -> str:
    """A file of the kernel's; empty where it does not have it, or does not show it."""
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
