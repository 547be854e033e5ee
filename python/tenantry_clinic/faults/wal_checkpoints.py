"""Checkpoints that never end, because the log is too small."""

from __future__ import annotations

from collections.abc import Mapping

from tenantry_clinic.faults._model import Fault, Show

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def _small_log(value: float) -> Mapping[str, str]:
    return {"max_wal_size": f"{int(value)}MB", "min_wal_size": "32MB", "checkpoint_timeout": "30s", "checkpoint_completion_target": "0"}


fault = Fault(
    summary="max_wal_size is so small that checkpoints follow each other, and every page is logged whole again and again",
    parameter="megabytes of max_wal_size",
    default=32,
    least=32,
    most=1023,
    symptom="writing is slow: requested checkpoints (checkpoints_req), whole pages in the log (wal_fpi), waits for WALSync and WALWrite",
    remedy="max_wal_size = 1GB, checkpoint_timeout = 15min, checkpoint_completion_target = 0.9",
    shown=Show("checkout", "60/s", server=DURABLE),
    server=_small_log,
)
