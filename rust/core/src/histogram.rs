//! HDR histograms with three significant digits: the bucket layout of HdrHistogram (Tene), stored sparsely.
//!
//! Values are microseconds. Bucket `i` below 2048 is the value `i` itself; above, buckets double in width every 1024 indexes,
//! so that a bucket is never wider than 1/1024 of its value.

use crate::clock::SECOND;

const HALF: u64 = 1024;
const HALF_BITS: u32 = 10;
/// The longest value kept apart: ten minutes, in microseconds. Longer ones count there; the exact maximum is kept beside.
pub const LONGEST_US: u64 = 600_000_000;
const COMPACT_AT: usize = 4096;

/// The bucket that holds `us` microseconds.
#[must_use]
pub fn bucket_of(us: u64) -> u32 {
    let us = us.min(LONGEST_US);
    let shift = (64 - HALF_BITS - 1).saturating_sub((us | (2 * HALF - 1)).leading_zeros());
    let index = u64::from(shift) * HALF + (us >> shift);
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The highest value, in microseconds, that bucket `index` holds.
#[must_use]
pub fn highest_of(index: u32) -> u64 {
    let index = u64::from(index);
    if index < 2 * HALF {
        return index;
    }
    let shift = index / HALF - 1;
    ((index % HALF + HALF + 1) << shift) - 1
}

/// The lowest value, in microseconds, that bucket `index` holds.
#[must_use]
pub fn lowest_of(index: u32) -> u64 {
    index.checked_sub(1).map_or(0, |before| highest_of(before) + 1)
}

/// The bucket that holds rank `rank`, from 1, of ascending (bucket, count) pairs; none beyond the last.
#[must_use]
pub fn bucket_at(counts: &[(u32, u64)], rank: u64) -> Option<u32> {
    let mut seen = 0;
    let holds = |&&(_, count): &&(u32, u64)| {
        seen += count;
        seen >= rank
    };
    counts.iter().find(holds).map(|&(bucket, _)| bucket)
}

/// The value in nanoseconds of rank `rank`, from 1, of ascending (bucket, count) pairs: the highest of its bucket, at most `max_ns`.
#[must_use]
pub fn value_at(counts: &[(u32, u64)], rank: u64, max_ns: i64) -> Option<i64> {
    let bucket = bucket_at(counts, rank)?;
    let highest_ns = i64::try_from(highest_of(bucket)).unwrap_or(i64::MAX).saturating_mul(1000).saturating_add(999);
    Some(highest_ns.min(max_ns))
}

/// A sparse histogram of durations: what one series saw in one stretch of time.
#[derive(Debug, Default, Clone)]
pub struct Histogram {
    counts: Vec<(u32, u64)>,
    fresh: Vec<u32>,
    total: u64,
    sum_ns: i64,
    max_ns: i64,
}

impl Histogram {
    /// Records one duration in nanoseconds; a negative one counts as zero.
    pub fn record(&mut self, ns: i64) {
        let ns = ns.max(0);
        self.total += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.max_ns = self.max_ns.max(ns);
        self.fresh.push(bucket_of(ns.unsigned_abs() / 1000));
        if self.fresh.len() >= COMPACT_AT {
            self.compact();
        }
    }

    /// The number of recorded durations.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The exact sum in nanoseconds.
    #[must_use]
    pub fn sum_ns(&self) -> i64 {
        self.sum_ns
    }

    /// The exact maximum in nanoseconds.
    #[must_use]
    pub fn max_ns(&self) -> i64 {
        self.max_ns
    }

    /// The (bucket, count) pairs in ascending order of bucket.
    pub fn buckets(&mut self) -> &[(u32, u64)] {
        self.compact();
        &self.counts
    }

    /// The value in nanoseconds at quantile `q` (0 to 1): the highest value of the bucket with rank `ceil(q * n)`; None when empty.
    pub fn quantile_ns(&mut self, q: f64) -> Option<i64> {
        self.compact();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rank below the count")]
        let rank = ((q * self.total as f64).ceil() as u64).clamp(1, self.total.max(1));
        value_at(&self.counts, rank, self.max_ns)
    }

    /// Adds everything that `other` recorded.
    pub fn merge(&mut self, other: &mut Histogram) {
        other.compact();
        self.compact();
        self.counts = merged(&self.counts, other.counts.iter().copied());
        self.total += other.total;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    fn compact(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        self.fresh.sort_unstable();
        self.counts = merged(&self.counts, self.fresh.drain(..).map(|bucket| (bucket, 1)));
    }
}

/// Two ascending lists of (bucket, count) as one, counts of equal buckets added.
fn merged(left: &[(u32, u64)], right: impl Iterator<Item = (u32, u64)>) -> Vec<(u32, u64)> {
    let mut out: Vec<(u32, u64)> = Vec::with_capacity(left.len() + 16);
    let mut put = |entry: (u32, u64)| match out.last_mut() {
        Some(last) if last.0 == entry.0 => last.1 += entry.1,
        _ => out.push(entry),
    };
    let mut left = left.iter().copied().peekable();
    for entry in right {
        while let Some(earlier) = left.next_if(|earlier| earlier.0 <= entry.0) {
            put(earlier);
        }
        put(entry);
    }
    left.for_each(put);
    out
}

/// Nanoseconds as seconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ns")]
pub fn seconds(ns: i64) -> f64 {
    ns as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_agree_with_the_hdr_histogram_of_its_author() {
        let mut oracle = hdrhistogram::Histogram::<u64>::new_with_bounds(1, LONGEST_US, 3).unwrap();
        for us in (0..5000).chain((5000..LONGEST_US).step_by(999_983)) {
            oracle.reset();
            oracle.record(us).unwrap();
            assert_eq!(highest_of(bucket_of(us)), oracle.highest_equivalent(us), "{us}");
        }
    }

    #[test]
    fn a_value_beyond_ten_minutes_keeps_its_exact_maximum() {
        let mut histogram = Histogram::default();
        histogram.record(3600 * SECOND);
        assert_eq!(histogram.max_ns(), 3600 * SECOND);
        assert_eq!(histogram.quantile_ns(0.5).unwrap() / 1000, i64::try_from(highest_of(bucket_of(LONGEST_US))).unwrap());
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::default().quantile_ns(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_lie_within_a_thousandth_of_the_sorted_values(
            values in prop::collection::vec(0_i64..60 * SECOND, 1..9000), q in 0.0_f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&ns| histogram.record(ns));
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = sorted[rank - 1];
            let found = histogram.quantile_ns(q).unwrap();
            prop_assert!(found >= exact && found - exact <= exact / 1000 + 1000, "{found} for {exact}");
            prop_assert_eq!(histogram.sum_ns(), values.iter().sum::<i64>());
        }

        #[test]
        fn merging_equals_recording_everything_in_one(
            left in prop::collection::vec(0_i64..SECOND, 0..5000), right in prop::collection::vec(0_i64..SECOND, 0..5000),
        ) {
            let (mut a, mut b, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
            for &ns in &left { a.record(ns); both.record(ns); }
            for &ns in &right { b.record(ns); both.record(ns); }
            a.merge(&mut b);
            prop_assert_eq!(a.buckets(), both.buckets());
            prop_assert_eq!((a.total(), a.max_ns()), (both.total(), both.max_ns()));
        }
    }
}
