"""Checkpoints that never end, because the log is too small."""

from __future__ import annotations

from collections.abc import Mapping

from tenantry_clinic.faults._model import Fault, Show

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Each sale counts in three hundred rows of a table that has one row on a page, so that sales touch many pages and change little of each.
COUNTERS = """
CREATE TABLE sales_counters (id int PRIMARY KEY, sales int NOT NULL, remark text NOT NULL)
    WITH (fillfactor = 50, autovacuum_enabled = off);
ALTER TABLE sales_counters ALTER COLUMN remark SET STORAGE PLAIN;
INSERT INTO sales_counters SELECT n, 0, rpad('', 3800) FROM generate_series(1, 16300) AS n;
CREATE FUNCTION count_sale() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first int := 1 + (random() * 15999)::int;
BEGIN
    UPDATE sales_counters SET sales = sales + 1 WHERE id >= first AND id < first + 300;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_sale AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION count_sale();
"""


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
    shown=Show("checkout", "25/s", server=DURABLE),
    scene=COUNTERS,
    lay=COUNTERS,
    mend="DROP TRIGGER IF EXISTS count_sale ON payments; DROP FUNCTION IF EXISTS count_sale(); DROP TABLE IF EXISTS sales_counters",
    server=_small_log,
)
