"""Processes beside the app. They are no threads of it: what they do costs neither its interpreter lock nor its CPU time."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from tenantry.processes import accepts_tcp, start


@asynccontextmanager
async def process(command: Sequence[str | Path], *, name: str, port: int | None = None) -> AsyncIterator[None]:
    """Run `command`, from when it listens on `port` to the end of the block; it ends with us even if we are killed."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tenantry-clinic-"))
    try:
        child = await asyncio.to_thread(partial(start, command, name=name, log=folder / "log"))
        try:
            if port is not None:
                await asyncio.to_thread(partial(child.wait_until, partial(accepts_tcp, port)))
            yield
        finally:
            await asyncio.to_thread(child.stop)
    finally:
        await asyncio.to_thread(partial(shutil.rmtree, folder, ignore_errors=True))


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-m", f"{__package__}.{name}", *map(str, arguments)]
