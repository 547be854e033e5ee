"""SQL over sparse histograms: merge by bucket, then read quantiles off the running count."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCK = 128
_HIGHEST_NS = """(CASE WHEN bucket < 2048 THEN bucket::BIGINT
    ELSE ((bucket % 1024 + 1025)::BIGINT << (bucket // 1024 - 1)) - 1 END * 1000 + 999)"""


def quantiles(source: str, *, histogram: str, key: str, permille: Sequence[int]) -> str:
    """A query for (key, n, sum_ns, max_ns, quantile_ns...) per value of the expression `key` of `source`.

    `histogram` names the columns (`response` for `response_buckets` and so on).
    Rows with an empty histogram are left out. Quantile q is the highest value of the bucket with rank ceil(q * n), at most the maximum.

    Buckets are first counted in blocks of 128; only those of the blocks that hold a quantile are then told apart. That is five times
    quicker than ordering all of them.
    """
    wanted = ", ".join(f"({q})" for q in permille)
    values = ", ".join(f"least(max({_HIGHEST_NS}) FILTER (q = {q}), any_value(max_ns))" for q in permille)
    return f"""
        WITH base AS (SELECT {key} AS key, {histogram}_buckets AS buckets, {histogram}_counts AS counts,
                             {histogram}_sum_ns AS sum_ns, {histogram}_max_ns AS max_ns FROM {source} WHERE len({histogram}_buckets) > 0),
        entries AS (SELECT key, unnest(buckets) AS bucket, unnest(counts) AS c FROM base),
        blocks AS (SELECT key, bucket // {_BLOCK} AS block, sum(c)::BIGINT AS c FROM entries GROUP BY ALL),
        running AS (SELECT key, block, c, sum(c) OVER (PARTITION BY key ORDER BY block) AS seen, sum(c) OVER (PARTITION BY key) AS n
                    FROM blocks),
        target AS MATERIALIZED (SELECT key, q, n, min(block) AS block, min(seen - c) AS before
                                FROM running, (VALUES {wanted}) AS wanted(q) WHERE seen * 1000 >= n * q GROUP BY key, q, n),
        near AS (SELECT DISTINCT key, block FROM target),
        inside AS (SELECT near.key, near.block, bucket, sum(c)::BIGINT AS c FROM entries AS entry
                   JOIN near ON entry.key IS NOT DISTINCT FROM near.key AND entry.bucket // {_BLOCK} = near.block GROUP BY ALL),
        fine AS (SELECT key, block, bucket, sum(c) OVER (PARTITION BY key, block ORDER BY bucket) AS seen FROM inside),
        found AS (SELECT target.key, q, any_value(n) AS n, min(bucket) AS bucket
                  FROM target JOIN fine ON fine.key IS NOT DISTINCT FROM target.key AND fine.block = target.block
                  WHERE (before + fine.seen) * 1000 >= n * q GROUP BY target.key, q),
        exact AS (SELECT key, sum(sum_ns)::BIGINT AS sum_ns, max(max_ns) AS max_ns FROM base GROUP BY key)
        SELECT found.key, any_value(n)::BIGINT, any_value(sum_ns), any_value(max_ns), {values}
        FROM found JOIN exact ON found.key IS NOT DISTINCT FROM exact.key GROUP BY found.key"""
