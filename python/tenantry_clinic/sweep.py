"""Uploaded bytes that no row knows any more, as after `tenantry clean`: found, and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from tenantry_clinic.db import Database
from tenantry_clinic.files import kept_before
from tenantry_clinic.settings import Settings

KNOWN = "SELECT encode(sha256, 'hex') AS sha256 FROM prescription_files"


async def orphans(settings: Settings, moment: float) -> AsyncIterator[Path]:
    """Files last written before `moment` (seconds since 1970) that their clinic's rows do not name; one that is arriving is younger."""
    async with Database.connect(settings, min_size=1, max_size=1) as db:
        for folder in sorted(settings.files.glob("[0-9]*")):
            # First the files, then the rows: what is old and has no row by then gets none, unless it is uploaded again.
            found = list(kept_before(folder, moment)) if folder.name.isdecimal() else []
            if found:
                async with db.tenant(int(folder.name)) as session:
                    known = {row["sha256"] for row in await session.fetch(KNOWN)}
                for path in found:
                    if path.name not in known:
                        yield path


async def sweep(settings: Settings, moment: float, *, remove: bool) -> tuple[int, int]:
    """Count orphans and their bytes; remove them if asked to."""
    files = size = 0
    async for path in orphans(settings, moment):
        status = path.stat()
        if status.st_mtime >= moment:  # uploaded again in the meantime
            continue
        files, size = files + 1, size + status.st_size
        if remove:
            path.unlink()
    return files, size
