"""How large a difference of two distributions is, whatever their unit."""

from __future__ import annotations

from tenantry.compare.blocks import Blocks


def cliffs_delta(new: Blocks, old: Blocks) -> float | None:
    """How much more often a new response time is longer than an old one than shorter, from -1 to 1; None without both.

    From the merged histograms: times in one bucket are equal (Cliff, Dominance statistics, Psychological Bulletin 114, 1993).
    """
    ours, theirs = _counts(new), _counts(old)
    if not ours or not theirs:
        return None
    all_ours, all_theirs = sum(ours.values()), sum(theirs.values())
    below, more = 0, 0
    for bucket in sorted({*ours, *theirs}):
        # Those of the other run below this bucket, less those above it.
        equal = theirs.get(bucket, 0)
        more += ours.get(bucket, 0) * (2 * below + equal - all_theirs)
        below += equal
    return more / (all_ours * all_theirs)


def _counts(blocks: Blocks) -> dict[int, int]:
    totals = [sum(counts) for counts in blocks.cumulative]
    return {bucket: high - low for bucket, low, high in zip(blocks.buckets, [0, *totals], totals, strict=False)}
