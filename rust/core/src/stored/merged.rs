//! Sparse histograms put together.

use std::sync::LazyLock;

use super::side_by_side;
use crate::histogram::{bucket_at, bucket_of, lowest_of, value_at};

/// Buckets of the coarse histograms that travel in a page: 32 to a doubling.
const COARSE_HALF_BITS: u32 = 5;
/// The coarse bucket of each bucket.
static COARSE: LazyLock<Vec<u32>> = LazyLock::new(|| (0..=bucket_of(u64::MAX)).map(|bucket| coarse_of(lowest_of(bucket))).collect());

/// Rows merged into one histogram; never empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The number of durations.
    pub total: u64,
    /// Their exact sum in nanoseconds.
    pub sum_ns: i64,
    /// Their exact maximum in nanoseconds.
    pub max_ns: i64,
    /// (bucket, count) pairs in ascending order of bucket.
    pub counts: Vec<(u32, u64)>,
}

impl Merged {
    /// All of a group as one, for each of the groups.
    #[must_use]
    pub fn sums(groups: &[Vec<&Self>]) -> Vec<Self> {
        side_by_side(groups, |some| {
            let mut scratch = Scratch::default();
            some.iter().map(|group| scratch.sum(group.iter().map(|part| (part.sum_ns, part.max_ns, part.counts.as_slice())))).collect()
        })
    }

    /// The bucket of the duration of rank `rank`, from 1.
    #[must_use]
    pub fn bucket_at_rank(&self, rank: u64) -> u32 {
        bucket_at(&self.counts, rank).unwrap_or(u32::MAX)
    }

    /// The value in nanoseconds of rank `rank`, from 1: the highest of its bucket, at most the exact maximum.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> i64 {
        value_at(&self.counts, rank, self.max_ns).unwrap_or(self.max_ns)
    }

    /// The same durations in buckets of 32 to a doubling.
    #[must_use]
    pub fn coarse(&self) -> Vec<(u32, u64)> {
        let mut found: Vec<(u32, u64)> = Vec::new();
        for &(bucket, count) in &self.counts {
            let bucket = COARSE.get(bucket as usize).copied().unwrap_or(u32::MAX);
            match found.last_mut() {
                Some(last) if last.0 == bucket => last.1 += count,
                _ => found.push((bucket, count)),
            }
        }
        found
    }
}

/// A coarse histogram as pages carry it: the distance of each bucket from the one before, and its count less that of `base`; what is zero
/// then is left out.
#[must_use]
pub fn flat(counts: &[(u32, u64)], base: &[(u32, u64)]) -> Vec<i64> {
    let (mut left, mut right) = (counts.iter().copied().peekable(), base.iter().copied().peekable());
    let (mut found, mut before) = (Vec::new(), 0);
    while let Some(bucket) = [left.peek(), right.peek()].into_iter().flatten().map(|pair| pair.0).min() {
        let [more, less] = [&mut left, &mut right].map(|side| side.next_if(|pair| pair.0 == bucket).map_or(0, |pair| pair.1));
        let count = i64::try_from(i128::from(more) - i128::from(less)).unwrap_or(i64::MAX);
        if count != 0 {
            found.extend([i64::from(bucket) - std::mem::replace(&mut before, i64::from(bucket)), count]);
        }
    }
    found
}

/// The coarse bucket that holds `us` microseconds.
pub(super) fn coarse_of(us: u64) -> u32 {
    let shift = (u64::BITS - us.leading_zeros()).saturating_sub(COARSE_HALF_BITS + 1);
    let index = (u64::from(shift) << COARSE_HALF_BITS) + (us >> shift);
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Counts by bucket, and a bit for each that is in use: they come out in order without being sorted.
pub(super) struct Scratch {
    counts: Vec<u64>,
    used: Vec<u64>,
}

impl Default for Scratch {
    fn default() -> Self {
        let words = (bucket_of(u64::MAX) / u64::BITS + 1) as usize;
        Self { counts: vec![0; words * u64::BITS as usize], used: vec![0; words] }
    }
}

impl Scratch {
    /// Histograms, each with its sum, its maximum and its entries, as one.
    pub(super) fn sum<'a, B, C>(&mut self, parts: impl Iterator<Item = (i64, i64, &'a [(B, C)])>) -> Merged
    where
        B: Copy + Into<u32> + 'a,
        C: Copy + Into<u64> + 'a,
    {
        let mut found = Merged::default();
        for (sum_ns, max_ns, entries) in parts {
            found.sum_ns = found.sum_ns.saturating_add(sum_ns);
            found.max_ns = found.max_ns.max(max_ns);
            entries.iter().for_each(|&(bucket, count)| self.add(bucket.into(), count.into()));
        }
        found.counts = self.take();
        found.total = found.counts.iter().map(|&(_, count)| count).sum();
        found
    }

    /// A bucket that does not exist counts as the last one.
    fn add(&mut self, bucket: u32, count: u64) {
        let bucket = (bucket as usize).min(self.counts.len() - 1);
        if let (Some(there), Some(bits)) = (self.counts.get_mut(bucket), self.used.get_mut(bucket / u64::BITS as usize)) {
            *there += count;
            *bits |= 1 << (bucket % u64::BITS as usize);
        }
    }

    /// What was added, in ascending order of bucket.
    fn take(&mut self) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        for (bits, base) in self.used.iter_mut().zip((0_u32..).step_by(u64::BITS as usize)) {
            while *bits > 0 {
                let bucket = base + bits.trailing_zeros();
                *bits &= *bits - 1;
                if let Some(count) = self.counts.get_mut(bucket as usize).map(std::mem::take).filter(|&count| count > 0) {
                    found.push((bucket, count));
                }
            }
        }
        found
    }
}
