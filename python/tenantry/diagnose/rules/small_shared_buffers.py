"""A cache that is too small for what is read."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent

_BLOCK = 8192


def _find(evidence: Evidence) -> Iterator[Finding]:
    readings = evidence.readings
    read, hit = readings.growth("database.blks_read"), readings.growth("database.blks_hit")
    cache = float(evidence.setting("shared_buffers") or 0) * _BLOCK
    data = sum(float(table.get("bytes") or 0) + float(table.get("index_bytes") or 0) for table in evidence.objects("tables"))
    share = read / (read + hit) if read + hit else 0.0
    waits = evidence.sessions.waiting("IO", "DataFileRead", "DataFilePrefetch", "AioIoCompletion", "AioIoUringExecution")
    waits += evidence.sessions.waiting("LWLock", "BufferMapping", "BufferContent", "BufferIO")
    if not cache or data < cache or share < 0.05 or read / evidence.duration_s < 500:
        return
    told = [
        f"{percent(share)} of the blocks were read from outside the cache, {count(read / evidence.duration_s)} a second",
        f"shared_buffers is {count(cache / 1e6)} MB, tables and indexes have {count(data / 1e6)} MB",
    ]
    if waits:
        told.append(f"{percent(waits / max(evidence.sessions.working, 1e-9))} of the sessions at work wait for blocks")
    yield Finding(
        RULE.id,
        evidence.share(evidence.database_time * max(share, waits / max(evidence.sessions.working, 1e-9))),
        grade((2.0, data > 4 * cache), (1.0, share > 0.15), (1.0, waits > 0)),
        "Postgres caches less than the app reads",
        tuple(told),
        Fix("give Postgres a larger cache: a quarter of the memory", "ALTER SYSTEM SET shared_buffers = '1GB'  -- then restart"),
    )


RULE = Rule(
    "small_shared_buffers",
    "The cache is too small for what is read",
    "Blocks come from outside shared_buffers, which is far smaller than the data; sessions wait for IO:DataFileRead.",
    "A statement without its index, deep pages or bloat read more blocks than they should: then the cache is not the cause. A cold start"
    " reads much, too, for a short while.",
    "shared_buffers.",
    _find,
    explains=("app_pool_small", "database_cpu"),
)
