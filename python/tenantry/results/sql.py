"""SQL over sparse histograms: merge by bucket, then read quantiles off the running count."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.results.model import Summary

_HIGHEST_NS = """(CASE WHEN {bucket} < 2048 THEN {bucket}::BIGINT
    ELSE (({bucket} % 1024 + 1025)::BIGINT << ({bucket} // 1024 - 1)) - 1 END * 1000 + 999)"""
SUMMARY_PERMILLE = (500, 900, 950, 990, 999)


def quantiles(source: str, *, histogram: str, key: str, permille: Sequence[int], total: bool = False) -> str:
    """A query for (key, n, sum_ns, max_ns, quantile_ns...) per value of the expression `key` of `source`.

    `histogram` names the columns (`response` for `response_buckets` and so on). With `total`, a row with key NULL stands for everything.
    Rows with an empty histogram are left out. Quantile q is the highest value of the bucket with rank ceil(q * n), at most the maximum.
    """
    everything = "UNION ALL SELECT NULL, bucket, sum(c)::BIGINT FROM merged GROUP BY bucket" if total else ""
    sets = "GROUPING SETS ((key), ())" if total else "key"
    found = ", ".join(f"min(bucket) FILTER (seen * 1000 >= n * {q}) AS b{q}" for q in permille)
    values = ", ".join(f"least({_HIGHEST_NS.format(bucket=f'b{q}')}, max_ns)" for q in permille)
    return f"""
        WITH base AS (SELECT {key} AS key, {histogram}_buckets AS buckets, {histogram}_counts AS counts,
                             {histogram}_sum_ns AS sum_ns, {histogram}_max_ns AS max_ns FROM {source} WHERE len({histogram}_buckets) > 0),
        entries AS (SELECT key, unnest(buckets) AS bucket, unnest(counts) AS c FROM base),
        merged AS (SELECT key, bucket, sum(c)::BIGINT AS c FROM entries GROUP BY key, bucket),
        everything AS (SELECT key, bucket, c FROM merged {everything}),
        running AS (SELECT key, bucket, sum(c) OVER (PARTITION BY key ORDER BY bucket) AS seen, sum(c) OVER (PARTITION BY key) AS n
                    FROM everything),
        ranked AS (SELECT key, any_value(n)::BIGINT AS n, {found} FROM running GROUP BY key),
        exact AS (SELECT key, sum(sum_ns)::BIGINT AS sum_ns, max(max_ns) AS max_ns FROM base GROUP BY {sets})
        SELECT ranked.key, n, sum_ns, max_ns, {values}
        FROM ranked JOIN exact ON ranked.key IS NOT DISTINCT FROM exact.key"""


def summary(n: int, sum_ns: int, max_ns: int, *quantiles_ns: int) -> Summary:
    """A row of `quantiles` for `SUMMARY_PERMILLE`, without its key, in seconds."""
    p50, p90, p95, p99, p999 = (ns / 1e9 for ns in quantiles_ns)
    return Summary(p50, p90, p95, p99, p999, sum_ns / n / 1e9, max_ns / 1e9, n)
