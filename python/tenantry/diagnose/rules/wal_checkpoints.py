"""Checkpoints follow each other."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.diagnose.evidence import Evidence
from tenantry.diagnose.model import Finding, Fix
from tenantry.diagnose.rule import Rule
from tenantry.diagnose.words import count, grade, percent

# A log without room also begins new files. Since Postgres 17 these are spelled another way.
_LOG = tuple(f"{log}{what}" for log in ("WAL", "Wal") for what in ("Sync", "Write", "InitSync", "InitWrite"))


def _find(evidence: Evidence) -> Iterator[Finding]:
    readings = evidence.readings
    asked = readings.growth("checkpointer.num_requested") + readings.growth("bgwriter.checkpoints_req")
    images, records = readings.growth("wal.wal_fpi"), readings.growth("wal.wal_records")
    waits = evidence.sessions.waiting("IO", *_LOG) + evidence.sessions.waiting("LWLock", "WALWrite")
    if asked < 2 or asked / evidence.duration_s < 0.05 or (evidence.held_share(waits) < 0.1 and images < 0.1 * records):
        return
    yield Finding(
        RULE.id,
        evidence.share(waits + evidence.sessions.waiting("Lock")),
        grade((2.0, True), (1.0, images >= 0.2 * records), (1.0, waits > 0)),
        "checkpoints follow each other, and whole pages are logged again and again",
        (
            f"{count(asked)} checkpoints were requested in {count(evidence.duration_s)} s, because max_wal_size"
            f" ({evidence.setting('max_wal_size')} MB) was full",
            f"{count(images)} whole pages among {count(records)} records of the log",
            f"{percent(waits / max(evidence.sessions.working, 1e-9))} of the sessions at work wait for the log",
        ),
        Fix(
            "room for the log",
            "ALTER SYSTEM SET max_wal_size = '4GB'; ALTER SYSTEM SET checkpoint_timeout = '15min'; SELECT pg_reload_conf()",
        ),
    )


RULE = Rule(
    "wal_checkpoints",
    "Checkpoints follow each other",
    "Checkpoints are requested by a full log, pages are logged whole, sessions wait for WALWrite and WALSync.",
    "A slow disk alone makes sessions wait for the log, with few checkpoints.",
    "max_wal_size, checkpoint_timeout.",
    _find,
    explains=("app_pool_small", "hot_row_lock"),
)
